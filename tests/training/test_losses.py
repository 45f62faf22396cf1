import numpy as np
import pytest
import tensorflow as tf

from halokeras.training.losses import gradient_penalty, poisson_likelihood, spectral_distance


def field(seed=0, size=8):
    return tf.constant(
        np.random.default_rng(seed).gamma(2.0, 0.2, (3, size, size, size, 1)), tf.float32
    )


def test_poisson_likelihood_is_least_at_the_mean():
    counts = tf.constant([0.0, 1.0, 0.0, 3.0])
    losses = [float(poisson_likelihood(tf.fill(4, m), counts)) for m in (0.9, 1.0, 1.1)]
    assert losses[1] < min(losses[0], losses[2])
    assert losses[1] == pytest.approx(1.0, abs=1e-5)


def test_penalty_of_a_linear_critic_is_its_known_slope():
    real, painted, weight = field(1), field(2), tf.fill((3, 1, 1, 1, 1), 0.3)

    def critic(crops):
        return 0.25 * tf.reduce_sum(crops, axis=[1, 2, 3])

    slope = 0.25 * np.sqrt(8**3)
    penalty = gradient_penalty(critic, real, painted, weight)
    assert float(penalty) == pytest.approx((slope - 1) ** 2, rel=1e-4)


def test_penalty_is_taken_between_real_and_painted_crops():
    real, painted = field(1), field(2)
    weight = tf.constant([0.0, 0.3, 1.0])[:, None, None, None, None]

    def critic(crops):  # whose gradient is where it is taken
        return 0.5 * tf.reduce_sum(tf.square(crops), axis=[1, 2, 3])

    between = weight * real + (1 - weight) * painted
    slope = np.sqrt(np.sum(np.square(between), axis=(1, 2, 3, 4)))
    penalty = gradient_penalty(critic, real, painted, weight)
    assert float(penalty) == pytest.approx(np.mean((slope - 1) ** 2), rel=1e-4)


def test_spectral_distance_of_a_field_with_itself_is_zero():
    assert float(spectral_distance(field(), field())) == pytest.approx(0, abs=1e-5)


def test_spectral_distance_of_a_scaled_field_is_its_amplitude_and_mean():
    expected = 2 * np.log(2) ** 2
    assert float(spectral_distance(2 * field(), field())) == pytest.approx(expected, rel=1e-3)


def test_spectral_distance_of_an_unrelated_field_counts_the_lost_correlation():
    distance = float(spectral_distance(field(1, 16), field(2, 16)))
    assert distance == pytest.approx(1.0, abs=0.15)


def test_spectral_distance_has_a_gradient():
    painted = field(1)
    with tf.GradientTape() as tape:
        tape.watch(painted)
        loss = spectral_distance(painted, field(2))
    gradient = tape.gradient(loss, painted)
    moved = spectral_distance(painted - 1e-2 * gradient / tf.norm(gradient), field(2))
    assert float(moved) < float(loss)


def test_spectral_distance_of_several_channels_is_that_of_all_halos():
    low, high = field(1), field(2)
    both = tf.concat([low, high], axis=-1)
    swapped = tf.concat([high, low], axis=-1)
    assert float(spectral_distance(both, swapped)) == pytest.approx(0, abs=1e-5)
    expected = float(spectral_distance(low, low + high))
    one = tf.concat([low, 0 * high], axis=-1)
    assert float(spectral_distance(one, both)) == pytest.approx(expected, rel=1e-5)


def test_spectral_distance_sees_the_halos_of_upper_channels_where_the_sum_is_right():
    low, high = field(1), field(2)
    counts = tf.concat([low, high], axis=-1)
    painted = tf.concat([low - high, 2 * high], axis=-1)  # of the same sum
    assert float(spectral_distance(painted, counts)) == pytest.approx(0, abs=1e-5)
    halos = float(tf.reduce_sum(high))
    expected = halos / (halos + 100) * 2 * np.log(2) ** 2
    found = float(spectral_distance(painted, counts, upper_channels=(1,)))
    assert found == pytest.approx(expected, rel=1e-3)
    nothing = tf.concat([low, 0 * high], axis=-1)
    assert float(spectral_distance(nothing, nothing, upper_channels=(1,))) == pytest.approx(0)


def test_small_scales_of_upper_channels_are_left_alone():
    noise = np.random.default_rng(5).normal(size=(2, 16, 16, 16))
    axis = np.abs(np.fft.fftfreq(16) * 16)
    k = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    fine = np.fft.ifftn(
        np.where(k > 5.5, np.fft.fftn(noise, axes=(1, 2, 3)), 0), axes=(1, 2, 3)
    ).real
    low, high = field(1, 16)[:2], field(2, 16)[:2]
    bent = high + tf.constant(fine[..., None], tf.float32)
    counts = tf.concat([low, high], axis=-1)
    painted = tf.concat([low + high - bent, bent], axis=-1)
    found = float(spectral_distance(painted, counts, upper_channels=(1,)))
    assert found == pytest.approx(0, abs=1e-4)


def test_weighted_crops_have_equal_shares_in_the_spectral_distance():
    one = field(1)[:1]
    counts = tf.concat([one, 100 * one], axis=0)
    painted = tf.concat([2 * one, 100 * one], axis=0)
    weight = tf.constant([1.0, 0.01])[:, None, None, None, None]
    # the crops have other means, which only k = 0 knows of
    expected = (0.5 * np.log(5 / 2)) ** 2 + 1 - 3 / np.sqrt(10) + np.log(3 / 2) ** 2
    assert float(spectral_distance(painted, counts, weight)) == pytest.approx(expected, rel=1e-3)
    assert float(spectral_distance(painted, counts)) < 0.01 * expected
