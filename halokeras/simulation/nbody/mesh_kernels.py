"""The loops of `halokeras.simulation.nbody.particle_mesh` over particles and modes, compiled.

Each does a chunk of particles, a block of columns or a row of modes by one thread. Positions
[Mpc/h] and velocities are (N, 3) float32.
"""

import numba
import numpy as np

CORNER = 0.5
"""Place of the mesh's corners, in cells from the lattice points that they lie around.

Were particles to start on corners, where the cloud-in-cell weights have their kink, displacements
below a cell would raise spurious small-scale forces: an rms of 0.25 cells by z = 1, against 0.01.
"""


@numba.njit(cache=True, nogil=True, inline="always")
def _moved(x, v, time, box_size):  # type: ignore[no-untyped-def]
    """Return x + time v in [0, box_size)."""
    end = x + time * v
    end -= box_size * np.floor(end / box_size)
    return end if end < box_size else np.float32(0)  # rounding may reach the face


@numba.njit(cache=True, nogil=True, inline="always")
def _corner(x, per_cell, cells):  # type: ignore[no-untyped-def]
    """Return the corner of the mesh below x, and the share of the one above."""
    place = x * per_cell - np.float32(CORNER)
    floor = np.floor(place)
    lower = np.int64(floor)
    return lower if lower >= 0 else cells - 1, place - floor


@numba.njit(cache=True, nogil=True, inline="always")
def _column_of(x, y, place):  # type: ignore[no-untyped-def]
    per_cell, column_x, column_y = place
    i, _ = _corner(x, per_cell, len(column_x))
    j, _ = _corner(y, per_cell, len(column_y))
    return column_x[i] + column_y[j]


@numba.njit(cache=True, nogil=True)
def tally(position, velocity, drift, place, count):  # type: ignore[no-untyped-def]
    """Count the particles that will be in each column."""
    time, box_size = drift
    for p in range(position.shape[0]):
        x = _moved(position[p, 0], velocity[p, 0], time, box_size)
        y = _moved(position[p, 1], velocity[p, 1], time, box_size)
        count[_column_of(x, y, place)] += 1


@numba.njit(cache=True, nogil=True)
def copy(position, velocity, drift, place, slot, moved):  # type: ignore[no-untyped-def]
    """Move particles to the next slot of their column."""
    time, box_size = drift
    new_position, new_velocity = moved
    for p in range(position.shape[0]):
        x = _moved(position[p, 0], velocity[p, 0], time, box_size)
        y = _moved(position[p, 1], velocity[p, 1], time, box_size)
        z = _moved(position[p, 2], velocity[p, 2], time, box_size)
        column = _column_of(x, y, place)
        q = slot[column]
        slot[column] += 1
        new_position[q, 0] = x
        new_position[q, 1] = y
        new_position[q, 2] = z
        for axis in range(3):
            new_velocity[q, axis] = velocity[p, axis]


@numba.njit(cache=True, nogil=True)
def deposit(position, grid, per_cell):  # type: ignore[no-untyped-def]
    """Add each particle to the eight corners around it."""
    cells = grid.shape[0]
    one = np.float32(1)
    for p in range(position.shape[0]):
        i, wx = _corner(position[p, 0], per_cell, cells)
        j, wy = _corner(position[p, 1], per_cell, cells)
        k, wz = _corner(position[p, 2], per_cell, cells)
        above_i = i + 1 if i + 1 < cells else 0
        above_j = j + 1 if j + 1 < cells else 0
        above_k = k + 1 if k + 1 < cells else 0
        far = wx * wy
        grid[i, j, k] += (one - wx - wy + far) * (one - wz)
        grid[i, j, above_k] += (one - wx - wy + far) * wz
        grid[i, above_j, k] += (wy - far) * (one - wz)
        grid[i, above_j, above_k] += (wy - far) * wz
        grid[above_i, j, k] += (wx - far) * (one - wz)
        grid[above_i, j, above_k] += (wx - far) * wz
        grid[above_i, above_j, k] += far * (one - wz)
        grid[above_i, above_j, above_k] += far * wz


