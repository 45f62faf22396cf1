"""What a painting will take, measured on one tile."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from halokeras.fields.gridding import Shape
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.expected.paint import LARGEST_TILE
from halokeras.painting.expected.tile_painter import TilePainter
from halokeras.painting.tiles import tile_shape

_BYTES_PER_VOXEL = 500
"""Memory of a tile: 250 MiB beside the loaded libraries as measured for 72^3 voxels, and room."""
_BYTES_PER_DRAWN_VOXEL = 115
"""Memory of the numbers that the halos of a row of tiles are drawn by, as measured."""
_LIBRARIES = 0.75 * 2**30
_TIMED = 3


@dataclass(frozen=True)
class Estimate:
    """What a painting will take on this machine.

    Attributes
    ----------
    seconds
        Time that painting takes [s], as `estimate` measures it; `total.cost` adds the time that
        making the density, and the matter below its voxels, takes.
    memory
        Peak of the memory [bytes].
    disk
        Size of the files that are written [bytes].
    disk_free
        Free space on the disk that they go to [bytes].
    work
        Disk that a density takes while it is made slab by slab [bytes]; 0 if it is not.
    """

    seconds: float
    memory: float
    disk: int
    disk_free: int
    work: int = 0


def estimate(
    shape: Shape, saved: SavedPainter, drawn: bool, output: Path, files: int, size: int
) -> Estimate:
    """Paint one tile a few times and scale up.

    Parameters
    ----------
    shape
        Voxels of the density along x, y, z.
    saved, drawn
        The painter, and whether draws are wanted of what it expects.
    output
        Where the first of the files goes.
    files, size
        Files to write, and bytes of a voxel in each.
    """
    painter, border = saved.network(drawn), saved.border(drawn)
    tile = tile_shape(shape, LARGEST_TILE)
    tile_painter = TilePainter(painter, tile, [1.0] * len(painter.params.conditions), border)
    wide = [side + 2 * painter.margin for side in tile_painter.painted_shape]
    sample = np.ones(wide, np.float32)
    tile_painter(sample)
    start = time.perf_counter()
    for _ in range(_TIMED):
        tile_painter(sample)
    seconds = (time.perf_counter() - start) / _TIMED
    tiles = np.prod([-(-length // side) for length, side in zip(shape, tile, strict=True)])
    channels = painter.params.channels
    rows = np.prod(wide[:2]) * shape[2] * 4 * (2 + channels)  # density, its tiles, counts
    if drawn:
        rows += np.prod(tile[:2]) * shape[2] * _BYTES_PER_DRAWN_VOXEL
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    return Estimate(
        seconds=float(tiles * seconds),
        memory=float(_LIBRARIES + _BYTES_PER_VOXEL * np.prod(wide) + rows),
        disk=files * size * int(np.prod(shape, dtype=np.int64)),
        disk_free=shutil.disk_usage(folder).free,
    )
