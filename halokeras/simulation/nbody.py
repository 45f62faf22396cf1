"""A particle-mesh N-body engine: 2LPT start, growth-corrected steps, one force mesh.

Time is the linear growth D and velocity is v = dx/dD. A step drifts by half, measures the pull
g = -grad lap^-1 delta / D in the middle, kicks v -> alpha v + (1 - alpha) g and drifts again, with
alpha such that second-order LPT is followed whatever the length of the step (BullFrog: Rampf, List
& Hahn 2025), so that thirty steps do.
"""

from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.cosmology.cosmology import Growth
from halokeras.fields.gridding import deposit
from halokeras.fields.modes import Modes
from halokeras.simulation.lpt import first_order, lattice_positions, second_order

MESH_FACTOR = 2
"""Cells of the force mesh per lattice point and side."""

_SHARPENING = 3
"""Powers of the sinc window that the force undoes.

Deposit and interpolation together lose four; undoing all of them makes the force of two close
particles depend on where in a cell they are. Three brings the mass function of small halos to
that of a mesh twice as fine, and pairs two cells apart to within 7 % of Newton's law.
"""


_CORNER = 0.5
"""Place of the mesh's corners, in cells from the lattice points that they lie around.

Were particles to start on corners, where the cloud-in-cell weights have their kink, displacements
below a cell would raise spurious small-scale forces: an rms of 0.25 cells by z = 1, against 0.01.
"""


