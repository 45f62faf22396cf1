"""What an update does to the networks, each against its known answer."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from halokeras.networks.painter import LOG_OFFSET
from halokeras.params import Params
from halokeras.training.boxes import TrainingBoxes
from halokeras.training.build import build_gan
from halokeras.training.losses import spectral_distance
from halokeras.training.schedule import ADVERSARIAL, CRITIC_WARM_UP, WARM_START
from halokeras.training.stages import stages

SIDE = 6


def tiny(**training):
    fields = {
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 1},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2], "sees_density": True},
        "training": {
            "crop_size": SIDE,
            "batch_size": 2,
            "n_critic": 3,
            "steps": 5,
            "critic_warm_steps": 4,
            "warm_start": {"steps": 3, "crop_size": SIDE, "batch_size": 2},
            "moving_average": 0.9,
            **training,
        },
    }
    return Params.model_validate(fields)


def crops(batches, seed=1):
    generator = np.random.default_rng(seed)
    density = generator.gamma(1.0, 1.0, (batches, 2, *(SIDE + 2,) * 3, 1)).astype(np.float32)
    counts = generator.poisson(0.5, (batches, 2, *(SIDE,) * 3, 1)).astype(np.float32)
    return tf.constant(density), tf.constant(counts)


def eager_gan(params):
    """Networks whose gradients are not compiled, which takes longer than a few updates of them."""
    gan = build_gan(params)
    gan._critic_gradients = gan.critic_gradients
    gan._painter_gradients = gan.painter_gradients
    gan._likelihood_gradients = gan.likelihood_gradients
    return gan


@pytest.fixture
def gan():
    return eager_gan(tiny())


def weights(network):
    return [np.array(array) for array in network.get_weights()]


def assert_same(ours, theirs):
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our, their)


def test_a_step_updates_the_critic_n_critic_times_and_the_painter_once():
    n_critic = 2
    params = tiny(n_critic=n_critic, batch_size=1)
    gan = eager_gan(params)
    box = np.random.default_rng(2).gamma(1.0, 1.0, (1, 12, 12, 12)).astype(np.float32)
    data = SimpleNamespace(boxes=TrainingBoxes.of(box, np.round(box)), conditions=None)
    updates = []
    for stage in stages(params, gan, data):
        before = [int(o.iterations) for o in optimizers(gan)]
        stage.update(next(iter(stage.crops(stage.span.start, 0, 1))))
        after = [int(o.iterations) for o in optimizers(gan)]
        updates.append((stage.span.name, *np.subtract(after, before)))
    assert updates == [
        (WARM_START, 1, 0, 0),
        (CRITIC_WARM_UP, 0, n_critic, 0),
        (ADVERSARIAL, 0, n_critic, 1),
    ]
    assert int(gan.step) == 3


def optimizers(gan):
    return gan.warm_optimizer, gan.critic_optimizer, gan.painter_optimizer


def test_every_critic_update_of_a_step_has_crops_of_its_own(gan, monkeypatch):
    seen = []

    def gradients(density, counts, weight):
        seen.append((density.numpy(), counts.numpy()))
        return {"gradients": [tf.zeros_like(v) for v in gan.critic.trainable_variables]}

    monkeypatch.setattr(gan, "_critic_gradients", gradients)
    density, counts = crops(4)
    gan.train_step((density, counts))
    assert len(seen) == 3
    for number, (seen_density, seen_counts) in enumerate(seen):
        np.testing.assert_array_equal(seen_density, density[number])
        np.testing.assert_array_equal(seen_counts, counts[number])


def test_the_penalty_is_taken_elsewhere_at_every_update_of_every_step(gan):
    counts = crops(1)[1][0]
    drawn = []
    for step in range(20):
        gan.step.assign(step)
        for update in range(gan.n_critic):
            weight = gan._interpolation(counts, update).numpy()
            np.testing.assert_array_equal(weight, gan._interpolation(counts, update))
            assert weight.shape == (2, 1, 1, 1, 1)
            drawn += weight.ravel().tolist()
    # one for each crop, uniform: 120 of mean 1/2 and variance 1/12
    assert len(set(drawn)) == len(drawn) == 120
    assert 0 <= min(drawn) < 0.1 and 0.9 < max(drawn) <= 1
    assert abs(np.mean(drawn) - 0.5) < 4 / np.sqrt(12 * 120)


def test_the_critic_sees_the_density_of_the_very_voxels_that_it_sees_counts_of(gan):
    density, counts = (field[0] for field in crops(1))
    judged = gan.judged(counts, density).numpy()
    assert judged.shape == (2, SIDE, SIDE, SIDE, 2)
    np.testing.assert_array_equal(judged[..., :1], counts)
    inner = density.numpy()[:, 1:-1, 1:-1, 1:-1]
    np.testing.assert_allclose(judged[..., 1:], np.log(inner + LOG_OFFSET), rtol=1e-5, atol=1e-5)


def test_the_spectral_distance_counts_in_the_painters_loss_by_its_weight():
    density, counts = (field[0] for field in crops(1))
    gan = eager_gan(tiny())
    plain = gan.painter_gradients(density, counts)
    gan.spectral_weight = 300.0
    with_distance = gan.painter_gradients(density, counts)
    with tf.GradientTape() as tape:
        distance = spectral_distance(gan.painter(density), counts)
    expected = tape.gradient(distance, gan.painter.trainable_variables)
    added = float(with_distance["painter_loss"] - plain["painter_loss"])
    assert added == pytest.approx(300 * float(distance), rel=1e-4)
    assert float(distance) > 0.1
    pairs = zip(with_distance["gradients"], plain["gradients"], expected, strict=True)
    for more, less, of_distance in pairs:
        difference = np.linalg.norm(more - less - 300 * of_distance)
        assert difference < 1e-3 * np.linalg.norm(300 * of_distance) + 1e-3


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (5, 0.4), (1000, 0.9)])
def test_the_average_keeps_its_share_of_itself(gan, step, decay):
    before, new = weights(gan.averaged_painter), [w + 1 for w in weights(gan.painter)]
    gan.painter.set_weights(new)
    gan.step.assign(step)
    gan._finish_step()
    assert int(gan.step) == step + 1
    for average, old, present in zip(weights(gan.averaged_painter), before, new, strict=True):
        np.testing.assert_allclose(average, decay * old + (1 - decay) * present, atol=1e-6)


def test_the_expected_painter_is_the_average_that_the_warm_start_ends_with(gan):
    start = weights(gan.expected_painter)
    gan.warm_start_step(crops(1))
    expected = weights(gan.expected_painter)
    assert_same(expected, weights(gan.averaged_painter))
    assert any((now != then).any() for now, then in zip(expected, start, strict=True))
    gan.train_step(crops(4))
    assert_same(weights(gan.expected_painter), expected)
    averaged = weights(gan.averaged_painter)
    assert any((now != then).any() for now, then in zip(averaged, expected, strict=True))
