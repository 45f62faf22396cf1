"""The residual inception block of the painter (arXiv:1903.10524, section III and figure 2)."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from halokeras.networks.conv import Conv3D, convolve


class ResidualInceptionBlock(keras.layers.Layer):
    """Parallel branches of 1^3 then k^3 convolutions, concatenated, plus the first input channel.

    The block is linear up to its activation. The 1^3 and k^3 kernels of a branch therefore
    compose into one k^3 kernel, and the branches and the residual, padded to the widest, into a
    single convolution: with one input channel that is less work for the same weights, values
    and gradients.

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
        self.filters = filters * len(kernel_sizes)
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
        linear = self._fused(fields) if fields.shape[-1] == 1 else self._branched(fields)
        return tf.nn.leaky_relu(linear, self.negative_slope)

    def _fused(self, fields: tf.Tensor) -> tf.Tensor:
        side = 2 * self.margin + 1
        kernels, biases = [], []
        for branch in self.branches:
            kernel, bias = _compose(branch)
            edge = (side - kernel.shape[0]) // 2
            kernels.append(tf.pad(kernel, [[edge, edge]] * 3 + [[0, 0]] * 2))
            biases.append(bias)
        kernel = tf.concat(kernels, -1)
        around = [[self.margin, self.margin]] * 3 + [[0, 0]] * 2
        residual = tf.pad(tf.ones((1, 1, 1, 1, kernel.shape[-1])), around)
        return tf.nn.bias_add(convolve(fields, kernel + residual), tf.concat(biases, 0))

    def _branched(self, fields: tf.Tensor) -> tf.Tensor:
        outputs = []
        for head, *later in self.branches:
            reach = later[-1].kernel_size // 2 if later else 0
            branch_fields = crop(head(fields), self.margin - reach)
            for layer in later:
                branch_fields = layer(branch_fields)
            outputs.append(branch_fields)
        return tf.concat(outputs, -1) + crop(fields[..., :1], self.margin)


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
    around = [[0, 0], *[[margin, margin]] * 3, [0, 0]]

    @tf.custom_gradient
    def cut(fields: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        # TensorFlow's own gradient of a slice takes twenty times as long as the padding it is
        return fields[:, inner, inner, inner], lambda upstream: tf.pad(upstream, around)

    return cut(fields)
