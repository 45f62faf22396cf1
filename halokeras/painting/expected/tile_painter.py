"""A painter compiled for tiles of one shape."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.errors import ModelError
from halokeras.fields.gridding import Shape
from halokeras.networks.painter import Painter
from halokeras.networks.patch import patch_of
from halokeras.painting.tiles import Row, read_row, tiles
from halokeras.storage.grid import Grid


class TilePainter:
    """A painter compiled for tiles of one shape.

    Parameters
    ----------
    painter
        A built painter.
    tile
        Voxels that it paints at once, along x, y and z.
    conditions
        Conditions of the density, such as its redshift, in the order that the painter's kind
        states.
    border
        Voxels by which the tiles of a row are painted wider, along x and y on both sides.

    Raises
    ------
    ModelError
        If the painter is conditioned by more or fewer numbers.
    """

    def __init__(
        self,
        painter: Painter,
        tile: Shape,
        conditions: Sequence[float] = (),
        border: int = 0,
    ) -> None:
        names = painter.params.conditions
        if len(conditions) != len(names):
            raise ModelError(
                f"the painter is conditioned by {', '.join(names) or 'nothing'} and was told "
                f"{len(conditions)} numbers; tell it {len(names)}"
            )
        self.tile = tile
        self.border = border
        self.margin = painter.margin
        self.channels = painter.params.channels
        self.painted_shape = tile[0] + 2 * border, tile[1] + 2 * border, tile[2]
        wide = (side + 2 * painter.margin for side in self.painted_shape)
        # Not through XLA: on a CPU it does not know the fast convolutions.
        self._paint = tf.function(
            lambda density: painter(patch_of(density, conditions)),
            input_signature=[tf.TensorSpec((1, *wide, 1), tf.float32)],
            autograph=False,  # there is no loop over tensors that it would have to rewrite
        )

    def __call__(self, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the counts of a tile, (x, y, z) or (x, y, z, channels), of its wide density.

        They are those of its border too.
        """
        painted: NDArray[np.float32] = self._paint(density[np.newaxis, ..., np.newaxis]).numpy()
        return painted[0, ..., 0] if self.channels == 1 else painted[0]

    def paint_row(self, density: Grid, row: Row) -> list[NDArray[np.float32]]:
        """Read a row of a density and return the counts of each of its tiles, with its border.

        Raises
        ------
        ModelError
            If they are not finite.
        """
        begin = Row(row.x - self.border, row.y - self.border)
        wide = read_row(density, begin, self.painted_shape, self.margin)
        painted = [self(tile) for tile in tiles(wide, self.painted_shape, self.margin)]
        if not all(np.isfinite(tile).all() for tile in painted):
            raise ModelError("the painter gives counts that are not finite; use another --model")
        return painted


@lru_cache(maxsize=8)
def compiled(
    painter: Painter, tile: Shape, conditions: tuple[float, ...] = (), border: int = 0
) -> TilePainter:
    """Return a painter compiled for tiles of a shape, the same again for the last eight asked for.

    A painter that goes on learning is painted with as it is, not as it was when compiled.
    """
    return TilePainter(painter, tile, conditions, border)