@numba.njit(cache=True, nogil=True)
def solve_poisson(row, j, responses, scale):  # type: ignore[no-untyped-def]
    """Multiply the modes of row j, of every x and z, by the inverse Laplacian as it is felt.

    That is a sum over `responses`: each a window and squared wavenumbers along an axis, and how
    much it counts.
    """
    felt = np.empty(row.shape[1], dtype=np.float32)
    for i in range(row.shape[0]):
        felt[:] = 0
        for window, square, share in responses:
            across = share * window[i] * window[j]
            if across == 0:
                continue
            squares = square[i] + square[j]
            for k in range(row.shape[1]):
                below = squares + square[k]
                # Images alone may have none, and the mean has none.
                felt[k] += across * window[k] / below if below > 0 else np.float32(0)
        for k in range(row.shape[1]):
            row[i, k] *= scale * felt[k]


@numba.njit(cache=True, nogil=True)
def kick_and_drift(particles, potential, block, edges, step, sides):  # type: ignore[no-untyped-def]
    """Kick and drift the particles of a block of columns, all of those at the same x."""
    position, velocity, first = particles
    edges_x, edges_y = edges
    keep, gain, time = step
    box_size, per_cell = sides
    cells = potential.shape[0]
    columns = len(edges_y) - 1
    x0, x1 = edges_x[block], edges_x[block + 1]
    widest = np.max(edges_y[1:] - edges_y[:-1])
    slope = np.empty((x1 - x0 + 1, widest + 1, 3, cells + 1), dtype=np.float32)
    for column in range(columns):
        y0, y1 = edges_y[column], edges_y[column + 1]
        begin, end = first[block * columns + column], first[block * columns + column + 1]
        for i in range(x0, x1 + 1):
            for j in range(y0, y1 + 1):
                _differentiate(potential, i, j, slope[i - x0, j - y0])
        for p in range(begin, end):
            i, wx = _corner(position[p, 0], per_cell, cells)
            j, wy = _corner(position[p, 1], per_cell, cells)
            k, wz = _corner(position[p, 2], per_cell, cells)
            for axis in range(3):
                left = _within_plane(slope[i - x0], j - y0, axis, k, wy, wz)
                right = _within_plane(slope[i - x0 + 1], j - y0, axis, k, wy, wz)
                v = keep * velocity[p, axis] - gain * (left + wx * (right - left))
                velocity[p, axis] = v
                position[p, axis] = _moved(position[p, axis], v, time, box_size)


@numba.njit(cache=True, nogil=True)
def _differentiate(potential, i, j, slope):  # type: ignore[no-untyped-def]
    """Write the gradient of the potential at the corners (i, j, all k) and again the first.

    The derivative at a corner is 2/3 (f[1] - f[-1]) - 1/12 (f[2] - f[-2]).
    """
    cells = potential.shape[0]
    near, far = np.float32(2 / 3), np.float32(1 / 12)
    here = j % cells
    below, above = potential[(i - 1) % cells, here], potential[(i + 1) % cells, here]
    lowest, highest = potential[(i - 2) % cells, here], potential[(i + 2) % cells, here]
    along = slope[0]
    for k in range(cells):
        along[k] = near * (above[k] - below[k]) - far * (highest[k] - lowest[k])
    here = i % cells
    below, above = potential[here, (j - 1) % cells], potential[here, (j + 1) % cells]
    lowest, highest = potential[here, (j - 2) % cells], potential[here, (j + 2) % cells]
    along = slope[1]
    for k in range(cells):
        along[k] = near * (above[k] - below[k]) - far * (highest[k] - lowest[k])
    line = potential[here, j % cells, :cells]
    along = slope[2]
    for k in range(2, cells - 2):
        along[k] = near * (line[k + 1] - line[k - 1]) - far * (line[k + 2] - line[k - 2])
    for k in (0, 1, cells - 2, cells - 1):
        along[k] = near * (line[(k + 1) % cells] - line[k - 1]) - far * (
            line[(k + 2) % cells] - line[k - 2]
        )
    for axis in range(3):
        slope[axis, cells] = slope[axis, 0]


@numba.njit(cache=True, nogil=True, inline="always")
def _within_plane(slope, j, axis, k, wy, wz):  # type: ignore[no-untyped-def]
    """Interpolate between the four corners in a plane of equal x."""
    near = slope[j, axis, k] + wz * (slope[j, axis, k + 1] - slope[j, axis, k])
    far = slope[j + 1, axis, k] + wz * (slope[j + 1, axis, k + 1] - slope[j + 1, axis, k])
    return near + wy * (far - near)