def evolve(
    delta: Modes,
    box_size: float,
    growth: Growth,
    workers: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> NDArray[np.float32]:
    """Follow particles from their 2LPT positions to the last of the times of `growth`.

    Parameters
    ----------
    delta
        Modes of the linear overdensity at the last time, on a lattice with one particle a point.
    box_size
        Side of the box [Mpc/h].
    growth
        Growth at the ends of the steps, ascending.
    workers
        Threads.
    progress
        Called with the fraction done after each step.

    Returns
    -------
    NDArray
        Positions [Mpc/h], (N^3, 3) float32 in [0, box_size], in lattice order.
    """
    position, velocity = _start(delta, box_size, growth, workers)
    mesh = MESH_FACTOR * delta.shape[0]
    first, second = growth.first, growth.second
    slope = growth.second_rate * second / (growth.first_rate * first)
    half = np.diff(first) / 2
    drifts = half + np.append(half[1:], 0)
    _drift(position, velocity, half[0], box_size)
    threads = numba.get_num_threads()
    numba.set_num_threads(min(workers, threads))
    try:
        for step, drift in enumerate(drifts):
            middle = first[step] + half[step]
            # dD2/dD1 of the pull that 2LPT particles feel in the middle of the step.
            pull = (second[step] + slope[step] * half[step]) / middle - middle
            alpha = (slope[step + 1] - pull) / (slope[step] - pull)
            potential = gravity(position, box_size, mesh, workers)
            gain = (1 - alpha) / middle
            _kick_and_drift(position, velocity, potential, box_size, alpha, gain, drift)
            del potential
            progress((step + 1) / len(drifts))
    finally:
        numba.set_num_threads(threads)
    return position


def gravity(
    position: NDArray[np.float32], box_size: float, mesh: int, workers: int = 1
) -> NDArray[np.float32]:
    """Potential lap^-1 delta [(Mpc/h)^2] of equal particles on the corners of a force mesh.

    Parameters
    ----------
    position
        (N, 3) positions [Mpc/h].
    box_size
        Side of the periodic box [Mpc/h].
    mesh
        Cells a side.
    workers
        Threads.
    """
    grid = np.zeros((mesh, mesh, mesh), dtype=np.float32)
    deposit(position, grid, mesh / box_size, _CORNER)
    modes = fft.rfftn(grid, norm="forward", workers=workers, overwrite_x=True)
    del grid
    sharpen = np.sinc(fft.fftfreq(mesh)) ** (-_SHARPENING)
    scale = -(mesh**3) / len(position) * (box_size / (2 * np.pi)) ** 2
    _solve_poisson(modes, sharpen, scale)
    potential: NDArray[np.float32] = fft.irfftn(
        modes, s=(mesh,) * 3, norm="forward", workers=workers, overwrite_x=True
    )
    return potential


def _start(
    delta: Modes, box_size: float, growth: Growth, workers: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """2LPT positions and velocities dx/dD at the first of the times."""
    today = growth.first[-1]
    slope = growth.second_rate * growth.second / (growth.first_rate * growth.first)
    velocity = first_order(delta, box_size, workers)
    velocity /= np.float32(today)
    position = lattice_positions(delta.shape[0], box_size)
    position += np.float32(growth.first[0]) * velocity
    curvature = second_order(delta, box_size, workers)
    curvature /= np.float32(today**2)
    velocity += np.float32(slope[0]) * curvature
    curvature *= np.float32(growth.second[0])
    position += curvature
    return position.reshape(-1, 3), velocity.reshape(-1, 3)


@numba.njit(cache=True, nogil=True)
def _solve_poisson(modes, sharpen, scale):  # type: ignore[no-untyped-def]
    mesh = modes.shape[0]
    for i in range(mesh):
        nx = i if 2 * i < mesh else i - mesh
        for j in range(mesh):
            ny = j if 2 * j < mesh else j - mesh
            row = scale * sharpen[i] * sharpen[j]
            for k in range(modes.shape[2]):
                square = nx * nx + ny * ny + k * k
                factor = row * sharpen[k] / square if square > 0 else 0.0
                modes[i, j, k] *= np.float32(factor)


@numba.njit(cache=True, nogil=True)
def _wrapped(x, box_size):  # type: ignore[no-untyped-def]
    return x - box_size * np.floor(x / box_size)


@numba.njit(cache=True, nogil=True)
def _drift(position, velocity, time, box_size):  # type: ignore[no-untyped-def]
    for p in range(position.shape[0]):
        for axis in range(3):
            moved = position[p, axis] + time * velocity[p, axis]
            position[p, axis] = _wrapped(moved, box_size)


@numba.njit(cache=True, nogil=True)
def _weights(offset, x):  # type: ignore[no-untyped-def]
    """Interpolate linearly, and differentiate by four points, from the corner at `offset`.

    `x` is the place between the corners 0 and 1. The derivative at a corner is
    2/3 (f[1] - f[-1]) - 1/12 (f[2] - f[-2]), interpolated linearly between corners.
    """
    near, far = np.float32(2 / 3), np.float32(1 / 12)
    left = np.float32(1) - x
    if offset == 0:
        return left, -near * x
    if offset == 1:
        return x, near * left
    if offset == -1:
        return np.float32(0), far * x - near * left
    if offset == 2:
        return np.float32(0), near * x - far * left
    if offset == -2:
        return np.float32(0), far * left
    return np.float32(0), -far * x


@numba.njit(cache=True, nogil=True, parallel=True)
def _kick_and_drift(position, velocity, potential, box_size, keep, gain, time):  # type: ignore[no-untyped-def]
    """Set v to keep v - gain grad potential and move by `time` v."""
    mesh = potential.shape[0]
    per_cell = mesh / box_size
    for p in numba.prange(position.shape[0]):
        x = position[p, 0] * per_cell - _CORNER
        y = position[p, 1] * per_cell - _CORNER
        z = position[p, 2] * per_cell - _CORNER
        x0 = int(np.floor(x))
        y0 = int(np.floor(y))
        z0 = int(np.floor(z))
        wx = np.float32(x - x0)
        wy = np.float32(y - y0)
        wz = np.float32(z - z0)
        gx = np.float32(0)
        gy = np.float32(0)
        gz = np.float32(0)
        for a in range(-2, 4):
            i = (x0 + a) % mesh
            cx, dx = _weights(a, wx)
            near_x = 0 <= a <= 1
            for b in range(-2, 4):
                near_y = 0 <= b <= 1
                if not (near_x or near_y):
                    continue
                j = (y0 + b) % mesh
                cy, dy = _weights(b, wy)
                # Only lines through a corner of the particle's cell carry weight.
                low, high = (-2, 4) if near_x and near_y else (0, 2)
                for c in range(low, high):
                    value = potential[i, j, (z0 + c) % mesh]
                    cz, dz = _weights(c, wz)
                    gx += value * dx * cy * cz
                    gy += value * cx * dy * cz
                    gz += value * cx * cy * dz
        vx = keep * velocity[p, 0] - gain * per_cell * gx
        vy = keep * velocity[p, 1] - gain * per_cell * gy
        vz = keep * velocity[p, 2] - gain * per_cell * gz
        velocity[p, 0] = vx
        velocity[p, 1] = vy
        velocity[p, 2] = vz
        position[p, 0] = _wrapped(position[p, 0] + time * vx, box_size)
        position[p, 1] = _wrapped(position[p, 1] + time * vy, box_size)
        position[p, 2] = _wrapped(position[p, 2] + time * vz, box_size)
