"""The painter of halos of any epoch and cosmology: inception blocks, scaled and shifted."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.inception_painter import InceptionPainter
from halokeras.networks.modulation import Modulation, beside_voxels
from halokeras.networks.painter import LOG_OFFSET
from halokeras.networks.patch import Patch
from halokeras.painter_params import ConditionedParams

_LEAST_SPREAD = 1e-3
"""Of a condition: one that is the same in all training boxes tells nothing."""


class ConditionedPainter(InceptionPainter):
    """The painter of halos, every layer of which is scaled and shifted by what it is told.

    A bin's counts start from those that a mass function expects, so that what is learned is how
    they depend on the density, and in what the mass function errs.

    Parameters
    ----------
    params
        As of `InceptionPainter`, with the conditions and ``modulation_units``.

    Attributes
    ----------
    centre, spread
        Mean and standard deviation of each condition in the training boxes.
    slope
        (conditions, channels): what is added to the raw counts for each standard deviation of a
        condition, so that mean counts are those of the training boxes.
    """

    params: ConditionedParams

    def __init__(self, params: ConditionedParams) -> None:
        super().__init__(params)
        told = len(params.told)
        self.modulation = Modulation(params.modulated, params.modulation_units)
        self.centre = self._fixed("centre", (told,), "zeros")
        self.spread = self._fixed("spread", (told,), "ones")
        self.slope = self._fixed("slope", (told, params.channels), "zeros")

    def make_weights(self) -> None:
        """Build each layer, in the order that the first call would: seeds give the same weights."""
        self.modulation.build((None, len(self.params.told)))
        super().make_weights()

    def raw_counts(self, patch: Patch) -> tf.Tensor:
        """Return what the softplus is applied to, of the shape of the counts."""
        told = self.features(patch)
        modulated = iter(self.modulation(told))
        fields = tf.math.log(patch.density + LOG_OFFSET)
        for block in self.inception_blocks:
            scale, shift = next(modulated)
            fields = block(fields) * scale + shift
        for layer in self.head:
            scale, shift = next(modulated)
            fields = tf.nn.leaky_relu(layer(fields) * scale + shift, self.negative_slope)
        expected = self._expected(patch)
        # of softplus, which is exp where halos are rare
        start = tf.math.log(tf.math.expm1(expected))
        raw: tf.Tensor = self.last(fields) + beside_voxels(told @ self.slope) + start
        return raw

    def features(self, patch: Patch) -> tf.Tensor:
        """Return the conditions that modulate, (batch, told), in deviations from their means."""
        return (patch.conditions[:, : len(self.params.told)] - self.centre) / self.spread

    def learn_conditions(self, conditions: NDArray[np.float32]) -> None:
        """Take means and deviations of the conditions of training boxes, (boxes, conditions)."""
        told = conditions[:, : len(self.params.told)].astype(np.float64)
        self.centre.assign(told.mean(axis=0))
        self.spread.assign(np.maximum(told.std(axis=0), _LEAST_SPREAD))

    def crop_weight(self, patch: Patch) -> tf.Tensor:
        """Return a weight for each crop that keeps epochs of many halos from outweighing others.

        With the root of what is expected each box has the same share in the noise of a gradient,
        and counts that are multiplied by it have the same shot noise in every crop.
        """
        return tf.math.rsqrt(tf.reduce_sum(self._expected(patch), axis=-1, keepdims=True))

    def _expected(self, patch: Patch) -> tf.Tensor:
        """Return the halos per voxel that a mass function expects, (batch, 1, 1, 1, channels)."""
        return beside_voxels(tf.exp(patch.conditions[:, len(self.params.told) :]))

    def shift(self, intercept: NDArray[np.floating], slope: NDArray[np.floating]) -> None:
        """Add to the raw counts of each channel, and `slope` times the features to those."""
        super().shift(intercept, slope)
        self.slope.assign_add(slope.astype(np.float32))

    def _fixed(self, name: str, shape: tuple[int, ...], initial: str) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer=initial, trainable=False)
