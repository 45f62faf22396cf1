"""What training minimises: plain functions of fields (batch, x, y, z, channels)."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_TINY = 1e-6
_COARSE = 0.6
"""Part of the Nyquist frequency up to which shells are compared where heavy halos are taken alone.

Beyond it nearly all of their power is shot noise, which no smooth field has and keeps its phases.
"""
_FEW = 100.0
"""Heavy halos in a batch at which their powers, known to a tenth, count half."""


def poisson_likelihood(
    painted: tf.Tensor, counts: tf.Tensor, weight: tf.Tensor | float = 1.0
) -> tf.Tensor:
    """Mean negative log-likelihood of `counts` drawn from a Poisson law of mean `painted`.

    The constant log(counts!) is left out. `weight` is one number, or one of each crop,
    (batch, 1, 1, 1, 1).
    """
    return tf.reduce_mean(weight * (painted - counts * tf.math.log(painted + _TINY)))


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    painted: tf.Tensor,
    weight: tf.Tensor,
) -> tf.Tensor:
    """Mean of (|gradient of the critic| - 1)^2 between real and painted crops.

    Parameters
    ----------
    weight
        (batch, 1, 1, 1, 1), in [0, 1]: where on the line between the two each sample lies.

    Notes
    -----
    Gulrajani et al. 2017 (arXiv:1704.00028), equation 3, without its factor lambda. The
    epsilon under the root keeps its gradient finite where the critic is flat.
    """
    between = weight * real + (1.0 - weight) * painted
    with tf.GradientTape() as tape:
        tape.watch(between)
        score = critic(between)
    slope = tape.gradient(score, between)
    norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=[1, 2, 3, 4]) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))


def spectral_distance(
    painted: tf.Tensor,
    counts: tf.Tensor,
    weight: tf.Tensor | float = 1.0,
    upper_channels: Sequence[int] = (),
) -> tf.Tensor:
    """How far painted crops are from the reference in power, phase and mean; 0 when equal.

    The mean over shells of wavenumber of (ln T)^2 + (1 - r), plus the squared log of the ratio
    of means, where T^2 is the ratio of powers and r the cross-correlation, both summed over
    the batch. Both fields see the same crop window, so it cancels from T and r to the leading
    order. The two parts do not compete: r is blind to an isotropic filter, T is not.

    Where there are several channels their sum is compared. To that is added the mean distance of
    the halos above several masses: for each of `upper_channels`, of the sum of that channel and all
    heavier ones, which counts the less the fewer halos a batch has. Channels are not compared one
    by one: the power of a rare channel is mostly shot noise, and channels that were each given that
    power would add up to too much. The sums of more channels, in which heavy halos are too, keep
    those of few from it.

    Replicas of a `tf.distribute` strategy each give their share of the batch and get the distance
    of all of it.

    Parameters
    ----------
    weight
        Weight of each crop, (batch, 1, 1, 1, 1), or one number; it multiplies both of its fields.
    upper_channels
        First, lightest, channel of each of these sums.
    """
    shells = _shell_weights(counts.shape[1])
    all_painted, all_counts = (
        weight * tf.reduce_sum(field, axis=-1, keepdims=True) for field in (painted, counts)
    )
    distance = _distance(all_painted, all_counts, shells)
    if not upper_channels:
        return distance
    coarse = shells[:, : round(_COARSE * shells.shape[1])]
    sums = np.arange(counts.shape[-1])[:, np.newaxis] >= np.array(upper_channels)
    # one product of matrices, whose gradient is another: those of slices take five times as long
    of_painted, of_counts = (
        tf.split(field @ tf.constant(sums, field.dtype), len(upper_channels), axis=-1)
        for field in (painted, counts)
    )
    of_upper = []
    for upper_painted, upper_counts in zip(of_painted, of_counts, strict=True):
        (halos,) = _over_replicas("SUM", tf.reduce_sum(upper_counts))
        found = _distance(weight * upper_painted, weight * upper_counts, coarse)
        of_upper.append(halos / (halos + _FEW) * found)
    return distance + tf.add_n(of_upper) / len(of_upper)


def _distance(painted: tf.Tensor, counts: tf.Tensor, shells: NDArray[np.float32]) -> tf.Tensor:
    """Return the spectral distance of fields of one channel over shells, (modes, shells)."""
    weights = tf.constant(shells)
    mean_painted, mean_counts = _over_replicas(
        "MEAN", tf.reduce_mean(painted), tf.reduce_mean(counts)
    )
    modes_painted = _modes(painted - mean_painted)
    modes_counts = _modes(counts - mean_counts)
    power_painted, power_counts, shared = _over_replicas(
        "SUM",
        _shells(tf.math.real(modes_painted * tf.math.conj(modes_painted)), weights),
        _shells(tf.math.real(modes_counts * tf.math.conj(modes_counts)), weights),
        _shells(tf.math.real(modes_painted * tf.math.conj(modes_counts)), weights),
    )
    log_ratio = tf.math.log((power_painted + _TINY) / (power_counts + _TINY))
    correlation = shared / tf.sqrt(power_painted * power_counts + _TINY)
    offset = tf.math.log((mean_painted + _TINY) / (mean_counts + _TINY))
    return (
        tf.reduce_mean(tf.square(0.5 * log_ratio))
        + tf.reduce_mean(1.0 - correlation)
        + tf.square(offset)
    )


def _over_replicas(reduction: str, *values: tf.Tensor) -> tuple[tf.Tensor, ...]:
    # its gradient is reduced alike: the mean of the replicas' gradients is that of the whole batch
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return values
    reduced: tuple[tf.Tensor, ...] = context.all_reduce(reduction, values)
    return reduced


def _modes(fields: tf.Tensor) -> tf.Tensor:
    # the full transform: TensorFlow has no gradient of the real one in three dimensions
    return tf.signal.fft3d(tf.complex(fields[..., 0], tf.zeros_like(fields[..., 0])))


def _shells(modes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    per_mode = tf.reshape(tf.reduce_sum(modes, axis=0), (1, -1))
    return tf.matmul(per_mode, weights)[0]


def _shell_weights(side: int) -> NDArray[np.float32]:
    """(modes, shells): averages over shells one fundamental wide, up to the Nyquist frequency."""
    axis = np.fft.fftfreq(side) * side
    squares = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    shell = np.rint(np.sqrt(squares)).astype(int).ravel()
    inside = (shell >= 1) & (shell <= side // 2)
    weights = np.zeros((shell.size, side // 2 + 1), np.float32)
    weights[np.flatnonzero(inside), shell[inside]] = 1.0
    averages: NDArray[np.float32] = weights[:, 1:] / weights[:, 1:].sum(axis=0)
    return averages
