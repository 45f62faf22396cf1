"""A periodic box cut into tiles of one shape, each read with the margin a painter consumes.

Tiles start at the multiples of their side. The last one along an axis may reach past the box,
where it reads the periodic continuation and keeps only what lies inside. So every voxel is
written exactly once, by a tile of the same shape as all others, and the order in which the tiles
are painted cannot matter. Tiles of one x and y make a row, which is read and written at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.grid import Grid

Shape = tuple[int, int, int]


class WritableGrid(Grid, Protocol):
    """What a numpy array and an HDF5 dataset that can be written have in common."""

    def __setitem__(self, place: Any, values: Any, /) -> None: ...


@dataclass(frozen=True)
class Row:
    """The tiles along z that begin at the voxel column `x`, `y`."""

    x: int
    y: int


def cover(shape: Shape, side: int) -> list[Row]:
    """Cut a box of `shape` voxels into rows of cubic tiles of `side` voxels."""
    columns = product(range(0, shape[0], side), range(0, shape[1], side))
    return [Row(x, y) for x, y in columns]


def read_row(density: Grid, row: Row, side: int, margin: int) -> NDArray[np.float32]:
    """Give a row's density with `margin` voxels around it, wrapped at the box's faces.

    Returns
    -------
    ndarray
        (side + 2 margin, side + 2 margin, n + 2 margin) float32, n being the voxels along z up
        to a multiple of `side`. A box smaller than that is repeated.
    """
    wide = side + 2 * margin
    length = density.shape[2]
    read = np.empty((wide, wide, length), dtype=np.float32)
    for to_x, from_x in _runs(row.x - margin, wide, density.shape[0]):
        for to_y, from_y in _runs(row.y - margin, wide, density.shape[1]):
            read[to_x, to_y] = density[from_x, from_y, :]
    along_z = np.arange(-margin, -(-length // side) * side + margin) % length
    return read[:, :, along_z]


def tiles(row: NDArray[np.float32], side: int, margin: int) -> Iterator[NDArray[np.float32]]:
    """Give the tiles of a row that `read_row` gave, (side + 2 margin)^3 each."""
    for start in range(0, row.shape[2] - 2 * margin, side):
        yield row[:, :, start : start + side + 2 * margin]


def write_row(counts: WritableGrid, row: Row, painted: list[NDArray[np.float32]]) -> None:
    """Put what was painted on the tiles of a row, (side, side, side) each, in its place."""
    whole = np.concatenate(painted, axis=2)
    columns = tuple(
        slice(start, min(start + side, length))
        for start, side, length in zip((row.x, row.y), whole.shape, counts.shape, strict=False)
    )
    x, y = columns
    counts[x, y, :] = whole[: x.stop - x.start, : y.stop - y.start, : counts.shape[2]]


def _runs(start: int, count: int, length: int) -> Iterator[tuple[slice, slice]]:
    """Cut `count` voxels from `start` on, wrapped at `length`, into runs that do not wrap."""
    done = 0
    while done < count:
        origin = (start + done) % length
        run = min(count - done, length - origin)
        yield slice(done, done + run), slice(origin, origin + run)
        done += run
