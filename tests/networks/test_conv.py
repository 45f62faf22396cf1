import keras
import numpy as np
import pytest
import tensorflow as tf

from halokeras.networks.conv import Conv3D, convolve_stacked
from halokeras.networks.inception import crop


def gradients(convolve, fields, kernel):
    with tf.GradientTape() as tape:
        tape.watch([fields, kernel])
        loss = tf.reduce_sum(tf.sin(convolve(fields, kernel)))
    return tape.gradient(loss, [fields, kernel])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2), (7, 2), (1, 2)])
def test_stacked_convolution_equals_stock_in_value_and_gradient(size, stride, channels):
    generator = np.random.default_rng(size)
    # three different sides: a mix-up of axes cannot hide
    fields = tf.constant(generator.normal(size=(2, 11, 9, 10, channels)), tf.float32)
    spread = (size**3 * channels) ** -0.5  # so that sums are of order one
    kernel = tf.constant(generator.normal(0, spread, (size,) * 3 + (channels, 4)), tf.float32)

    def stock(fields, kernel):
        return tf.nn.conv3d(fields, kernel, [1, stride, stride, stride, 1], "VALID")

    def stacked(fields, kernel):
        return convolve_stacked(fields, kernel, stride)

    np.testing.assert_allclose(stacked(fields, kernel), stock(fields, kernel), atol=1e-4)
    for ours, theirs in zip(
        gradients(stacked, fields, kernel), gradients(stock, fields, kernel), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_layer_takes_the_weights_of_keras_conv3d():
    fields = tf.random.stateless_normal((1, 8, 8, 8, 2), (1, 2))
    stock = keras.layers.Conv3D(5, 3, strides=2)
    ours = Conv3D(5, 3, stride=2)
    stock(fields), ours(fields)
    ours.set_weights(stock.get_weights())
    np.testing.assert_allclose(ours(fields), stock(fields), atol=1e-5)


def test_the_gradient_of_a_crop_is_that_of_a_slice():
    fields = tf.random.stateless_normal((2, 7, 8, 9, 3), (1, 2))

    def slope(cut):
        with tf.GradientTape() as outer:
            outer.watch(fields)
            with tf.GradientTape() as inner:
                inner.watch(fields)
                loss = tf.reduce_sum(cut(fields) ** 3)
            first = inner.gradient(loss, fields)
            penalty = tf.reduce_sum(first**2)
        return first, outer.gradient(penalty, fields)

    sliced = slope(lambda field: field[:, 2:-2, 2:-2, 2:-2])
    for ours, theirs in zip(slope(lambda field: crop(field, 2)), sliced, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
