"""Scales and shifts of a network's channels by what it is told (Perez et al. 2018, FiLM)."""

from collections.abc import Sequence

import keras
import tensorflow as tf


class Modulation(keras.layers.Layer):
    """Two dense layers, from features to a scale and a shift for each channel of each layer.

    Parameters
    ----------
    widths
        Channels of the layers.
    units
        Of the dense layer between.
    """

    def __init__(self, widths: Sequence[int], units: int = 32) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.hidden = keras.layers.Dense(units, activation="tanh")
        self.last = keras.layers.Dense(2 * sum(widths))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build both for `input_shape`'s features."""
        self.hidden.build(input_shape)
        self.last.build((*input_shape[:-1], self.hidden.units))

    def call(self, features: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Map (batch, features) to the scale and shift, (batch, 1, 1, 1, width), of each layer."""
        numbers = beside_voxels(self.last(self.hidden(features)))
        scales, shifts = tf.split(numbers, 2, axis=-1)
        return [
            (1 + scale, shift)
            for scale, shift in zip(
                tf.split(scales, self.widths, axis=-1),
                tf.split(shifts, self.widths, axis=-1),
                strict=True,
            )
        ]


def beside_voxels(numbers: tf.Tensor) -> tf.Tensor:
    """Return (batch, channels) as (batch, 1, 1, 1, channels)."""
    return numbers[:, None, None, None, :]
