"""Grids interpolated linearly at the places of halos."""

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.painting.catalogues.piece import Piece
from halokeras.simulation.threads import in_parts
from halokeras.storage.grid import Grid

_TOGETHER = 2**15
"""Halos that a thread moves at a time."""


def interpolated(
    piece: Piece,
    voxel: NDArray[np.int64],
    inside: NDArray[np.float64],
    grid: Grid,
    workers: int = 1,
) -> NDArray[np.float32]:
    """Interpolate a grid linearly at places in voxels of a piece.

    Parameters
    ----------
    piece
        Part of the box that holds the voxels.
    voxel, inside
        Voxel of each halo in the box, (3, N), and where it lies in that, (3, N) in [0, 1).
    grid
        (..., nx, ny, nz), on the voxels of the box or finer by a whole number.
    workers
        Threads.

    Returns
    -------
    ndarray
        (..., N).
    """
    finer = grid.shape[-3] // piece.shape[0]
    around = np.asarray(piece.read(grid, finer, beyond=1), dtype=np.float32)
    start = piece.local(voxel) * finer
    # what is read of an axis that the piece does not go around begins one point before
    start += np.array([0 if period else 1 for period in piece.periods])[:, np.newaxis]
    place = inside * finer - 0.5
    fields = around[np.newaxis] if around.ndim == 3 else around
    found = np.empty((len(fields), start.shape[1]), dtype=np.float32)

    def interpolate(some: slice) -> None:
        _interpolate(fields, start, place, some.start, some.stop, found)

    in_parts(interpolate, start.shape[1], _TOGETHER, workers)
    return found.reshape(*around.shape[:-3], start.shape[1])


@numba.njit(cache=True, nogil=True)
def _interpolate(fields, start, place, first, last, found):  # type: ignore[no-untyped-def]
    one = np.float32(1)
    corner, share = np.empty((3, 2), np.int64), np.empty((3, 2), np.float32)
    for halo in range(first, last):
        for axis in range(3):
            points = fields.shape[axis + 1]
            floor = np.floor(place[axis, halo])
            below = start[axis, halo] + int(floor)
            share[axis, 1] = place[axis, halo] - floor
            share[axis, 0] = one - share[axis, 1]
            corner[axis, 0] = below if below >= 0 else below + points
            corner[axis, 1] = below + 1 if below + 1 < points else 0
        found[:, halo] = 0
        for a in range(2):
            for b in range(2):
                along = share[0, a] * share[1, b]
                for c in range(2):
                    for field in range(fields.shape[0]):
                        value = fields[field, corner[0, a], corner[1, b], corner[2, c]]
                        found[field, halo] += along * share[2, c] * value
