"""One 3D convolution, fast on CPUs and GPUs, with the weights of Keras' ``Conv3D``.

With cuDNN, and with oneDNN on x86 CPUs, TensorFlow's own 3D convolution runs near the machine's
limit. TensorFlow's other CPU kernels are up to a hundred times slower, above all in their
gradients. There a valid 3D convolution is a 2D convolution over depth-stacked channels: the k
slices that a kernel spans are laid side by side in the channels, depth joins the batch, and one
2D convolution with k times the input channels gives the same sums in another order.
"""

import os
import platform
from typing import Any

import keras
import tensorflow as tf


def convolve(fields: tf.Tensor, kernel: tf.Tensor, stride: int = 1) -> tf.Tensor:
    """Convolve without padding, choosing the faster way for the device.

    Parameters
    ----------
    fields
        (batch, x, y, z, channels).
    kernel
        (k, k, k, channels, filters), the layout of Keras' ``Conv3D``.
    stride
        The same along each axis.

    Returns
    -------
    tf.Tensor
        (batch, x', y', z', filters) with x' = (x - k) // stride + 1.
    """
    if has_fast_conv3d():
        return tf.nn.conv3d(fields, kernel, [1, stride, stride, stride, 1], "VALID")
    return convolve_stacked(fields, kernel, stride)


def convolve_stacked(fields: tf.Tensor, kernel: tf.Tensor, stride: int = 1) -> tf.Tensor:
    """Convolve as `convolve`, through a 2D convolution over depth-stacked channels."""
    size, channels, filters = kernel.shape[0], kernel.shape[3], kernel.shape[4]
    if size == 1 and stride == 1:
        return tf.matmul(fields, tf.reshape(kernel, (channels, filters)))
    depth = (fields.shape[1] - size) // stride + 1
    span = (depth - 1) * stride + 1
    slices = [fields[:, i : i + span : stride] for i in range(size)]
    stacked = tf.concat(slices, axis=-1) if size > 1 else slices[0]
    batch = tf.shape(fields)[0]
    flat = tf.reshape(stacked, (-1, fields.shape[2], fields.shape[3], size * channels))
    # (k_x, k_y, k_z, in, out) -> (k_y, k_z, k_x * in, out): the order in which slices stack
    flat_kernel = tf.reshape(
        tf.transpose(kernel, (1, 2, 0, 3, 4)), (size, size, size * channels, filters)
    )
    painted = tf.nn.conv2d(flat, flat_kernel, stride, "VALID")
    return tf.reshape(painted, (batch, depth, painted.shape[1], painted.shape[2], filters))


def has_fast_conv3d() -> bool:
    """Whether TensorFlow's own 3D convolutions are the fast ones here: cuDNN's or oneDNN's.

    TensorFlow reads ``TF_ENABLE_ONEDNN_OPTS`` when it is imported. It leaves oneDNN off on CPUs
    without AVX512-VNNI unless asked. `halokeras` asks for it, but where TensorFlow was imported
    before it: there nothing tells what TensorFlow chose, and its convolutions count as slow.
    """
    if tf.config.list_logical_devices("GPU"):
        return True
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    return is_x86 and os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() in ("1", "true")


class Conv3D(keras.layers.Layer):
    """A valid 3D convolution with bias: the weights and values of ``keras.layers.Conv3D``.

    Parameters
    ----------
    filters
        Output channels.
    kernel_size
        Side of the cubic kernel in voxels.
    stride
        Voxels between outputs, the same along each axis.
    """

    def __init__(self, filters: int, kernel_size: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for `input_shape`'s channels."""
        side = (self.kernel_size,) * 3
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*side, input_shape[-1], self.filters),
            initializer="glorot_uniform",
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, fields: tf.Tensor) -> tf.Tensor:
        """Convolve (batch, x, y, z, channels) and add the bias."""
        convolved = convolve(fields, tf.convert_to_tensor(self.kernel), self.stride)
        return tf.nn.bias_add(convolved, self.bias)
