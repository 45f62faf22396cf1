import numpy as np
import pytest

from halokeras.evaluation.names import DENSITY
from halokeras.evaluation.verdict import Verdict, average, deviations, judge, overall
from halokeras.statistics.statistic import (
    DRAWS,
    FIELD,
    Against,
    Measurement,
    Statistic,
    Target,
    ratio,
)

FOUR = [0.98, 1.00, 1.02, 1.06]
ERROR = np.std(FOUR, ddof=1) / 2
"""Standard error of the mean of four: their spread over sqrt(4), by hand 0.0171."""


def measurements(values, scatter=None, halos=None):
    scatter = None if scatter is None else np.full(1, scatter)
    return [
        Measurement(np.full(1, value), scatter=scatter, halos=None if halos is None else halos[i])
        for i, value in enumerate(values)
    ]


def verdict(values, threshold, against=Against.ONE, scatter=None, density=(0.0, 0.0, 0.0, 0.0)):
    statistic = Statistic("x", "X", "x", "It is x.", lambda *_: None, against=against)
    found = {FIELD: measurements(values, scatter), DENSITY: measurements(density[: len(values)])}
    return judge(statistic, Target("x", threshold), threshold, found, np.zeros(1))


def test_errors_shrink_with_the_root_of_the_number_of_boxes():
    assert pytest.approx(0.0171, abs=1e-4) == ERROR
    mean, error = average(measurements(FOUR))
    assert mean == pytest.approx(1.015)
    assert error == pytest.approx(ERROR)
    many = average(measurements(4 * FOUR))[1]
    assert many == pytest.approx(np.std(4 * FOUR, ddof=1) / 4)


def test_errors_of_deviations_are_those_of_the_mean_too():
    one = deviations(Against.ONE, measurements(FOUR), [])
    assert one == (pytest.approx(0.015), pytest.approx(ERROR))
    density = measurements([0.9, 0.9, 0.9, 0.9])
    gain = deviations(Against.DENSITY, measurements(FOUR), density)
    assert gain == (pytest.approx(0.115), pytest.approx(ERROR))
    halos = [np.full(1, value) for value in (2.0, 2.2, 1.8, 2.0)]
    doubled = measurements(np.multiply(2, FOUR), halos=halos)
    off, error = deviations(Against.HALOS, doubled, [])
    assert off == pytest.approx(0.015)
    paired = np.subtract(FOUR, np.ravel(halos) / 2)  # box by box, over the mean of the halos
    assert error == pytest.approx(np.std(paired, ddof=1) / 2)


def test_a_ratio_is_that_of_the_means_and_its_error_of_what_is_left_over():
    painted, halos = np.array([[0.2], [2.2], [3.3]]), np.array([[0.02], [2.0], [3.0]])
    boxes = [ratio(*both) for both in zip(painted, halos, strict=True)]
    off, error = deviations(Against.ONE, boxes, [])
    assert off == pytest.approx(5.7 / 5.02 - 1)  # the mean of ratios is 4.1
    left = painted - 5.7 / 5.02 * halos
    assert error == pytest.approx(np.std(left, ddof=1) / np.sqrt(3) / (5.02 / 3))
    assert average(boxes)[0] == pytest.approx(1 + off)
    alike = [ratio(1.1 * some, some) for some in halos]
    assert deviations(Against.ONE, alike, [])[1] == pytest.approx(0, abs=1e-12)


def test_the_gain_of_one_box_is_as_uncertain_as_both_correlations():
    """Two fields of one density: r of the second scatters most, and the gain with it."""
    rng = np.random.default_rng(3)
    modes, trials = 32, 4000
    halos = rng.normal(size=(trials, modes))
    near = halos + 0.13 * rng.normal(size=halos.shape)
    far = near + 0.2 * rng.normal(size=halos.shape)

    def correlation(field):
        return (field * halos).sum(1) / np.sqrt((field**2).sum(1) * (halos**2).sum(1))

    r_near, r_far = correlation(near), correlation(far)
    one, density = (
        [Measurement(np.array([r]), scatter=np.array([(1 - r**2) / np.sqrt(modes)]))]
        for r in (r_near.mean(), r_far.mean())
    )
    gain, error = deviations(Against.DENSITY, one, density)
    true = np.std(r_near - r_far)
    assert 0.9 * true < error[0] < 1.5 * true
    assert one[0].scatter[0] < 0.5 * true  # which stood for it before
    assert gain[0] == pytest.approx(r_near.mean() - r_far.mean())


