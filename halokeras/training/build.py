"""The networks and optimizers of a training, as its params and its seed make them."""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.critic import Critic
from halokeras.networks.painter import built_painter
from halokeras.networks.patch import Patch
from halokeras.params import InitialWeightsParams, OptimizerParams, Params
from halokeras.randomness import fold_in
from halokeras.training.wgan import HaloPaintingGAN

_LEAST_EXPECTED = 1e-6
"""Halos per voxel of a channel that has none."""


def build_gan(
    params: Params,
    mean_counts: Sequence[float] = (),
    conditions: NDArray[np.float32] | None = None,
) -> HaloPaintingGAN:
    """Build the networks with the weights that the seed gives them, and compile.

    Parameters
    ----------
    params
        Params of the run.
    mean_counts
        Halos per voxel of each channel in the training boxes, which a kind that starts at the
        mean takes the first bias of its last layer from.
    conditions
        (boxes, conditions) of the training boxes, of a painter that is told some.
    """
    training = params.training
    painter = built_painter(params.painter)
    told = 0
    if conditions is not None:
        painter.learn_conditions(conditions)
        told = painter.features(Patch(None, conditions)).shape[1]
    critic = Critic(**params.critic.model_dump(), features=told)
    channels = params.painter.channels if params.critic.sees_masses else 1
    channels += params.critic.sees_density
    critic(tf.ones((1, *(training.crop_size,) * 3, channels)), tf.ones((1, told)))
    initial = training.initial_weights
    _draw_weights(painter, initial, fold_in(training.seed, "painter weights"))
    _draw_weights(critic, initial, fold_in(training.seed, "critic weights"))
    if painter.first_bias:
        first_bias = max(initial.bias, painter.first_bias)
        painter.last.bias.assign(np.full(params.painter.channels, first_bias))
    if params.painter.starts_at_mean and mean_counts:
        # of softplus, which is exp where halos are rare
        painter.last.bias.assign(np.log(np.expm1(np.maximum(mean_counts, _LEAST_EXPECTED))))
    gan = HaloPaintingGAN(
        painter,
        critic,
        n_critic=training.n_critic,
        penalty_weight=training.gradient_penalty,
        likelihood_weight=training.likelihood_weight,
        spectral_weight=training.spectral_weight,
        spectral_channels=params.spectral_channels,
        moving_average=training.moving_average,
        seed=tensor_seed(training.seed, "gradient penalty"),
    )
    gan.compile(
        painter_optimizer=_adam(training.painter_optimizer),
        critic_optimizer=_adam(training.critic_optimizer),
        warm_optimizer=keras.optimizers.Adam(training.warm_start.learning_rate),
    )
    return gan


def tensor_seed(seed: int, purpose: str) -> tuple[int, int]:
    """Return TensorFlow's stateless functions the two integers of `purpose` under `seed`."""
    first, second = fold_in(seed, purpose).integers(2**31, size=2)
    return int(first), int(second)


def _draw_weights(
    model: keras.Model, initial: InitialWeightsParams, generator: np.random.Generator
) -> None:
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        if len(shape) == 1:
            weights = np.full(shape, initial.bias)
        elif initial.distribution == "normal":
            weights = generator.normal(0, initial.deviation, shape)
        else:
            receptive = int(np.prod(shape[:-2]))
            limit = math.sqrt(6 / (receptive * (shape[-2] + shape[-1])))  # Glorot & Bengio 2010
            weights = generator.uniform(-limit, limit, shape)
        variable.assign(weights.astype(np.float32))


def _adam(optimizer: OptimizerParams) -> keras.optimizers.Adam:
    return keras.optimizers.Adam(
        optimizer.learning_rate,
        beta_1=optimizer.beta_1,
        beta_2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
    )
