"""The pull of equal particles on each other by a periodic mesh.

Particles are sorted by the mesh column that they lie in: a few cells wide in x and y and as long as
the box in z, so that the part of the mesh that a column's particles touch stays in a core's cache.
Threads share out columns, planes and rows, each done whole by one thread, and neighbours that add
to the same cells take turns: the result does not depend on the number of threads.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

SHARPENING = 4
"""Powers of the sinc window that the force undoes: all that deposit and interpolation lose.

The pull of two particles one cell apart is then Newton's, though by a third more or less with where
in a cell they are. With one power less small halos are softer, and fewer are found.
"""

_CORNER = 0.5
"""Place of the mesh's corners, in cells from the lattice points that they lie around.

Were particles to start on corners, where the cloud-in-cell weights have their kink, displacements
below a cell would raise spurious small-scale forces: an rms of 0.25 cells by z = 1, against 0.01.
"""

_WIDTH_X, _WIDTH_Y = 4, 8
"""Cells of a column: three forces on its corners, 512 long, fill half of a cache of 512 KiB."""

_CHUNK = 1 << 18
"""Particles that a thread sorts at a time."""

_SHARES = 32
"""In which planes, rows and columns are handed to threads: enough for as many to end together."""


class Sorted(NamedTuple):
    """Positions [Mpc/h] and velocities of particles by column, and each column's first particle."""

    position: Floats
    velocity: Floats
    first: NDArray[np.int64]


