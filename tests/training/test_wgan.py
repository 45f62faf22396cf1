import numpy as np
import pytest
import tensorflow as tf

from halokeras.params import Params
from halokeras.training.build import build_gan


def gradients():
    fields = {
        "painter": {"filters": 3},
        "critic": {"filters": [4, 4], "kernel_sizes": [5, 3], "strides": [2, 2]},
        "training": {"crop_size": 12, "n_critic": 1},
    }
    gan = build_gan(Params.model_validate(fields))
    density = tf.exp(tf.random.stateless_normal((1, 20, 20, 20, 1), (5, 6)))
    counts = tf.cast(tf.random.stateless_poisson((1, 12, 12, 12, 1), (7, 8), 0.2), tf.float32)
    weight = tf.fill((1, 1, 1, 1, 1), 0.3)
    critic = gan._critic_gradients(density, counts, weight)["gradients"]
    return [*critic, *gan._painter_gradients(density, counts)["gradients"]]


@pytest.mark.slow
def test_gradients_are_the_same_without_the_fast_convolutions(monkeypatch):
    fast = gradients()
    for module in ("networks.conv", "training.wgan"):
        monkeypatch.setattr(f"halokeras.{module}.has_fast_conv3d", lambda: False)
    for ours, theirs in zip(gradients(), fast, strict=True):
        assert np.linalg.norm(ours - theirs) < 1e-4 * max(np.linalg.norm(theirs), 1e-3)
