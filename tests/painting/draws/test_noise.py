import numpy as np
import pytest

from halokeras.painting.draws.noise import CountNoise, neighbor_noise

CORRELATIONS = np.array([[-0.06, -0.12], [-0.12, -0.15]])
SHAPE = (40, 36, 32)
WHOLE = tuple(slice(0, side) for side in SHAPE)


def of_neighbors(noise, other, axis):
    return (noise * np.roll(other, 1, axis)).mean()


@pytest.mark.parametrize("correlations", [CORRELATIONS, np.diag([2 / 7, -2 / 7]), np.zeros((2, 2))])
def test_numbers_are_normal_and_correlated_with_those_of_face_neighbors(correlations):
    noise = neighbor_noise(correlations, WHOLE, SHAPE, 3, "test")
    np.testing.assert_allclose(noise.mean(axis=(1, 2, 3)), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(noise.reshape(2, -1)), np.eye(2), atol=0.025)
    assert (np.abs(noise) > 2).mean() == pytest.approx(0.0455, rel=0.06)
    for axis in range(3):
        found = [[of_neighbors(one, other, axis) for other in noise] for one in noise]
        np.testing.assert_allclose(found, correlations, atol=0.02)


def test_the_numbers_of_a_voxel_do_not_depend_on_what_is_asked_beside_it():
    whole = neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 3, "test")
    for place in (
        (slice(0, 7), slice(30, 36), WHOLE[2]),
        (slice(5, 6), slice(0, 1), slice(31, 32)),
    ):
        part = neighbor_noise(CORRELATIONS, place, SHAPE, 3, "test")
        np.testing.assert_array_equal(part, whole[(slice(None), *place)])
    assert (neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 4, "test") != whole).all()
    assert (neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 3, "other") != whole).all()


@pytest.mark.parametrize("shape", [(1, 1, 20000), (2, 100, 100), (1, 140, 140)])
def test_boxes_of_few_voxels_have_normal_numbers_too(shape):
    noise = neighbor_noise(
        np.diag([-2 / 7, -0.1]), tuple(map(slice, (0, 0, 0), shape)), shape, 1, "t"
    )
    np.testing.assert_allclose(noise.var(axis=(1, 2, 3)), 1, rtol=0.04)


def around(field):
    return np.pad(field, 1, mode="wrap")


def peaks():
    """Masses of which a few voxels have nearly all."""
    return np.random.default_rng(2).lognormal(-2, 2.5, SHAPE)


@pytest.mark.parametrize("correlations", [CORRELATIONS, np.zeros((2, 2))])
def test_numbers_that_keep_apart_around_peaks_are_normal_and_independent_in_a_voxel(correlations):
    mass = peaks()
    noise = np.concatenate(
        [
            neighbor_noise(correlations, WHOLE, SHAPE, seed, "test", around(mass)).reshape(2, -1)
            for seed in range(6)
        ],
        axis=1,
    )
    np.testing.assert_allclose(np.cov(noise), np.eye(2), atol=0.015)
    assert (np.abs(noise) > 2).mean(axis=1) == pytest.approx([0.0455] * 2, rel=0.04)
    heavy = np.tile((mass > np.quantile(mass, 0.98)).ravel(), 6)
    np.testing.assert_allclose(np.cov(noise[:, heavy]), np.eye(2), atol=0.06)
    first = neighbor_noise(correlations, WHOLE, SHAPE, 0, "test")[0]
    np.testing.assert_array_equal(noise[0, : first.size], first.ravel())


@pytest.mark.parametrize(("step", "count"), [((0, 1, 0), 2), ((1, 1, 0), 2), ((0, 0, 1), 3)])
def test_the_voxels_of_a_peak_have_opposite_numbers(step, count):
    mass = np.zeros(SHAPE)
    for number in range(count):
        x, y, z = (number * along for along in step)
        mass[x::4, y::4, z::4] = 100.0
    noise = neighbor_noise(np.zeros((2, 2)), WHOLE, SHAPE, 3, "test", around(mass))[1]
    first, second, far = (
        np.roll(noise, np.negative(by), (0, 1, 2))[::4, ::4, ::4]
        for by in ((0, 0, 0), step, (0, 0, 2))
    )
    # the sum of numbers less their weighted mean is nearly nothing
    assert (first * second).mean() < (-0.7 if count == 2 else -0.3)
    assert count == 3 or abs((first * far).mean()) < 0.12
    assert (noise[2::4, 2::4, 3::4]).var() == pytest.approx(1, rel=0.15)


