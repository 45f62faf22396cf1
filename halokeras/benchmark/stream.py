"""What the crop stream costs beside the training that it feeds."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from halokeras.params import Params
from halokeras.randomness import fold_in
from halokeras.training.boxes import TrainingBoxes
from halokeras.training.build import build_gan
from halokeras.training.crops import CropStream

_SIDE = 64
"""Voxels of the boxes that are cut."""


def measure(params: Params, steps: int) -> dict[str, float]:
    """Train a few steps on a stream of crops of random boxes.

    Parameters
    ----------
    params
        Whose networks and crops.
    steps
        That are timed, twice: cutting alone, and training.

    Returns
    -------
    dict
        ``crops_per_second`` of the stream alone; ``step_seconds``, and the ``waiting_share`` of
        them in which the training had no crops to go on with.
    """
    training = params.training
    gan = build_gan(params)
    generator = fold_in(0, "benchmark boxes")
    density = generator.lognormal(-0.3, 0.8, (3, _SIDE, _SIDE, _SIDE)).astype(np.float32)
    counts = generator.poisson(0.2 * density).astype(np.float32)
    told = len(params.painter.conditions)
    conditions = np.ones((len(density), told), np.float32) if told else None
    channels = [counts] * params.painter.channels
    stream = CropStream(
        TrainingBoxes.of(density, np.stack(channels, axis=-1)),
        training.crop_size,
        gan.painter.margin,
        training.wrap_crops,
        training.reflect_crops,
        conditions,
    )

    def crops() -> Iterator[Any]:
        batches = training.n_critic + 1
        return iter(stream.steps(0, steps + 2, batches, training.batch_size, (0, 0)))

    alone = crops()
    next(alone), next(alone)
    start = time.perf_counter()
    for _ in range(steps):
        next(alone)
    cut = steps * (training.n_critic + 1) * training.batch_size / (time.perf_counter() - start)

    step, feed = tf.function(gan.train_step), crops()
    step(next(feed)), step(next(feed))
    waited, start = 0.0, time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(feed)
        waited += time.perf_counter() - asked
        step(batch)["painter_loss"].numpy()
    total = time.perf_counter() - start
    return {
        "crops_per_second": cut,
        "step_seconds": total / steps,
        "waiting_share": waited / total,
    }
