"""A periodic box cut into tiles of one shape, each read with the margin a painter consumes."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Tile:
    """One tile: the voxels that it, and no other tile, writes.

    Parameters
    ----------
    origin
        Its first voxel in the box.
    kept
        How many voxels it writes along x, y and z: the side of the tile, or less where the box
        ends before the tile does.
    """

    origin: Shape
    kept: Shape


def cover(shape: Shape, side: int) -> list[Tile]:
    """Cut a box of `shape` voxels into cubic tiles of `side` voxels.

    Tiles start at the multiples of `side`. The last one along an axis may reach past the box,
    where it reads the periodic continuation and keeps only what lies inside. So every voxel is
    written exactly once, by a tile of the same shape as all others, and the order in which the
    tiles are painted cannot matter.
    """
    x, y, z = (range(0, length, side) for length in shape)
    return [Tile(origin, _kept(origin, shape, side)) for origin in product(x, y, z)]


def read(density: NDArray[np.float32], tile: Tile, side: int, margin: int) -> NDArray[np.float32]:
    """Give the tile's density with `margin` voxels around it, wrapped at the box's faces.

    The result has ``side + 2 * margin`` voxels along every axis whatever the shape of the box:
    a box smaller than that is repeated.
    """
    x, y, z = (
        np.arange(start - margin, start + side + margin) % length
        for start, length in zip(tile.origin, density.shape, strict=True)
    )
    return density[np.ix_(x, y, z)]


def write(counts: NDArray[np.float32], tile: Tile, painted: NDArray[np.float32]) -> None:
    """Put the kept part of `painted` (side, side, side) in its place in `counts`, in place."""
    place = tuple(slice(start, start + n) for start, n in zip(tile.origin, tile.kept, strict=True))
    counts[place] = painted[tuple(slice(n) for n in tile.kept)]


def _kept(origin: Shape, shape: Shape, side: int) -> Shape:
    x, y, z = (min(side, length - start) for start, length in zip(origin, shape, strict=True))
    return x, y, z