def test_numbers_that_keep_apart_do_not_depend_on_what_is_asked_beside_them():
    mass = peaks()
    whole = neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 3, "test", around(mass))
    place = (slice(0, 7), slice(30, 36), WHOLE[2])
    part = np.ix_(
        *(np.arange(p.start - 1, p.stop + 1) % n for p, n in zip(place, SHAPE, strict=True))
    )
    found = neighbor_noise(CORRELATIONS, place, SHAPE, 3, "test", mass[part])
    np.testing.assert_array_equal(found, whole[(slice(None), *place)])


@pytest.mark.parametrize("shape", [(1, 1, 20000), (2, 100, 100), (3, 3, 2000)])
def test_boxes_of_few_voxels_keep_apart_along_their_long_axes(shape):
    mass = np.random.default_rng(2).lognormal(0, 2, shape)
    whole = tuple(map(slice, (0, 0, 0), shape))
    numbers = np.stack(
        [neighbor_noise(CORRELATIONS, whole, shape, seed, "t", around(mass)) for seed in range(4)]
    )
    np.testing.assert_allclose(numbers.var(axis=(0, 2, 3, 4)), 1, rtol=0.04)


def wide():
    """How counts go together where they do so the more the further along x."""
    share = np.broadcast_to(np.linspace(0, 1, SHAPE[0])[:, None, None], SHAPE)
    return CountNoise(beside=0.15 * share - 0.16, smooth=0.12 * share)


@pytest.mark.parametrize("with_masses", [False, True])
def test_counts_go_together_as_they_are_told_and_stay_normal_and_independent(with_masses):
    correlations = np.array([[0, -0.12], [-0.12, 0]]) * with_masses
    masses = around(peaks()) if with_masses else None
    told, places = wide(), {"low": slice(0, 20), "high": slice(20, 40)}
    found = {(name, step): [] for name in places for step in (1, (1, 1))}
    numbers = []
    for seed in range(12):
        noise = neighbor_noise(correlations, WHOLE, SHAPE, seed, "t", masses, told)
        numbers.append(noise.reshape(2, -1))
        beside, edge = (noise[0] * np.roll(noise[0], 1, axis) for axis in (1, (1, 2)))
        for name, part in places.items():
            found[name, 1].append(beside[part].mean())
            found[name, (1, 1)].append(edge[part].mean())
    np.testing.assert_allclose(np.cov(np.concatenate(numbers, axis=1)), np.eye(2), atol=0.012)
    for name, part in places.items():
        # faces share two thirds of the smooth part, edges four ninths, and two neighbours
        assert np.mean(found[name, 1]) == pytest.approx(told.beside[part].mean(), abs=0.012)
        smooth = 4 / 9 * told.smooth[part].mean()
        assert np.mean(found[name, (1, 1)]) == pytest.approx(smooth + 0.01, abs=0.015)


def test_counts_that_go_together_do_not_depend_on_what_is_asked_beside_them():
    told = wide()
    whole = neighbor_noise(np.zeros((2, 2)), WHOLE, SHAPE, 3, "test", counts=told)
    place = (slice(0, 7), slice(30, 36), WHOLE[2])
    part = CountNoise(*(values[place] for values in told))
    found = neighbor_noise(np.zeros((2, 2)), place, SHAPE, 3, "test", counts=part)
    np.testing.assert_array_equal(found, whole[(slice(None), *place)])


@pytest.mark.parametrize("shape", [(1, 1, 20000), (2, 100, 100), (3, 3, 2000)])
def test_counts_of_boxes_of_few_voxels_are_normal_too(shape):
    told = CountNoise(np.full(shape, -0.1), np.full(shape, 0.1))
    whole = tuple(map(slice, (0, 0, 0), shape))
    numbers = [
        neighbor_noise(np.zeros((1, 1)), whole, shape, s, "t", counts=told) for s in range(8)
    ]
    assert np.var(numbers) == pytest.approx(1, rel=0.05)
