"""The residual inception block of the painter (arXiv:1903.10524, section III and figure 2)."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from halokeras.networks.conv import Conv3D, convolve, on_gpu


class ResidualInceptionBlock(keras.layers.Layer):
    """Parallel branches of 1^3 then k^3 convolutions, concatenated, plus the first input channel.

    The block is linear up to its activation. The 1^3 and k^3 kernels of a branch therefore
    compose into one k^3 kernel, and the branches, padded to the widest, into a single
    convolution: with few input channels that is less work for the same weights, values and
    gradients.

    Parameters
    ----------
    filters
        Output channels of each branch.
    kernel_sizes
        Side of each branch's last kernel, odd; a 1 is a branch of a single 1^3 convolution.
    negative_slope
        Of the leaky ReLU.
    """

    def __init__(
        self, filters: int, kernel_sizes: Sequence[int], negative_slope: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.negative_slope = negative_slope
        self.margin = max(kernel_sizes) // 2
        self.branches = [
            [Conv3D(filters, size) for size in ((1, side) if side > 1 else (1,))]
            for side in kernel_sizes
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build each branch for `input_shape`'s channels."""
        for branch in self.branches:
            shape = input_shape
            for layer in branch:
                layer.build(shape)
                shape = (*input_shape[:-1], layer.filters)

    def call(self, fields: tf.Tensor) -> tf.Tensor:
        """Map (batch, x, y, z, channels) to (batch, x-2m, y-2m, z-2m, branches * filters)."""
        single_channel = fields.shape[-1] == 1
        linear = self._fused(fields) if single_channel and not on_gpu() else self._branched(fields)
        residual = crop(fields[..., :1], self.margin)
        return tf.nn.leaky_relu(linear + residual, self.negative_slope)

    def _fused(self, fields: tf.Tensor) -> tf.Tensor:
        side = 2 * self.margin + 1
        kernels, biases = [], []
        for branch in self.branches:
            kernel, bias = _compose(branch)
            edge = (side - kernel.shape[0]) // 2
            kernels.append(tf.pad(kernel, [[edge, edge]] * 3 + [[0, 0]] * 2))
            biases.append(bias)
        return convolve(fields, tf.concat(kernels, -1)) + tf.concat(biases, 0)

    def _branched(self, fields: tf.Tensor) -> tf.Tensor:
        heads = [branch[0] for branch in self.branches]
        kernel = tf.concat([tf.convert_to_tensor(head.kernel) for head in heads], -1)
        bias = tf.concat([tf.convert_to_tensor(head.bias) for head in heads], 0)
        mixed = tf.split(convolve(fields, kernel) + bias, len(heads), axis=-1)
        outputs = []
        for branch, start in zip(self.branches, mixed, strict=True):
            reach = branch[-1].kernel_size // 2
            trimmed = crop(start, self.margin - reach)
            outputs.append(branch[1](trimmed) if len(branch) == 2 else trimmed)
        return tf.concat(outputs, -1)


def _compose(branch: list[Conv3D]) -> tuple[tf.Tensor, tf.Tensor]:
    kernel = tf.convert_to_tensor(branch[0].kernel)
    bias = tf.convert_to_tensor(branch[0].bias)
    for layer in branch[1:]:
        later = tf.convert_to_tensor(layer.kernel)
        kernel = tf.einsum(
            "xyzio,xyzop->xyzip",
            tf.broadcast_to(kernel, (*later.shape[:3], *kernel.shape[3:])),
            later,
        )
        bias = tf.einsum("o,xyzop->p", bias, later) + layer.bias
    return kernel, bias


def crop(fields: tf.Tensor, margin: int) -> tf.Tensor:
    """Cut `margin` voxels off each of the six faces of (batch, x, y, z, channels)."""
    if margin == 0:
        return fields
    inner = slice(margin, -margin)
    return fields[:, inner, inner, inner]
