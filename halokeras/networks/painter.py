"""The painter: a local network from a density patch to the halo counts of its inner voxels."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.conv import Conv3D
from halokeras.networks.inception import ResidualInceptionBlock

LOG_OFFSET = 0.1
"""Added to rho/mean before the logarithm, so that an empty voxel stays finite."""


class Painter(keras.Model):
    """Residual inception blocks, 1^3 convolutions, and one non-negative output per voxel.

    The published painter (arXiv:1903.10524) is the default but for its density transform: two
    blocks of branches 5^3, 3^3 and 1^3 with ten filters each, four 1^3 convolutions of ten
    filters, and a 1^3 convolution to one channel with ReLU; 32,081 weights.

    Parameters
    ----------
    density_transform
        ``"log"`` feeds log(density + 0.1), ``"none"`` the density itself.
    blocks, filters, kernel_sizes
        Number of residual inception blocks, filters of each branch, sides of the branches.
    head_layers, head_filters
        Number and filters of the 1^3 convolutions after the blocks.
    negative_slope
        Of every leaky ReLU.
    output
        ``"relu"`` or ``"softplus"``: what keeps counts from being negative.
    """

    def __init__(
        self,
        density_transform: str = "log",
        blocks: int = 2,
        filters: int = 10,
        kernel_sizes: Sequence[int] = (5, 3, 1),
        head_layers: int = 4,
        head_filters: int = 10,
        negative_slope: float = 0.1,
        output: str = "relu",
    ) -> None:
        super().__init__()
        self.configuration: dict[str, Any] = {
            "density_transform": density_transform,
            "blocks": blocks,
            "filters": filters,
            "kernel_sizes": list(kernel_sizes),
            "head_layers": head_layers,
            "head_filters": head_filters,
            "negative_slope": negative_slope,
            "output": output,
        }
        self.density_transform = density_transform
        self.negative_slope = negative_slope
        self.inception_blocks = [
            ResidualInceptionBlock(filters, kernel_sizes, negative_slope) for _ in range(blocks)
        ]
        self.head = [Conv3D(head_filters, 1) for _ in range(head_layers)]
        self.last = Conv3D(1, 1)
        self.activation = tf.nn.relu if output == "relu" else tf.nn.softplus
        self.margin = sum(block.margin for block in self.inception_blocks)

    def call(self, density: tf.Tensor) -> tf.Tensor:
        """Paint the counts of the inner voxels.

        Parameters
        ----------
        density
            (batch, x, y, z, 1), rho/mean.

        Returns
        -------
        tf.Tensor
            (batch, x - 2 margin, y - 2 margin, z - 2 margin, 1), halos per voxel.
        """
        painted: tf.Tensor = self.activation(self.raw_counts(density))
        return painted

    def raw_counts(self, density: tf.Tensor) -> tf.Tensor:
        """Return what the output activation is applied to, of the shape of the counts."""
        fields = tf.math.log(density + LOG_OFFSET) if self.density_transform == "log" else density
        for block in self.inception_blocks:
            fields = block(fields)
        for layer in self.head:
            fields = tf.nn.leaky_relu(layer(fields), self.negative_slope)
        raw: tf.Tensor = self.last(fields)
        return raw

    def twin(self) -> "Painter":
        """Return another painter of the same configuration and weights."""
        other = built_painter(**self.get_config())
        other.set_weights(self.get_weights())
        return other

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments, which are the whole configuration."""
        return dict(self.configuration)


def built_painter(**configuration: Any) -> Painter:
    """Make a painter with its weights, which Keras otherwise makes at the first call."""
    painter = Painter(**configuration)
    painter(tf.ones((1, *(2 * painter.margin + 1,) * 3, 1)))
    return painter


def whole_box(
    local: Callable[[tf.Tensor], tf.Tensor], density: NDArray[np.float32], margin: int
) -> NDArray[np.float32]:
    """Apply a painter, or a part of one, to a periodic density in one pass.

    Parameters
    ----------
    local
        From (1, x, y, z, 1) to the values of the voxels `margin` inside.
    density
        rho/mean, (nx, ny, nz).

    Returns
    -------
    ndarray
        (nx, ny, nz) float32.
    """
    padded = np.pad(density, margin, mode="wrap")
    values: NDArray[np.float32] = local(tf.constant(padded[None, ..., None])).numpy()
    return values[0, ..., 0]
