"""One weight update of the published networks: ours, stock Keras and PyTorch, at equal values."""

import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.benchmark.stock import StockNetworks, critic_layers, painter_layers
from halokeras.benchmark.timing import interleave
from halokeras.params import Params
from halokeras.randomness import fold_in
from halokeras.training.build import build_gan
from halokeras.training.wgan import HaloPaintingGAN

Fields = NDArray[np.float32]

TOLERANCE = 1e-4
"""Largest norm of the difference of a layer's gradient from ours, relative to the gradient's."""
_NO_GRADIENT = 1e-3
"""Norm below which a gradient is zero: that of the critic's last bias is, but for rounding."""


@dataclass(frozen=True)
class Problem:
    """The same networks and crops for everyone.

    Parameters
    ----------
    gan
        Ours.
    density, counts
        Crops: (updates + 1, batch, side, side, side, 1).
    weights
        Of the gradient penalty: (updates, batch, 1, 1, 1, 1).
    """

    gan: HaloPaintingGAN
    density: Fields
    counts: Fields
    weights: Fields


@dataclass(frozen=True)
class Contender:
    """One implementation: its update, and what shows that it computes the same.

    Parameters
    ----------
    update
        Runs one weight update to its end.
    paint
        Paints a batch of densities, (batch, x, y, z, 1).
    critic_gradients, painter_gradients
        On the last batch: kernel and bias of each layer, in the order of the layers.
    """

    update: Callable[[], None]
    paint: Callable[[Fields], Fields]
    critic_gradients: Callable[[], list[Fields]]
    painter_gradients: Callable[[], list[Fields]]


def published_problem(crop_size: int = 50, seed: int = 0) -> Problem:
    """Make crops of lognormal density and Poisson counts for the published networks."""
    params = Params.model_validate({"training": {"crop_size": crop_size, "seed": seed}})
    gan = build_gan(params)
    generator = fold_in(seed, "benchmark crops")
    for layer in (*painter_layers(gan.painter), *critic_layers(gan.critic)):
        layer.bias.assign(generator.normal(0, 0.1, layer.bias.shape))  # biases too must count
    gan.painter.last.bias.assign([1.0])  # or the ReLU might paint nothing and compare nothing
    training = params.training
    batches = (training.n_critic + 1, training.batch_size)
    wide = crop_size + 2 * gan.painter.margin
    density = generator.lognormal(-0.3, 0.8, (*batches, *(wide,) * 3, 1)).astype(np.float32)
    counts = generator.poisson(0.2, (*batches, *(crop_size,) * 3, 1)).astype(np.float32)
    weights = generator.random((training.n_critic, training.batch_size, 1, 1, 1, 1), np.float32)
    return Problem(gan, density, counts, weights)


def contenders(problem: Problem, with_torch: bool = True) -> dict[str, Contender]:
    """Return every implementation that is installed, ours first."""
    found = {"halopaint": _ours(problem), "stock Keras Conv3D": _stock(problem)}
    if with_torch and importlib.util.find_spec("torch") is not None:
        found["PyTorch"] = _torch(problem, channels_last=False)
        found["PyTorch, channels last"] = _torch(problem, channels_last=True)
    return found


def differences(problem: Problem, everyone: dict[str, Contender]) -> dict[str, dict[str, float]]:
    """Compare everyone's painted field and gradients with ours, before any update.

    Returns
    -------
    dict
        For each but ours the norm of the difference in the painted ``values``, relative to
        theirs, and the largest such of a layer in the ``critic gradients`` and ``painter
        gradients``. A time means nothing where one is above `TOLERANCE`.
    """
    ours, *others = everyone.items()
    painted = problem.density[-1]
    expected = _results(ours[1], painted)
    return {
        name: {
            what: max(_difference(*pair) for pair in zip(values, expected[what], strict=True))
            for what, values in _results(contender, painted).items()
        }
        for name, contender in others
    }


def time_updates(everyone: dict[str, Contender], repeats: int) -> dict[str, list[float]]:
    """Time one weight update of everyone, in turn."""
    return interleave({name: one.update for name, one in everyone.items()}, repeats)


def _results(contender: Contender, density: Fields) -> dict[str, list[Fields]]:
    return {
        "values": [contender.paint(density)],
        "critic gradients": contender.critic_gradients(),
        "painter gradients": contender.painter_gradients(),
    }


def _difference(found: Fields, expected: Fields) -> float:
    size = float(np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected)) / max(size, _NO_GRADIENT)


def _arrays(tensors: Iterable[tf.Tensor]) -> list[Fields]:
    return [tensor.numpy() for tensor in tensors]


def _by_layer(
    gradients: list[tf.Tensor], model: keras.Model, layers: list[keras.layers.Layer]
) -> list[Fields]:
    """Order gradients in a model's variables by its layers: kernel, bias, kernel, ..."""
    known = {
        id(variable): gradient.numpy()
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
    }
    return [known[id(variable)] for layer in layers for variable in (layer.kernel, layer.bias)]


def _ours(problem: Problem) -> Contender:
    gan = problem.gan
    density, counts = tf.constant(problem.density), tf.constant(problem.counts)
    weight = tf.constant(problem.weights[-1])
    step = tf.function(gan.train_step)
    paint = tf.function(gan.painter)
    critic = tf.function(gan.critic_gradients)
    painter = tf.function(gan.painter_gradients)
    return Contender(
        update=lambda: step((density, counts))["painter_loss"].numpy(),
        paint=lambda field: paint(tf.constant(field)).numpy(),
        critic_gradients=lambda: _by_layer(
            critic(density[-1], counts[-1], weight)["gradients"],
            gan.critic,
            critic_layers(gan.critic),
        ),
        painter_gradients=lambda: _by_layer(
            painter(density[-1], counts[-1])["gradients"], gan.painter, painter_layers(gan.painter)
        ),
    )


def _stock(problem: Problem) -> Contender:
    gan = problem.gan
    crop_size = problem.counts.shape[2]
    stock = StockNetworks(gan.painter, gan.critic, crop_size, gan.penalty_weight)
    density, counts = tf.constant(problem.density), tf.constant(problem.counts)
    weights = tf.constant(problem.weights)
    critic = tf.function(stock.critic_gradients)
    painter = tf.function(stock.painter_gradients)
    return Contender(
        update=lambda: stock.update(density, counts, weights).numpy(),
        paint=lambda field: stock.paint(tf.constant(field)).numpy(),
        critic_gradients=lambda: _arrays(critic(density[-1], counts[-1], weights[-1])),
        painter_gradients=lambda: _arrays(painter(density[-1])),
    )


def _torch(problem: Problem, channels_last: bool) -> Contender:
    from halokeras.benchmark.pytorch import TorchNetworks, gradients, to_torch

    gan = problem.gan
    networks = TorchNetworks(gan.painter, gan.critic, gan.penalty_weight, channels_last)
    density, counts = to_torch(problem.density), to_torch(problem.counts)
    weights = to_torch(problem.weights)

    def critic_gradients() -> list[Fields]:
        networks.critic_loss(density[-1], counts[-1], weights[-1]).backward()
        return gradients(networks.critic)

    def painter_gradients() -> list[Fields]:
        networks.painter_loss(density[-1]).backward()
        return gradients(networks.painter)

    return Contender(
        update=lambda: networks.update(density, counts, weights),
        paint=lambda field: np.moveaxis(networks.paint(to_torch(field)).numpy(), 1, -1),
        critic_gradients=critic_gradients,
        painter_gradients=painter_gradients,
    )
