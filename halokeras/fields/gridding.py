"""Particles to density and halos to counts, in the one voxel convention.

Voxel i covers [i, i + 1) x voxel_size and has its centre at (i + 0.5) x voxel_size. Density is
cloud-in-cell about the centres, so a particle at x lies at grid coordinate x / voxel_size - 0.5;
a halo is counted in voxel floor(x / voxel_size). Everything is periodic.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.storage.grid import Grid

Shape = tuple[int, int, int]
"""Voxels, or points, along x, y, z."""


def shape_of(grid: Grid) -> Shape:
    """Return the shape of a three-dimensional grid, in memory or in a file."""
    x, y, z = grid.shape
    return x, y, z


def shape_text(shape: tuple[int, ...]) -> str:
    """Return the points along each axis as messages write them, such as 64x64x64."""
    return "x".join(str(side) for side in shape)


def cloud_in_cell(
    position: NDArray[np.floating], shape: Shape, voxel_size: float
) -> NDArray[np.float32]:
    """Deposit equal particles on a grid by cloud-in-cell about voxel centres.

    Parameters
    ----------
    position
        (N, 3) positions [Mpc/h]; any real values, wrapped into the box.
    shape
        Voxels along x, y, z.
    voxel_size
        Side of a voxel [Mpc/h].

    Returns
    -------
    NDArray
        Density over its mean, float32, of `shape`, with mean 1. The sum over particles runs in
        float64 and in their order, so the result does not depend on the number of threads.
    """
    density = np.zeros(shape, dtype=np.float64)
    deposit(position, density, 1 / voxel_size, 0.5)
    density *= density.size / len(position)
    return density.astype(np.float32)


def count(position: NDArray[np.floating], shape: Shape, voxel_size: float) -> NDArray[np.float32]:
    """Count the points in each voxel.

    Parameters
    ----------
    position
        (N, 3) positions [Mpc/h] in [0, shape x voxel_size).
    shape
        Voxels along x, y, z.
    voxel_size
        Side of a voxel [Mpc/h].
    """
    counts = np.bincount(voxel_index(position, shape, voxel_size), minlength=np.prod(shape))
    return counts.reshape(shape).astype(np.float32)


def voxel_index(
    position: NDArray[np.floating], shape: Shape, voxel_size: float
) -> NDArray[np.int64]:
    """Return the index of the voxel of each point in the flattened grid, as `count` counts them."""
    sides = np.array(shape)
    # Rounding can put a position just below the upper face into the voxel above it.
    voxel = np.floor(np.asarray(position, dtype=np.float64) / voxel_size).astype(np.int64) % sides
    flat: NDArray[np.int64] = np.ravel_multi_index((voxel[:, 0], voxel[:, 1], voxel[:, 2]), shape)
    return flat


def wrap(position: NDArray[np.floating], box_size: float) -> NDArray[np.float32]:
    """Bring positions [Mpc/h] into [0, box_size), in float32, whose rounding may reach the face."""
    inside: NDArray[np.float32] = np.mod(position, box_size).astype(np.float32)
    inside[inside >= box_size] = 0
    return inside


def coarsened(grid: NDArray[np.floating], times: int) -> NDArray[np.float32]:
    """Average a grid in cubes of `times` points a side, float32."""
    x, y, z = (side // times for side in grid.shape)
    coarse = np.empty((x, y, z), dtype=np.float32)
    _coarsen(grid, times, coarse)
    return coarse


@numba.njit(cache=True, nogil=True, parallel=True)
def _coarsen(grid, times, coarse):  # type: ignore[no-untyped-def]
    scale = np.float32(1 / times**3)
    for i in numba.prange(coarse.shape[0]):
        row = np.empty(coarse.shape[2], np.float32)
        for j in range(coarse.shape[1]):
            row[:] = 0
            for a in range(times):
                for b in range(times):
                    line = grid[i * times + a, j * times + b]
                    for k in range(coarse.shape[2]):
                        for c in range(times):
                            row[k] += line[k * times + c]
            for k in range(coarse.shape[2]):
                coarse[i, j, k] = row[k] * scale


@numba.njit(cache=True, nogil=True)
def deposit(position, grid, per_voxel, offset, weight=None):  # type: ignore[no-untyped-def]
    """Add each particle, or its weight, to the corners around position * per_voxel - offset."""
    for p in range(position.shape[0]):
        x = position[p, 0] * per_voxel - offset
        y = position[p, 1] * per_voxel - offset
        z = position[p, 2] * per_voxel - offset
        spread(1.0 if weight is None else weight[p], x, y, z, grid)


@numba.njit(cache=True, nogil=True)
def spread(weight, x, y, z, grid):  # type: ignore[no-untyped-def]
    """Add `weight` to the eight corners around the grid coordinate x, y, z, wrapped."""
    nx, ny, nz = grid.shape
    i0, i1, wx = corners(x, nx)
    j0, j1, wy = corners(y, ny)
    k0, k1, wz = corners(z, nz)
    add_plane(weight, 1 - wx, i0, j0, j1, wy, k0, k1, wz, grid)
    add_plane(weight, wx, i1, j0, j1, wy, k0, k1, wz, grid)


@numba.njit(cache=True, nogil=True, inline="always")
def corners(place, points):  # type: ignore[no-untyped-def]
    """Return the points of a periodic axis around a place, and the share of the upper one."""
    floor = np.floor(place)
    lower = int(floor)
    if lower < 0 or lower >= points:  # a division for every particle would take a third of the time
        lower %= points
    upper = lower + 1 if lower + 1 < points else 0
    return lower, upper, place - floor


@numba.njit(cache=True, nogil=True, inline="always")
def add_plane(weight, share, i, j0, j1, wy, k0, k1, wz, grid):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain numbers)
    """Add the `share` of `weight` that plane i gets to the four corners in it."""
    grid[i, j0, k0] += share * (1 - wy) * (1 - wz) * weight
    grid[i, j0, k1] += share * (1 - wy) * wz * weight
    grid[i, j1, k0] += share * wy * (1 - wz) * weight
    grid[i, j1, k1] += share * wy * wz * weight
