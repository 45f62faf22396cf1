"""The critic: how real a crop of halo counts looks, as one number."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from halokeras.networks.conv import Conv3D
from halokeras.networks.modulation import Modulation


class Critic(keras.Model):
    """Strided convolutions and a dense layer to one number, without a last activation.

    The published critic is the default: 7^3 stride 2 (8 filters), 5^3 (16), 3^3 stride 2 (32),
    1^3 (64), leaky ReLU after each; 67,505 weights for a crop of 50^3 voxels.

    Parameters
    ----------
    filters, kernel_sizes, strides
        One of each for every convolution.
    negative_slope
        Of every leaky ReLU.
    sees_density
        Whether a crop comes with the density of the same voxels as a second channel, so that
        the critic judges the pair (a conditional Wasserstein distance).
    sees_masses
        Whether counts of several bins of mass come as a channel each, or as their sum.
    features
        Numbers that it is told of each crop, by which every layer is scaled and shifted.
    """

    def __init__(
        self,
        filters: Sequence[int] = (8, 16, 32, 64),
        kernel_sizes: Sequence[int] = (7, 5, 3, 1),
        strides: Sequence[int] = (2, 1, 2, 1),
        negative_slope: float = 0.1,
        sees_density: bool = False,
        sees_masses: bool = False,
        features: int = 0,
    ) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.sees_density = sees_density
        self.sees_masses = sees_masses
        self.convolutions = [
            Conv3D(*layer) for layer in zip(filters, kernel_sizes, strides, strict=True)
        ]
        self.score = keras.layers.Dense(1)
        self.modulation = Modulation(filters) if features else None

    def call(self, crops: tf.Tensor, told: tf.Tensor | None = None) -> tf.Tensor:
        """Score (batch, x, y, z, channels), told (batch, features) of each, as (batch, 1)."""
        fields = crops
        modulated = None if self.modulation is None else iter(self.modulation(told))
        for layer in self.convolutions:
            fields = layer(fields)
            if modulated is not None:
                scale, shift = next(modulated)
                fields = fields * scale + shift
            fields = tf.nn.leaky_relu(fields, self.negative_slope)
        flat = tf.reshape(fields, (tf.shape(fields)[0], _voxels(fields.shape[1:])))
        return self.score(flat)


def _voxels(shape: Any) -> int:
    return int(tf.TensorShape(shape).num_elements())
