"""Paint halo counts onto a density of any size, tile by tile, in bounded memory."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import halokeras
from halokeras.boxes.box import Box, box_hash
from halokeras.errors import ModelError
from halokeras.networks.painter import Painter
from halokeras.painting.tiles import cover, read, write
from halokeras.training.model_store import SavedPainter

SIDE = 32
"""Side of the tiles [voxels]: on a CPU as fast as 64, and wastes less where a box ends."""

Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def paint(
    painter: Painter,
    density: NDArray[np.float32],
    side: int = SIDE,
    progress: Callable[[float], None] = lambda fraction: None,
) -> NDArray[np.float32]:
    """Paint the halo counts of a periodic density.

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
        Called after every tile with the fraction of the tiles that are painted.

    Returns
    -------
    ndarray
        Mean counts per voxel, (nx, ny, nz) float32.
    """
    predict = compiled(painter, side)
    counts = np.empty(density.shape, dtype=np.float32)
    x, y, z = density.shape
    tiles = cover((x, y, z), side)
    for done, tile in enumerate(tiles, start=1):
        write(counts, tile, predict(read(density, tile, side, painter.margin)))
        progress(done / len(tiles))
    return counts


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
    box: Box,
    saved: SavedPainter,
    model: str,
    progress: Callable[[float], None] = lambda fraction: None,
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
    if box.density is None:
        raise ModelError("the box holds no density to paint on; give a box or file with one")
    counts = paint(saved.painter, box.density, progress=progress)
    if not np.isfinite(counts).all():
        raise ModelError(f"{model} painted counts that are not finite; train or choose another")
    return Box(
        voxel_size=box.voxel_size,
        redshift=box.redshift,
        cosmology=box.cosmology,
        density=None,
        counts=counts,
        provenance={
            **box.provenance,
            "model": model,
            "model_hash": saved.hash,
            "source_box_hash": box_hash(box),
            "software": "halopaint",
            "software_version": halokeras.__version__,
        },
    )
