"""A periodic box cut into tiles of one shape, each read with the margin a painter consumes.

Tiles start at the multiples of their sides. The last one along an axis may reach past the box,
where it reads the periodic continuation and keeps only what lies inside. So every voxel is
written exactly once, by a tile of the same shape as all others, and the order in which the tiles
are painted cannot matter. Tiles of one x and y make a row, which is read and written at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import Shape
from halokeras.storage.grid import Grid

Place = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Row:
    """The tiles along z that begin at the voxel column `x`, `y`."""

    x: int
    y: int


def tile_shape(shape: Shape, largest: int) -> Shape:
    """Return the sides of the equal tiles, `largest` voxels at most, that cover a box best."""
    x, y, z = (-(-length // -(-length // largest)) for length in shape)
    return x, y, z


def cover(shape: Shape, tile: Shape) -> list[Row]:
    """Cut a box of `shape` voxels into rows of tiles of the shape `tile`."""
    columns = product(range(0, shape[0], tile[0]), range(0, shape[1], tile[1]))
    return [Row(x, y) for x, y in columns]


def read_row(density: Grid, row: Row, tile: Shape, margin: int) -> NDArray[np.float32]:
    """Return a row's density with `margin` voxels around it, wrapped at the box's faces.

    Returns
    -------
    ndarray
        float32, `margin` wider on all sides than the tile along x and y and than the box, in
        whole tiles, along z. A box smaller than that is repeated.
    """
    wide_x, wide_y = (side + 2 * margin for side in tile[:2])
    length = density.shape[2]
    read = np.empty((wide_x, wide_y, length), dtype=np.float32)
    for to_x, from_x in wrapped_runs(row.x - margin, wide_x, density.shape[0]):
        for to_y, from_y in wrapped_runs(row.y - margin, wide_y, density.shape[1]):
            read[to_x, to_y] = density[from_x, from_y, :]
    along_z = np.arange(-margin, -(-length // tile[2]) * tile[2] + margin) % length
    return read[:, :, along_z]


def tiles(row: NDArray[np.float32], tile: Shape, margin: int) -> Iterator[NDArray[np.float32]]:
    """Return the tiles of a row that `read_row` gave, each with its margin."""
    for start in range(0, row.shape[2] - 2 * margin, tile[2]):
        yield row[:, :, start : start + tile[2] + 2 * margin]


def joined(
    painted: list[NDArray[np.float32]], row: Row, shape: Shape, border: int = 0
) -> tuple[Place, NDArray[np.float32]]:
    """Return the place in a box of `shape` voxels of a row's painted tiles, and what they hold.

    With a `border` they were painted so many voxels wider on both sides along x and y, and what is
    returned is; the place is that of the row.
    """
    whole = np.concatenate(painted, axis=2)
    sides = [side - 2 * border for side in whole.shape[:2]]
    x, y, z = place_of(row, sides, shape)
    wide_x, wide_y = (part.stop - part.start + 2 * border for part in (x, y))
    return (x, y, z), whole[:wide_x, :wide_y, : shape[2]]


def place_of(row: Row, sides: Sequence[int], shape: Shape) -> Place:
    """Return the place in a box of `shape` voxels of a row of tiles of `sides` along x and y."""
    x = slice(row.x, min(row.x + sides[0], shape[0]))
    y = slice(row.y, min(row.y + sides[1], shape[1]))
    return x, y, slice(0, shape[2])


def wrapped_runs(start: int, count: int, length: int) -> Iterator[tuple[slice, slice]]:
    """Cut `count` voxels from `start` on, wrapped at `length`, into runs that do not wrap."""
    done = 0
    while done < count:
        origin = (start + done) % length
        run = min(count - done, length - origin)
        yield slice(done, done + run), slice(origin, origin + run)
        done += run
