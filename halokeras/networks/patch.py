"""What a painter reads, and the channels of what it paints."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class Patch(NamedTuple):
    """A batch of pieces of a periodic density, with what else the painter is told of each.

    Attributes
    ----------
    density
        (batch, x, y, z, 1), rho/mean, with the painter's margin around the voxels to paint.
    conditions
        (batch, conditions): redshift, omega_m and the like, in the order that the kind states.
    """

    density: tf.Tensor
    conditions: tf.Tensor


def patch_of(density: Any, conditions: Sequence[float] = ()) -> Patch:
    """Return the patch of densities (batch, x, y, z, 1) that share their `conditions`."""
    row = tf.constant([list(conditions)], tf.float32, (1, len(conditions)))
    return Patch(density, tf.repeat(row, tf.shape(density)[0], axis=0))


def density_in(patch: Patch | tf.Tensor) -> tf.Tensor:
    """Return the density of a patch, which stands for the patch where nothing else is read."""
    return patch.density if isinstance(patch, Patch) else patch


def channels_of(grid: NDArray[Any], channels: int) -> list[NDArray[Any]]:
    """Return the channels of a grid, which has an axis of them, the last, if they are several."""
    return [grid] if channels == 1 else list(np.moveaxis(grid, -1, 0))