def test_what_shares_its_sample_variance_with_the_halos_has_no_error():
    halos = [np.full(1, value) for value in (1.0, 2.0, 3.0)]
    off, error = deviations(Against.HALOS, measurements([1.5, 2.5, 3.5], halos=halos), [])
    assert off == pytest.approx(0.25)
    assert error == pytest.approx(0)


@pytest.mark.parametrize(
    ("threshold", "told"),
    [
        (0.015 + 2.01 * ERROR, Verdict.MET),
        (0.015 + 1.99 * ERROR, Verdict.UNDECIDED),
        (0.016, Verdict.UNDECIDED),
    ],
)
def test_a_target_is_met_by_two_standard_errors_or_undecided(threshold, told):
    line = verdict(FOUR, threshold)
    assert line.verdict == {FIELD: told}
    assert line.worst[FIELD] == pytest.approx(0.015)
    assert line.error[FIELD] == pytest.approx(ERROR)


def test_a_target_is_missed_by_two_standard_errors():
    off = np.add(FOUR, 0.1)
    assert verdict(off, 0.115 - 2.01 * ERROR).verdict[FIELD] is Verdict.MISSED
    assert verdict(off, 0.115 - 1.99 * ERROR).verdict[FIELD] is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("least", "told"), [(0.0, "met"), (0.021, "undecided"), (0.03, "undecided"), (0.10, "missed")]
)
def test_a_gain_is_met_above(least, told):
    line = verdict([0.72, 0.73, 0.74], least, Against.DENSITY, density=(0.70, 0.70, 0.71, 0.0))
    assert line.worst[FIELD] == pytest.approx(0.08 / 3)
    assert line.verdict[FIELD] == told
    assert line.target == f"above {least:g}"


@pytest.mark.parametrize(
    ("value", "scatter", "told"),
    [
        (1.01, 0.01, "met"),
        (1.04, 0.01, "undecided"),
        (1.08, 0.01, "missed"),
        (1.5, None, "undecided"),
    ],
)
def test_one_box_is_judged_by_what_it_lets_expect_or_not_at_all(value, scatter, told):
    line = verdict([value], 0.05, scatter=scatter)
    assert line.verdict[FIELD] == told
    assert np.isnan(line.error[FIELD]) == (scatter is None)


def test_what_covers_no_place_is_undecided():
    statistic = Statistic("x", "X", "x", "It is x.", lambda *_: None)
    found = {FIELD: measurements(FOUR), DENSITY: measurements(FOUR)}
    line = judge(statistic, Target("x", 0.5, up_to=-1), 0.5, found, np.zeros(1))
    assert line.verdict[FIELD] is Verdict.UNDECIDED
    assert np.isnan(line.worst[FIELD])


def test_every_place_decides_not_the_worst_alone():
    """A bin that is nearer to the halos, but noisy, leaves undecided what the worst bin meets."""
    values = np.array([[1.04, 1.02], [1.04, 0.96], [1.04, 1.08]])
    statistic = Statistic("x", "X", "x", "It is x.", lambda *_: None)
    found = {name: [Measurement(row) for row in values] for name in (FIELD, DENSITY)}
    line = judge(statistic, Target("x", 0.05), 0.05, found, np.zeros(2))
    assert line.worst[FIELD] == pytest.approx(0.04)
    assert line.verdict[FIELD] is Verdict.UNDECIDED


def test_all_targets_together():
    good, open_, bad = (verdict(np.add(FOUR, off), 0.06) for off in (0, 0.03, 0.2))
    assert overall([good]) is Verdict.MET
    assert overall([good, open_]) is Verdict.UNDECIDED
    assert overall([good, open_, bad]) is Verdict.MISSED
    assert DRAWS not in good.verdict


def test_of_halos_that_a_bin_has_none_of_no_error_is_known_without_a_warning():
    infinite = np.array([np.inf, 0.5])
    one = Measurement(np.array([np.nan, 1.0]), np.array([0.0, 4.0]), np.array([0.0, 4.0]), infinite)
    mean, error = average([one], "painted")
    np.testing.assert_array_equal(mean, [0, 4])
    np.testing.assert_array_equal(error, [np.nan, 2])


def test_where_nothing_is_asked_nothing_is_met():
    assert overall([]) is Verdict.UNDECIDED
