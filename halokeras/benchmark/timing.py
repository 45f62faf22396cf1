"""The rate of matrix multiplication, which times on different machines are compared by."""

import time

import numpy as np
import tensorflow as tf


def multiply_rate(side: int = 4096, repeats: int = 5) -> float:
    """Measure TensorFlow's float32 matrix multiplication [FLOP/s], the median of `repeats`."""
    left = tf.random.stateless_normal((side, side), (1, 2))
    multiply = tf.function(lambda matrix: tf.matmul(matrix, matrix))
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        multiply(left).numpy()
        seconds.append(time.perf_counter() - start)
    return float(2 * side**3 / np.median(seconds[1:]))
