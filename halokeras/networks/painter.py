"""A painter of any kind: from the patch around some voxels to the halo counts in them."""

import pkgutil
from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.conv import Conv3D
from halokeras.networks.patch import Patch, patch_of
from halokeras.painter_params import PainterParams

LOG_OFFSET = 0.1
"""Added to rho/mean before the logarithm, so that an empty voxel stays finite."""
_LARGEST_SIDE = 128
"""Of the pieces that larger boxes are painted in: a pass takes some 1,000 bytes a voxel."""


class Painter(keras.Model):
    """A local network, without padding: each kind is a subclass, named by its params.

    Parameters
    ----------
    params
        Of its kind.

    Attributes
    ----------
    activation
        What makes counts of `raw_counts`, voxel by voxel and channel by channel.
    last
        The layer that gives `raw_counts`; its bias has a number for each channel.
    first_bias
        What that bias is before training.
    """

    activation: Callable[[tf.Tensor], tf.Tensor]
    last: Conv3D
    first_bias: float = 0.0

    def __init__(self, params: PainterParams) -> None:
        super().__init__()
        self.params = params
        self.margin = params.margin

    def call(self, patch: Patch | tf.Tensor) -> tf.Tensor:
        """Paint the counts of the inner voxels.

        Parameters
        ----------
        patch
            What the kind reads, or where that is the density alone, (batch, x, y, z, 1).

        Returns
        -------
        tf.Tensor
            (batch, x - 2 margin, y - 2 margin, z - 2 margin, channels), halos per voxel.
        """
        if not isinstance(patch, Patch):
            patch = patch_of(patch)
        painted: tf.Tensor = self.activation(self.raw_counts(patch))
        return painted

    @abstractmethod
    def raw_counts(self, patch: Patch) -> tf.Tensor:
        """Return what the output activation is applied to, of the shape of the counts."""

    def make_weights(self) -> None:
        """Build each layer: by a first call, but where a kind knows their channels without it."""
        side = 2 * self.margin + 1
        self(patch_of(tf.ones((1, side, side, side, 1)), [1.0] * len(self.params.conditions)))

    def learn_conditions(self, conditions: NDArray[np.float32]) -> None:
        """Take what is to be known of the conditions of training boxes, (boxes, conditions)."""

    def features(self, patch: Patch) -> tf.Tensor:
        """Return what a critic is told of a patch, (batch, features): by default nothing."""
        return patch.conditions[:, :0]

    def crop_weight(self, patch: Patch) -> tf.Tensor | float:
        """Return what each crop of a batch counts in a loss: by default all the same."""
        return 1.0

    def shift(self, intercept: NDArray[np.floating], slope: NDArray[np.floating]) -> None:
        """Add to the raw counts of each channel, and `slope` times the features to those."""
        self.last.bias.assign_add(intercept.astype(np.float32))

    def twin(self) -> "Painter":
        """Return another painter of the same configuration and weights."""
        other = built_painter(self.params)
        other.set_weights(self.get_weights())
        return other

    def get_config(self) -> dict[str, Any]:
        """Return the fields of its params, which are the whole configuration."""
        return self.params.model_dump(mode="json")


def built_painter(params: PainterParams) -> Painter:
    """Make a painter with its weights, which Keras otherwise makes at the first call."""
    painter: Painter = pkgutil.resolve_name(params.network)(params)
    painter.built = True  # its layers are; Keras would trace them all at the first call
    painter.make_weights()
    return painter


def whole_box(
    local: Callable[[Patch], tf.Tensor],
    density: NDArray[np.float32],
    margin: int,
    conditions: Sequence[float] = (),
    layers: range | None = None,
) -> NDArray[np.float32]:
    """Apply a painter, or a part of one, to a periodic density.

    Up to 128^3 voxels are one pass. More are painted in pieces of no more than 128 voxels a side,
    so that memory is bounded, to the same numbers but for rounding.

    Parameters
    ----------
    local
        From a patch of (1, x, y, z, 1) to the values of the voxels `margin` inside.
    density
        rho/mean, (nx, ny, nz).
    conditions
        Of the box, as the patch brings them.
    layers
        Voxels along z to paint; all if not given.

    Returns
    -------
    ndarray
        (nx, ny, layers) float32, or of several channels (nx, ny, layers, channels).
    """
    nx, ny, nz = density.shape
    wanted = [range(nx), range(ny), range(nz) if layers is None else layers]
    shape = [len(voxels) for voxels in wanted]
    one_pass = np.prod(shape) <= _LARGEST_SIDE**3
    parts = [1 if one_pass else -(-side // _LARGEST_SIDE) for side in shape]
    painted = None
    for piece in product(*map(np.array_split, wanted, parts)):
        around = [
            np.arange(part[0] - margin, part[-1] + margin + 1) % length
            for part, length in zip(piece, density.shape, strict=True)
        ]
        patch = patch_of(tf.constant(density[np.ix_(*around)][None, ..., None]), conditions)
        values = local(patch).numpy()[0]
        if painted is None:
            painted = np.empty((*shape, values.shape[-1]), np.float32)
        x, y, z = piece
        painted[np.ix_(x, y, z - wanted[2].start)] = values
    assert painted is not None  # a box has voxels
    return painted[..., 0] if painted.shape[-1] == 1 else painted
