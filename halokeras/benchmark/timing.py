"""Times that can be compared: taken in turn in one process, told as medians."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

Key = TypeVar("Key")


def interleave(tasks: Mapping[Key, Callable[[], Any]], repeats: int) -> dict[Key, list[float]]:
    """Time each task `repeats` times, taking turns, after one run of each that is not timed.

    Returns
    -------
    dict
        Seconds of every run of each task.
    """
    for task in tasks.values():
        task()
    seconds: dict[Key, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def multiply_rate(side: int = 4096, repeats: int = 5) -> float:
    """Measure TensorFlow's float32 matrix multiplication [FLOP/s], the median of `repeats`."""
    left = tf.random.stateless_normal((side, side), (1, 2))
    multiply = tf.function(lambda matrix: tf.matmul(matrix, matrix))
    runs = interleave({"multiply": lambda: multiply(left).numpy()}, repeats)["multiply"]
    return float(2 * side**3 / np.median(runs))