class ParticleMesh:
    """A force mesh and the threads that work on it.

    Parameters
    ----------
    cells
        Cells a side.
    box_size
        Side of the periodic box [Mpc/h].
    pool
        Threads.
    """

    def __init__(self, cells: int, box_size: float, pool: ThreadPoolExecutor) -> None:
        self._cells = cells
        self._box_size = np.float32(box_size)
        self._per_cell = np.float32(cells / box_size)
        self._pool = pool
        self._edges_x, column_x = _columns(cells, _WIDTH_X)
        self._edges_y, column_y = _columns(cells, _WIDTH_Y)
        self._column_x = (column_x * (len(self._edges_y) - 1)).astype(np.int32)
        self._column_y = column_y.astype(np.int32)
        self._modes = np.empty((cells, cells, cells // 2 + 1), dtype=np.complex64)
        # The transforms are in place: a row of cells, and some more, is that of its modes.
        self._grid = self._modes.view(np.float32)

    def sort(self, position: Floats, velocity: Floats, time: float) -> Sorted:
        """Move particles by `time` v into new arrays, by column and otherwise in their order."""
        total = len(position)
        columns = (len(self._edges_x) - 1) * (len(self._edges_y) - 1)
        starts = range(0, total, _CHUNK)
        count = np.zeros((len(starts), columns), dtype=np.int64)
        drift = (np.float32(time), self._box_size)
        place = (self._per_cell, self._column_x, self._column_y)

        def tally(chunk: int) -> None:
            part = slice(starts[chunk], starts[chunk] + _CHUNK)
            _tally(position[part], velocity[part], drift, place, count[chunk])

        self._all(tally, range(len(starts)))
        first = np.zeros(columns + 1, dtype=np.int64)
        np.cumsum(count.sum(axis=0), out=first[1:])
        slot = np.cumsum(count, axis=0) - count + first[:-1]
        moved = np.empty_like(position), np.empty_like(velocity)

        def copy(chunk: int) -> None:
            part = slice(starts[chunk], starts[chunk] + _CHUNK)
            _copy(position[part], velocity[part], drift, place, slot[chunk], moved)

        self._all(copy, range(len(starts)))
        return Sorted(*moved, first)

    def attract(self, particles: Sorted, lattice: int = 0) -> None:
        """Fill the mesh with the potential lap^-1 delta [(Mpc/h)^2] of the particles.

        Parameters
        ----------
        particles
            By `sort`.
        lattice
            Points a side of a lattice that the particles are still near to; 0 if they are not.
        """
        self._deposit(particles)
        cells = self._cells
        window, square = _lattice_response(cells, lattice) if lattice else _response(cells)
        # The scaling of the transforms is that of the mean density: cells^3 cancels.
        scale = np.float32(-((float(self._box_size) / (2 * np.pi)) ** 2) / len(particles.position))
        grid, modes = self._grid, self._modes

        def transform_plane(i: int) -> None:
            modes[i] = fft.rfft2(grid[i, :, :cells])

        def solve_row(j: int) -> None:
            row = fft.fft(modes[:, j], axis=0, overwrite_x=True)
            _solve_poisson(row, j, window, square, scale)
            modes[:, j] = fft.ifft(row, axis=0, norm="forward", overwrite_x=True)

        def transform_back(i: int) -> None:
            grid[i, :, :cells] = fft.irfft2(
                modes[i], s=(cells, cells), norm="forward", overwrite_x=True
            )

        self._all(transform_plane, range(cells))
        self._all(solve_row, range(cells))
        self._all(transform_back, range(cells))

    def kick_and_drift(self, particles: Sorted, keep: float, gain: float, time: float) -> None:
        """Set v to keep v - gain grad potential and move by `time` v."""
        step = np.float32(keep), np.float32(gain * self._per_cell), np.float32(time)
        edges = self._edges_x, self._edges_y
        sides = self._box_size, self._per_cell  # by which `sort` finds columns, to the last bit

        def kick(block: int) -> None:
            _kick_and_drift(particles, self._grid, block, edges, step, sides)

        self._all(kick, range(len(self._edges_x) - 1))

    def _deposit(self, particles: Sorted) -> None:
        def clear(i: int) -> None:
            self._grid[i] = 0

        def deposit(block: int) -> None:
            columns = len(self._edges_y) - 1
            begin, end = particles.first[block * columns], particles.first[(block + 1) * columns]
            _deposit(particles.position[begin:end], self._grid, self._per_cell)

        blocks = range(len(self._edges_x) - 1)
        self._all(clear, range(self._cells))
        # A block reaches into the next one's first plane.
        self._all(deposit, blocks[0::2])
        self._all(deposit, blocks[1::2])

    def _all(self, work: Callable[[int], None], items: Sequence[int]) -> None:
        # Handing over items one by one costs a tenth of the time of a small box.
        many = max(len(items) // _SHARES, 1)

        def work_through(begin: int) -> None:
            for item in items[begin : begin + many]:
                work(item)

        for _ in self._pool.map(work_through, range(0, len(items), many)):
            pass


def _response(cells: int) -> tuple[Floats, Floats]:
    """Return what the force undoes of the windows along an axis, and squared wavenumbers."""
    n = np.fft.fftfreq(cells) * cells
    return (np.sinc(n / cells) ** -SHARPENING).astype(np.float32), (n**2).astype(np.float32)


def _lattice_response(cells: int, lattice: int) -> tuple[Floats, Floats]:
    """Return the same of particles near to a lattice, whose modes then grow as they should.

    Such particles have no modes beyond the lattice's Nyquist frequency, only images of those below,
    whose pull makes modes of a few spacings grow too fast or, on a finer mesh, too slowly (Joyce
    et al. 2005). Left out are the images, and undone are both windows and, along the wavevector,
    the derivative by four points.
    """
    n = np.fft.fftfreq(cells) * cells
    window = np.where(2 * abs(n) < lattice, np.sinc(n / cells) ** -4, 0)
    angle = 2 * np.pi * n / cells
    derivative = np.sinc(2 * n / cells) * (4 - np.cos(angle)) / 3
    return window.astype(np.float32), (n**2 * derivative).astype(np.float32)


def _columns(cells: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the edges of an even number of columns along a side, and the column of each cell."""
    number = 2 * max(cells // (2 * width), 1)
    edges = np.arange(number + 1) * cells // number
    return edges, np.repeat(np.arange(number), np.diff(edges))


@numba.njit(cache=True, nogil=True, inline="always")
def _moved(x, v, time, box_size):  # type: ignore[no-untyped-def]
    """Return x + time v in [0, box_size)."""
    end = x + time * v
    end -= box_size * np.floor(end / box_size)
    return end if end < box_size else np.float32(0)  # rounding may reach the face


@numba.njit(cache=True, nogil=True, inline="always")
def _corner(x, per_cell, cells):  # type: ignore[no-untyped-def]
    """Return the corner of the mesh below x, and the share of the one above."""
    place = x * per_cell - np.float32(_CORNER)
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
def _tally(position, velocity, drift, place, count):  # type: ignore[no-untyped-def]
    """Count the particles that will be in each column."""
    time, box_size = drift
    for p in range(position.shape[0]):
        x = _moved(position[p, 0], velocity[p, 0], time, box_size)
        y = _moved(position[p, 1], velocity[p, 1], time, box_size)
        count[_column_of(x, y, place)] += 1


@numba.njit(cache=True, nogil=True)
def _copy(position, velocity, drift, place, slot, moved):  # type: ignore[no-untyped-def]
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
def _deposit(position, grid, per_cell):  # type: ignore[no-untyped-def]
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
def _solve_poisson(row, j, window, square, scale):  # type: ignore[no-untyped-def]
    """Multiply the modes of row j, of every x and z, by the inverse Laplacian as it is felt."""
    for i in range(row.shape[0]):
        across = scale * window[i] * window[j]
        squares = square[i] + square[j]
        if across == 0:
            row[i] = 0
            continue
        for k in range(row.shape[1]):
            below = squares + square[k]
            # Images alone may have none, and the mean has none.
            row[i, k] *= across * window[k] / below if below > 0 else np.float32(0)


@numba.njit(cache=True, nogil=True)
def _kick_and_drift(particles, potential, block, edges, step, sides):  # type: ignore[no-untyped-def]
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
