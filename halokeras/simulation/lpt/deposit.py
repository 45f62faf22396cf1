"""Particles, plane by plane, added cloud-in-cell to grids."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil, floor
from typing import TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

ParticlePlane = list[NDArray[np.float32]]
"""One plane of particles: their displacements along x, y, z and, where wanted, their velocities.

Each is (ny, nz) [particle separations].
"""

MakePlanes = Callable[[range], Iterator[tuple[int, ParticlePlane]]]
"""Makes planes of particles of some numbers, which wrap, in their order."""

Planes = TypeVar("Planes", ParticlePlane, list[ParticlePlane])

_ROWS = 32
"""Rows of a plane that are added before those of the next one, to sums that a cache still holds."""


def deposit_planes(
    first: int,
    planes: Sequence[ParticlePlane],
    per_cell: float,
    grid: NDArray[np.floating],
    origin: int = 0,
) -> None:
    """Add planes of particles, one beside the other, to a grid.

    Parameters
    ----------
    first
        Number of the first plane among those of all particles.
    planes
        Displacements and, where `grid` sums them, velocities of their particles.
    per_cell
        Particles along the side of a cell.
    grid
        (nx, ny, nz), to which particles are added, or (nx, ny, nz, 4), to which they are added
        with their velocities. What lies beyond it is added at the other end.
    origin
        Which plane of cells is its first.
    """
    fields = [tuple(field) for field in zip(*planes, strict=True)]
    if grid.ndim == 3:
        _deposit_planes(first, *fields[:3], 1 / per_cell, origin, grid)
    else:
        _deposit_moving(first, *fields[:6], 1 / per_cell, origin, grid)


def deposit_plane(
    x: int, plane: ParticlePlane, per_cell: float, grid: NDArray[np.floating], origin: int = 0
) -> None:
    """Add plane x of particles to a grid, as `deposit_planes`."""
    deposit_planes(x, [plane], per_cell, grid, origin)


class SlabSums:
    """A slab of cells, with margins for the particles that leave it, on either side as wide.

    Parameters
    ----------
    cells
        The cells along x that it has.
    layer
        Shape of a plane of them: (ny, nz), or (ny, nz, 4) with velocities.
    per_cell
        Particles along the side of a cell.
    """

    def __init__(self, cells: range, layer: tuple[int, ...], per_cell: int) -> None:
        self._cells, self._per_cell, self._margin = cells, per_cell, 0
        self._sums: NDArray[np.floating] = np.zeros((len(cells), *layer))

    def add(self, x: int, plane: ParticlePlane) -> None:
        """Add plane x of particles, once the margins are wide enough for it."""
        reach = (x + plane[0].min()) / self._per_cell, (x + plane[0].max()) / self._per_cell
        below = self._cells.start - floor(reach[0] - 0.5)
        above = floor(reach[1] - 0.5) + 2 - self._cells.stop
        need = max(below, above)
        if need > self._margin:
            self._widen(ceil(1.25 * need))
        origin = self._cells.start - self._margin
        deposit_plane(x, plane, self._per_cell, self._sums, origin)

    def sums(self) -> NDArray[np.floating]:
        """Return the sums in the slab with its margins, no wider than they need be."""
        filled = np.flatnonzero(self._sums.reshape(len(self._sums), -1).any(axis=1))
        empty = min(filled[0], len(self._sums) - 1 - filled[-1], self._margin)
        return self._sums[empty : len(self._sums) - empty]

    def _widen(self, margin: int) -> None:
        more = margin - self._margin
        self._sums = np.pad(self._sums, [(more, more)] + [(0, 0)] * (self._sums.ndim - 1))
        self._margin = margin


def in_turn(
    planes: Iterable[tuple[int, Planes]], adders: Sequence[Callable[[int, Planes], None]]
) -> None:
    """Hand planes, in their order, to all adders, each in a thread while the next are made."""
    with ThreadPoolExecutor(len(adders)) as threads:
        added: list[Future[None]] = []
        for x, made in planes:
            _wait_for(added)
            added = [threads.submit(add, x, made) for add in adders]
        _wait_for(added)


def _wait_for(work: Iterable[Future[None]]) -> None:
    for one in work:
        one.result()


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _place(first, step, moved, size, origin, points, corner, share):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    """Find the points below and above each particle of a row, and the share of either.

    Particle k is at `first` + k `step` before it is moved, in cells of side 1 / `size`; points are
    counted from `origin`.
    """
    for k in range(len(moved)):
        place = first + k * step + moved[k] * size
        below = np.floor(place)
        share[0, k] = below + 1 - place
        share[1, k] = place - below
        below -= origin
        below -= points * np.floor(below / points)
        corner[0, k] = np.int64(below)
        corner[1, k] = corner[0, k] + 1 if corner[0, k] + 1 < points else 0


@numba.njit(cache=True, nogil=True)
def _place_row(i, j, row, size, origin, shape, corner, share):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    """Find the corners around the particles of row (i, j), and their shares, by axis."""
    x, y, z = row
    _place(i * size - 0.5, 0.0, x, size, origin, shape[0], corner[0], share[0])
    _place(j * size - 0.5, 0.0, y, size, 0, shape[1], corner[1], share[1])
    _place(-0.5, size, z, size, 0, shape[2], corner[2], share[2])


@numba.njit(cache=True, nogil=True)
def _columns(k, corner, share, ny, nz):  # type: ignore[no-untyped-def]
    """Return where the four columns of points about particle k begin, and the share of each."""
    x, other_x = corner[0, 0, k] * ny, corner[0, 1, k] * ny
    y, other_y = corner[1, 0, k], corner[1, 1, k]
    of_x, of_other_x, of_y, of_other_y = (
        share[0, 0, k],
        share[0, 1, k],
        share[1, 0, k],
        share[1, 1, k],
    )
    return (
        ((x + y) * nz, of_x * of_y),
        ((x + other_y) * nz, of_x * of_other_y),
        ((other_x + y) * nz, of_other_x * of_y),
        ((other_x + other_y) * nz, of_other_x * of_other_y),
    )


# In both, what is read of a particle is read before its first sum: numba cannot know that sums are
# not what it reads. Places are unsigned: of a signed one it asks whether it counts from the end.


@numba.njit(cache=True, nogil=True)
def _deposit_planes(first, x, y, z, size, origin, grid):  # type: ignore[no-untyped-def]
    """Deposit planes of particles about the centres of cells, whose side is 1 / `size`."""
    ny, nz = grid.shape[1:]
    sums = grid.reshape(-1)
    rows, length = x[0].shape
    corner = np.empty((3, 2, length), np.int64)
    share = np.empty((3, 2, length), grid.dtype)
    for start in range(0, rows, _ROWS):
        for i in range(len(x)):
            for j in range(start, min(start + _ROWS, rows)):
                row = x[i][j], y[i][j], z[i][j]
                _place_row(first + i, j, row, size, origin, grid.shape, corner, share)
                for k in range(length):
                    low, high = corner[2, 0, k], corner[2, 1, k]
                    of_low, of_high = share[2, 0, k], share[2, 1, k]
                    for column, of_column in _columns(k, corner, share, ny, nz):
                        sums[np.uint64(column + low)] += of_column * of_low
                        sums[np.uint64(column + high)] += of_column * of_high


@numba.njit(cache=True, nogil=True)
def _deposit_moving(first, x, y, z, along_x, along_y, along_z, size, origin, grid):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    """Deposit planes as `_deposit_planes`, and their velocities, in a last axis."""
    nx, ny, nz, _ = grid.shape
    sums = grid.reshape(nx * ny * nz, 4)
    rows, length = x[0].shape
    corner = np.empty((3, 2, length), np.int64)
    share = np.empty((3, 2, length), grid.dtype)
    for start in range(0, rows, _ROWS):
        for i in range(len(x)):
            for j in range(start, min(start + _ROWS, rows)):
                row = x[i][j], y[i][j], z[i][j]
                _place_row(first + i, j, row, size, origin, grid.shape, corner, share)
                to_x, to_y, to_z = along_x[i][j], along_y[i][j], along_z[i][j]
                for k in range(length):
                    low, high = corner[2, 0, k], corner[2, 1, k]
                    of_low, of_high = share[2, 0, k], share[2, 1, k]
                    speed_x, speed_y, speed_z = to_x[k], to_y[k], to_z[k]
                    for column, of_column in _columns(k, corner, share, ny, nz):
                        for point, of_point in ((low, of_low), (high, of_high)):
                            at, weight = np.uint64(column + point), of_column * of_point
                            sums[at, 0] += weight
                            sums[at, 1] += weight * speed_x
                            sums[at, 2] += weight * speed_y
                            sums[at, 3] += weight * speed_z
