"""Paint halo counts onto a density of any size, tile by tile, in bounded memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import halokeras
from halokeras.boxes.box import Box
from halokeras.boxes.box_file import Header, write_header
from halokeras.boxes.grid import Grid
from halokeras.errors import ModelError
from halokeras.files import whole_file
from halokeras.networks.painter import Painter
from halokeras.painting.inputs import Density, density_of
from halokeras.painting.tiles import WritableGrid, cover, read_row, tiles, write_row
from halokeras.training.model_store import SavedPainter

SIDE = 32
"""Side of the tiles [voxels]: on a CPU as fast as 64, and wastes less where a box ends."""

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Progress = Callable[[float], None]


def paint(
    painter: Painter,
    density: Grid,
    side: int = SIDE,
    progress: Progress = lambda fraction: None,
) -> NDArray[np.float32]:
    """Paint the halo counts of a periodic density, in memory.

    Parameters
    ----------
    painter
        A built painter.
    density
        rho/mean, (nx, ny, nz), of any shape, non-negative and finite.
    side
        Side of the tiles [voxels]. Memory grows with its cube; the counts do not depend on it
        beyond rounding.
    progress
        Called with the fraction that is painted, as it grows.

    Returns
    -------
    ndarray
        Mean counts per voxel, (nx, ny, nz) float32.
    """
    counts = np.empty(density.shape, dtype=np.float32)
    paint_into(counts, painter, density, side, progress)
    return counts


def paint_into(
    counts: WritableGrid,
    painter: Painter,
    density: Grid,
    side: int = SIDE,
    progress: Progress = lambda fraction: None,
) -> None:
    """Paint as `paint`, into `counts`, with a row of tiles in memory at a time.

    Parameters
    ----------
    counts
        (nx, ny, nz), an array or a dataset that can be written.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    """
    predict = compiled(painter, side)
    x, y, z = density.shape
    rows = cover((x, y, z), side)
    for done, row in enumerate(rows, start=1):
        margin = painter.margin
        wide = read_row(density, row, side, margin)
        painted = [predict(tile) for tile in tiles(wide, side, margin)]
        if not all(np.isfinite(tile).all() for tile in painted):
            raise ModelError("the painter gives counts that are not finite; use another --model")
        write_row(counts, row, painted)
        progress(done / len(rows))


def compiled(painter: Painter, side: int) -> Predict:
    """Compile the painter for tiles of `side` voxels.

    The result takes the density of one tile with its margin, (side + 2 margin)^3, and gives the
    counts, (side, side, side).
    """
    length = side + 2 * painter.margin
    # Not through XLA: on a CPU it takes a second more to compile and twice as long to run.
    signature = [tf.TensorSpec((1, length, length, length, 1), tf.float32)]
    function = tf.function(lambda density: painter(density), input_signature=signature)

    def predict(density: NDArray[np.float32]) -> NDArray[np.float32]:
        painted: NDArray[np.float32] = function(density[np.newaxis, ..., np.newaxis]).numpy()
        return painted[0, ..., 0]

    return predict


def paint_box(
    box: Box, saved: SavedPainter, model: str, progress: Progress = lambda fraction: None
) -> Box:
    """Paint a box's density and give a box of the counts that tells where they come from.

    Parameters
    ----------
    box
        With a density; its halos or counts, if it has any, are not looked at.
    saved
        The painter.
    model
        Name of the painter, for the provenance.
    progress
        As in `paint`.

    Raises
    ------
    ModelError
        If the box has no density or the painter gives counts that are not finite.
    """
    given = density_of(box)
    counts = paint(saved.painter, given.grid, progress=progress)
    return Box(
        voxel_size=box.voxel_size,
        redshift=box.redshift,
        cosmology=box.cosmology,
        counts=counts,
        provenance=_provenance(given, saved, model),
    )


def paint_file(
    given: Density,
    saved: SavedPainter,
    model: str,
    output: Path,
    progress: Progress = lambda fraction: None,
) -> None:
    """Paint as `paint_box`, from where the density lies into a box file, in bounded memory.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    OutputError
        If the file cannot be written.
    """
    header = given.header
    told = Header(
        header.voxel_size, header.redshift, header.cosmology, _provenance(given, saved, model)
    )
    with whole_file(output) as temporary, h5py.File(temporary, "w") as file:
        write_header(file, told, given.shape)
        chunks = tuple(min(SIDE, length) for length in given.shape)
        counts = file.create_dataset("counts", given.shape, np.float32, chunks=chunks)
        paint_into(counts, saved.painter, given.grid, progress=progress)


def _provenance(given: Density, saved: SavedPainter, model: str) -> dict[str, Any]:
    return {
        **given.header.provenance,
        "model": model,
        "model_hash": saved.hash,
        "source_box_hash": given.hash,
        "software": "halopaint",
        "software_version": halokeras.__version__,
    }
