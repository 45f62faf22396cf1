"""Runs only where TensorFlow has a GPU: the same code, with cuDNN's convolutions."""

import numpy as np
import pytest
import tensorflow as tf

from halokeras.networks.conv import convolve_stacked
from halokeras.params import Params
from halokeras.training.build import build_gan

pytestmark = pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="TensorFlow has no GPU here"
)


@pytest.fixture
def gan():
    training = {"crop_size": 24, "n_critic": 1}
    return build_gan(Params.model_validate({"training": training}))


def test_the_gpu_convolves_as_the_cpu():
    fields = tf.random.stateless_normal((1, 12, 12, 12, 3), (1, 2))
    kernel = tf.random.stateless_normal((5, 5, 5, 3, 4), (3, 4)) * 0.05
    with tf.device("/GPU:0"):
        there = tf.nn.conv3d(fields, kernel, [1] * 5, "VALID")
    with tf.device("/CPU:0"):
        here = convolve_stacked(fields, kernel)
    np.testing.assert_allclose(there, here, atol=5e-3)  # TensorFloat-32 rounds to 1e-3


def test_a_training_step_runs_on_the_gpu_and_is_finite(gan):
    density = tf.exp(tf.random.stateless_normal((2, 1, 32, 32, 32, 1), (5, 6)))
    counts = tf.cast(tf.random.stateless_poisson((2, 1, 24, 24, 24, 1), (7, 8), 0.2), tf.float32)
    logs = tf.function(gan.train_step)((density, counts))
    assert all(np.isfinite(value) for value in logs.values())
    assert "GPU" in logs["painter_loss"].device
