"""What the published setting asks for, and that other params train as before it could be said."""

import hashlib

import numpy as np
import pytest

from halokeras.params import Params, load_params
from halokeras.resources import shipped
from halokeras.training.boxes import TrainingBoxes
from halokeras.training.build import build_gan, tensor_seed
from halokeras.training.crops import CropStream


def preset(name):
    return load_params(shipped("params") / f"{name}.json")


def white_box(side):
    generator = np.random.default_rng(12)
    density = generator.gamma(0.5, 2.0, (1, side, side, side)).astype(np.float32)
    return density, generator.poisson(0.3 * density).astype(np.float32)


def first_losses(params):
    """Losses of the warm start's and of the adversarial stage's first updates, on white noise."""
    training = params.training
    gan = build_gan(params)
    density, counts = white_box(48)
    losses = []
    for stage, side, batches, batch_size, update in (
        ("warm start", training.warm_start.crop_size, 1, 4, gan.warm_start_step),
        ("adversarial", training.crop_size, training.n_critic + 1, 2, gan.train_step),
    ):
        stream = CropStream(TrainingBoxes.of(density, counts), side, gan.painter.margin)
        seed = tensor_seed(training.seed, f"crops, {stage}")
        crops = stream.steps(0, 3, batches, batch_size, seed)
        losses += [float(update(batch)["painter_loss"]) for batch in crops]
    return losses


def test_quick_trains_as_it_did_before_the_published_setting_had_fields():
    # weights and crops are the same to the bit on every machine, sums are not
    before = [0.89664191, 0.77337545, 0.72860378, 1087.14, 961.889, 867.271]
    np.testing.assert_allclose(first_losses(preset("quick")), before, rtol=1e-3)


def test_initial_weights_of_box00_are_those_of_the_shipped_painters_run():
    gan = build_gan(preset("box00"))
    weights = [*gan.painter.get_weights(), *gan.critic.get_weights()]
    found = hashlib.sha256(b"".join(array.tobytes() for array in weights)).hexdigest()
    assert found == "b5732533829280d1624d09e32c6653c99fe950dd880b0505308e096a3d8b8c6a"


def test_published_weights_are_normal_of_deviation_0_1_and_biases_0_1():
    gan = build_gan(preset("paper"))
    for network, count in ((gan.painter, 32_081), (gan.critic, 67_505)):
        assert network.count_params() == count
        weights = [array for array in network.get_weights() if array.ndim > 1]
        biases = [array for array in network.get_weights() if array.ndim == 1]
        drawn = np.concatenate([array.ravel() for array in weights])
        error = 1 / np.sqrt(drawn.size)
        assert abs(drawn.mean()) < 4 * 0.1 * error
        assert abs(drawn.std() - 0.1) < 4 * 0.1 * error / np.sqrt(2)
        assert abs((drawn**4).mean() / drawn.var() ** 2 - 3) < 4 * error * np.sqrt(24)
        np.testing.assert_array_equal(np.concatenate(biases), np.float32(0.1))


def test_published_optimizers_are_adam_with_the_notebooks_decays():
    gan = build_gan(preset("paper"))
    for optimizer in (gan.painter_optimizer, gan.critic_optimizer):
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.5, 0.999, 1e-8)
        assert float(optimizer.learning_rate.numpy()) == pytest.approx(1e-4)


def test_a_relu_painter_starts_above_zero_whatever_the_biases():
    for bias, last in ((0.0, 0.1), (0.3, 0.3)):
        params = Params.model_validate({"training": {"initial_weights": {"bias": bias}}})
        painter = build_gan(params).painter
        assert painter.last.bias.numpy() == pytest.approx(last)
        assert painter.head[0].bias.numpy() == pytest.approx(bias)
