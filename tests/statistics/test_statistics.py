import numpy as np
import pytest

from halokeras.fields.bispectrum import over_angle
from halokeras.statistics import STATISTICS
from halokeras.statistics.bispectra import REDUCED_BISPECTRUM
from halokeras.statistics.counts import CELL_VARIANCE, HISTOGRAM, MEAN, VOID_FRACTION
from halokeras.statistics.spectra import CROSS_CORRELATION, POWER, TRANSFER_FUNCTION
from halokeras.statistics.statistic import Against, Sample, Target

VOXEL = 4.0


def some_counts(seed=1, shape=(32, 32, 32)):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.3, 0.7, shape)).astype(np.float32)


def measured(statistic, field, halos):
    ours, theirs = Sample(field, VOXEL), Sample(halos, VOXEL)
    return statistic.measure(ours, theirs, Sample(np.ones_like(halos), VOXEL))


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.name)
def test_the_halos_themselves_compare_as_equal(statistic):
    counts = some_counts()
    found = measured(statistic, counts, counts)
    if statistic.against is Against.HALOS or statistic is POWER:
        np.testing.assert_array_equal(found.value, found.halos)
    elif statistic.name == "stochastic_power":
        np.testing.assert_allclose(found.value, 0, atol=1e-6)
    else:
        known = np.isfinite(found.value)
        assert known.any()
        np.testing.assert_allclose(found.value[known], 1)


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.name)
def test_a_statistic_says_what_it_is_and_measures_along_its_axis(statistic):
    assert statistic.title and statistic.symbol and statistic.meaning.endswith(".")
    counts = some_counts()
    halos = Sample(counts, VOXEL)
    places = np.zeros(()) if statistic.axis is None else statistic.axis.places(halos)
    found = measured(statistic, counts, counts)
    for values in (found.value, found.painted, found.halos, found.scatter):
        assert values is None or values.shape == places.shape
    assert statistic.axis is not None or statistic.drawing is None


def test_names_are_given_once():
    assert len({one.name for one in STATISTICS}) == len(STATISTICS)
    titles = [target.title for one in STATISTICS for target in one.targets]
    assert len(set(titles)) == len(titles)


def test_what_differs_is_told_by_what_measures_it():
    counts = some_counts()
    other = np.where(counts == 2, 3, counts)
    assert measured(MEAN, other, counts).value > 1.02
    assert measured(VOID_FRACTION, other, counts).value == 1
    histogram = measured(HISTOGRAM, other, counts).value
    assert histogram[2] == 0
    assert histogram[3] > 1.5
    np.testing.assert_allclose(histogram[[0, 1, 4, 5]], 1)
    assert np.isnan(histogram[20])
    assert (measured(CELL_VARIANCE, other, counts).value > 1.03).all()


def test_what_is_measured_is_measured_once():
    sample, times = Sample(some_counts(), VOXEL), []

    def measure(values, voxel_size):
        times.append(voxel_size)
        return values.sum()

    assert sample.of(measure) == sample.of(measure) == some_counts().sum()
    assert times == [VOXEL]
    assert sample.of(over_angle) is sample.of(over_angle)


@pytest.mark.parametrize("statistic", [POWER, TRANSFER_FUNCTION, CROSS_CORRELATION])
def test_the_scatter_that_modes_let_expect_is_that_of_gaussian_fields(statistic):
    rng = np.random.default_rng(3)
    values, expected = [], []
    for _ in range(200):
        halos = rng.normal(size=(12, 12, 12))
        field = 0.8 * halos + 0.6 * rng.normal(size=halos.shape)
        found = measured(statistic, 1 + 0.1 * field, 1 + 0.1 * halos)
        values.append(found.value)
        expected.append(found.scatter)
    several = np.mean(expected, axis=0) < 0.2 * np.mean(values, axis=0)
    spread, expected = np.std(values, axis=0), np.mean(expected, axis=0)
    np.testing.assert_allclose(spread[several] / expected[several], 1, atol=0.2)


@pytest.mark.parametrize("statistic", [MEAN, HISTOGRAM, VOID_FRACTION])
def test_the_scatter_that_halos_let_expect_is_that_of_poisson_counts(statistic):
    rng = np.random.default_rng(4)
    field = rng.poisson(0.5, (12, 12, 12)).astype(np.float32)
    found = [
        measured(statistic, field, rng.poisson(0.5, field.shape).astype(np.float32))
        for _ in range(200)
    ]
    spread, expected = (
        np.atleast_1d(values)[:3]
        for values in (
            np.std([one.value for one in found], axis=0),
            np.mean([one.scatter for one in found], axis=0),
        )
    )
    np.testing.assert_allclose(spread / expected, 1, atol=0.3)


def test_the_scatter_of_q_is_that_of_gaussian_fields_but_where_shells_overlap():
    rng = np.random.default_rng(5)
    fields = [1 + 0.1 * rng.normal(size=(48, 48, 48)) for _ in range(30)]
    found = [measured(REDUCED_BISPECTRUM, field, field) for field in fields]
    spread = np.sqrt(np.mean([one.value**2 for one in found], axis=0))
    expected = np.mean([one.scatter for one in found], axis=0)
    # triangles with two sides in one shell scatter by up to the root of 2 more
    assert ((spread / expected > 0.75) & (spread / expected < 1.75)).all()


def test_a_target_covers_its_bins_by_their_upper_edges():
    edges = np.array([0.1, 0.3, 0.4 * (1 + 1e-12), 0.5])
    assert Target("", 0, up_to=0.4).covers(edges).tolist() == [True, True, True, False]
    assert Target("", 0, above=0.4).covers(edges).tolist() == [False, False, False, True]
