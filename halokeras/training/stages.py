"""The stages of a training: what each updates, on which crops, at which rates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from halokeras.params import OptimizerParams, Params
from halokeras.training.build import tensor_seed
from halokeras.training.crops import CropStream
from halokeras.training.data import TrainingData
from halokeras.training.schedule import ADVERSARIAL, CRITIC_WARM_UP, WARM_START, Span, schedule
from halokeras.training.wgan import HaloPaintingGAN, Logs

Rate = Callable[[float], float]
"""From the fraction of a stage that is done to a learning rate."""


@dataclass(frozen=True)
class Stage:
    """A stage of a training; all that it does is a function of the seed and the step.

    Attributes
    ----------
    span
        Name and steps.
    update
        Takes the crops of a step, updates the networks and returns the losses by name.
    stream
        Where crops are cut from, and how.
    batches, batch_size
        Batches that a step takes, and crops in each.
    seed
        Two integers that, with the step, fix the crops.
    rates
        Learning rate of each optimizer that the update uses.
    """

    span: Span
    update: Callable[[Any], Logs]
    stream: CropStream
    batches: int
    batch_size: int
    seed: tuple[int, int]
    rates: tuple[tuple[keras.optimizers.Optimizer, Rate], ...]

    def crops(self, first: int, replica: int, replicas: int) -> tf.data.Dataset:
        """Stream one replica's share of the crops of step `first` and of all after it."""
        return self.stream.steps(
            first, self.span.stop, self.batches, self.batch_size, self.seed, replica, replicas
        )

    def set_rates(self, step: int) -> None:
        """Set the learning rates of a step."""
        done = (step - self.span.start) / (self.span.stop - self.span.start)
        for optimizer, rate in self.rates:
            optimizer.learning_rate.assign(rate(done))


def stages(params: Params, gan: HaloPaintingGAN, data: TrainingData) -> list[Stage]:
    """List the stages of a run in order, without the empty ones."""
    made: Mapping[str, Callable[[Span, Params, HaloPaintingGAN, TrainingData], Stage]] = {
        WARM_START: _warm_start,
        CRITIC_WARM_UP: _critic_warm_up,
        ADVERSARIAL: _adversarial,
    }
    return [made[span.name](span, params, gan, data) for span in schedule(params)]


def _warm_start(span: Span, params: Params, gan: HaloPaintingGAN, data: TrainingData) -> Stage:
    """Return the stage in which the painter learns expected counts, by their likelihood alone."""
    warm = params.training.warm_start
    return Stage(
        span,
        gan.warm_start_step,
        _stream(params, data, warm.crop_size),
        batches=1,
        batch_size=warm.batch_size,
        seed=_crop_seed(span, params),
        rates=((gan.warm_optimizer, lambda done: warm.learning_rate * (1 - done)),),
    )


def _critic_warm_up(span: Span, params: Params, gan: HaloPaintingGAN, data: TrainingData) -> Stage:
    """Return the stage in which the critic learns to judge while the painter stands still."""
    training = params.training
    return Stage(
        span,
        gan.warm_critic_step,
        _stream(params, data, training.crop_size),
        batches=training.n_critic,
        batch_size=training.batch_size,
        seed=_crop_seed(span, params),
        rates=((gan.critic_optimizer, lambda done: training.critic_optimizer.learning_rate),),
    )


def _adversarial(span: Span, params: Params, gan: HaloPaintingGAN, data: TrainingData) -> Stage:
    """Return the stage in which critic and painter learn from one another."""
    training = params.training
    return Stage(
        span,
        gan.train_step,
        _stream(params, data, training.crop_size),
        batches=training.n_critic + 1,
        batch_size=training.batch_size,
        seed=_crop_seed(span, params),
        rates=(
            (gan.painter_optimizer, partial(_decayed, training.painter_optimizer)),
            (gan.critic_optimizer, partial(_decayed, training.critic_optimizer)),
        ),
    )


def _stream(params: Params, data: TrainingData, crop_size: int) -> CropStream:
    return CropStream(
        data.boxes,
        crop_size,
        params.painter.margin,
        params.training.wrap_crops,
        params.training.reflect_crops,
        data.conditions,
    )


def _crop_seed(span: Span, params: Params) -> tuple[int, int]:
    return tensor_seed(params.training.seed, f"crops, {span.name}")


def _decayed(optimizer: OptimizerParams, done: float) -> float:
    if optimizer.final_learning_rate is None:
        return optimizer.learning_rate
    start, end = optimizer.learning_rate, optimizer.final_learning_rate
    return start + (end - start) * done
