from dataclasses import replace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import ModelError
from halokeras.networks.painter import built_painter
from halokeras.painter_params import ConditionedParams
from halokeras.painters.conditions import conditions_of
from halokeras.painters.count_law import CountLaw
from halokeras.painters.exclusion import Exclusion, ExclusionByCondition
from halokeras.painters.mass_law import expected_mass_law
from halokeras.painters.model_store import DrawModel, load_painter, painter_hash, save_painter
from halokeras.painters.peaks import PERIODIC, Peaks, fit_peaks, sum_around
from halokeras.painting.draws.counts import draw_from
from halokeras.sections import Selection

PLANCK = ABACUS_COSMOS["00"]
PEAKS = Peaks(
    np.array([[0.1, 0.0, 0.0, 0.0, -0.005], [0.2, 0.1, -0.3, 0.0, 0.01]]),
    np.array([[-3.0, 1.0], [-3.0, 1.0]]),
    np.array([[4.0, 60.0], [2.0, 60.0]]),
)


def expected_halos(side=24, boxes=1):
    """Peaks of a smooth field, which three channels follow the steeper the heavier they are."""
    rng = np.random.default_rng(8)
    field = rng.normal(size=(boxes, side, side, side))
    for axis in (1, 2, 3):
        field = (field + np.roll(field, 1, axis) + np.roll(field, -1, axis)) / 1.8
    shares = [0.6 * np.exp(0.4 * field), 0.2 * np.exp(0.8 * field), 0.02 * np.exp(1.6 * field)]
    return np.stack(shares, axis=-1).astype(np.float32)


def test_sums_around_are_those_of_the_27_voxels_of_a_periodic_grid():
    field = np.random.default_rng(1).uniform(size=(5, 6, 4))
    steps = np.array(np.meshgrid(*[(-1, 0, 1)] * 3)).reshape(3, -1).T
    wanted = sum(np.roll(field, step, (0, 1, 2)) for step in steps)
    np.testing.assert_allclose(sum_around(field, PERIODIC), wanted)
    part = sum_around(field[1:4, 0:3], (True, True, False))
    np.testing.assert_array_equal(part, sum_around(field, PERIODIC)[2:3, 1:2])


def heavy_around(boxes):
    return np.stack([sum_around(box[..., 2].astype(float), PERIODIC) for box in boxes])


def test_the_heavy_halos_of_a_peak_are_corrected_and_all_together_are_not():
    expected = expected_halos()[0]
    corrected = PEAKS.corrected_box(expected)
    np.testing.assert_allclose(corrected.sum(axis=-1), expected.sum(axis=-1), rtol=1e-5)
    together = sum_around(expected.sum(axis=-1, dtype=float), PERIODIC)
    logarithm = np.clip(np.log(heavy_around([expected])[0] + 0.03), -3, 2)
    exponent = 0.2 + 0.1 * logarithm - 0.3 * logarithm**2 + 0.01 * np.clip(together, 1, 60)
    wanted = np.exp(np.clip(exponent, -2, 2))
    np.testing.assert_allclose(corrected[..., 2] / expected[..., 2], wanted, rtol=1e-5)


def test_the_lightest_halos_are_left_where_heavier_ones_are_more_than_thought():
    expected = np.full((3, 3, 3, 2), [0.01, 1.0], np.float32)
    half_more = Peaks(np.array([[np.log(1.5), 0, 0, 0, 0]]), -np.ones((1, 2)), np.ones((1, 2)))
    corrected = half_more.corrected_box(expected)
    np.testing.assert_allclose(corrected.sum(axis=-1), 1.01, rtol=1e-6)
    np.testing.assert_allclose(corrected[..., 0] / corrected[..., 1], 0.0005 / 1.5, rtol=1e-5)


def test_what_is_measured_makes_other_boxes_of_the_same_halos_right():
    """The halos there are those that the factors make; fitted on eight boxes, seen on others."""
    rng = np.random.default_rng(3)
    expected = expected_halos(boxes=16)
    truth = np.stack([PEAKS.corrected_box(box) for box in expected])
    found = fit_peaks(expected[:8], rng.poisson(truth[:8]))
    expected, truth = expected[8:], truth[8:]
    corrected, around = (
        np.stack([found.corrected_box(box) for box in expected]),
        heavy_around(expected),
    )
    for near in (0.3, 1.0, 2.0, 5.0):
        voxels = np.abs(np.log(around / near)) < 0.2
        assert corrected[voxels, 2].sum() == pytest.approx(truth[voxels, 2].sum(), rel=0.06)
    peaks = around > 5
    assert expected[peaks, 2].sum() > 1.15 * truth[peaks, 2].sum()


def test_corrected_halos_follow_the_halos_around_as_those_there_do():
    """The regression's own conditions: what is left over knows nothing of what it looked at."""
    expected = expected_halos(boxes=4)
    counts = np.random.default_rng(3).poisson(np.stack([PEAKS.corrected_box(b) for b in expected]))
    found = fit_peaks(expected, counts)
    left = counts[..., 2] - np.stack([found.corrected_box(box) for box in expected])[..., 2]
    together = np.stack([sum_around(box.sum(axis=-1, dtype=float), PERIODIC) for box in expected])
    for seen in (np.ones_like(left), np.log(heavy_around(expected) + 0.03), together):
        assert abs((left * seen).sum()) < 0.01 * (counts[..., 2] * np.abs(seen)).sum()


def test_a_field_without_peaks_has_one_factor():
    expected = np.full((1, 6, 6, 6, 2), [5.0, 0.5], np.float32)
    corrected = fit_peaks(expected, expected * [1.0, 2.0]).corrected_box(expected[0])
    np.testing.assert_allclose(corrected[..., 1], 1.0, rtol=1e-4)


def test_factors_under_conditions_leave_as_many_halos_as_were_expected_at_each():
    """Of two epochs, one of few heavy halos, whose peaks are wrong alike."""
    rng = np.random.default_rng(3)
    expected = expected_halos(boxes=16)
    expected[::2, ..., 1:] *= 0.4
    features = np.resize([[-1.0], [1.0]], (16, 1))
    truth = np.stack([PEAKS.corrected_box(box) for box in expected])
    by_epoch = [truth[one::2, ..., 2].sum() / expected[one::2, ..., 2].sum() for one in (0, 1)]
    assert abs(by_epoch[1] / by_epoch[0] - 1) > 0.05  # which one factor of both would change
    found = fit_peaks(expected, rng.poisson(truth), features)
    corrected = np.stack(
        [found.under(row).corrected_box(box) for row, box in zip(features, expected, strict=True)]
    )
    for epoch in (0, 1):
        wanted = expected[epoch::2].sum((0, 1, 2, 3), dtype=float)
        np.testing.assert_allclose(corrected[epoch::2].sum((0, 1, 2, 3)), wanted, rtol=2e-3)
    heavy = heavy_around(expected)[1::2]
    of_truth, ours = (halos[1::2, ..., 2] / expected[1::2, ..., 2] for halos in (truth, corrected))
    steeper, found_steeper = (
        one[heavy < 1].mean() / one[heavy > 5].mean() for one in (of_truth, ours)
    )
    assert steeper > 1.2
    assert found_steeper == pytest.approx(steeper, rel=0.05)


def test_factors_that_are_told_no_conditions_are_the_same_under_all():
    assert PEAKS.under(np.zeros(5)) is PEAKS


@pytest.mark.parametrize("mean", [0.0, 1e-9, 1e-6, 1.0])
@pytest.mark.parametrize("halos", [0, 1, 5, 400])
def test_hopeless_counts_leave_factors_that_are_finite_and_bounded(mean, halos):
    """As of an untrained painter; what is saved must be loaded again."""
    expected = np.full((1, 6, 6, 6, 2), mean, np.float32)
    expected[0, 0] *= 0.1
    counts = np.zeros_like(expected)
    counts[0, 2, 2, 2, 1] = halos
    for features in (None, np.array([[0.5, -1.0]])):
        found = fit_peaks(expected, counts, features)
        for values in (found.coefficients, found.least, found.most):
            assert np.abs(values).max() < 1e4
        there = found if features is None else found.under(features[0])
        assert np.isfinite(there.corrected_box(expected[0])).all()


def test_factors_beyond_their_limits_do_not_lead_the_regression_astray():
    """Boxes whose halos depend on the sum around more steeply than factors may."""
    expected = expected_halos(boxes=2)
    logarithm = np.log(heavy_around(expected) + 0.03)
    counts = np.random.default_rng(3).poisson(expected)
    steep = expected[..., 2] * np.exp(1.5 * logarithm)
    steep *= expected[..., 2].sum() / steep.sum()
    counts[..., 2] = np.random.default_rng(4).poisson(steep)
    found = fit_peaks(expected, counts)
    corrected = np.stack([found.corrected_box(box) for box in expected])[..., 2]

    def loss(means):
        return (means - counts[..., 2] * np.log(means)).sum()

    assert loss(corrected) < loss(expected[..., 2]) - 100


def test_draws_have_the_corrected_means():
    law = CountLaw(
        np.array([0.0, 1.0, 8.0]),
        np.array([[1.0, 0, 0, 0, 0], [0.35, 0.4, 0.15, 0.1, 0], [0, 0, 0, 0, 1.0]]),
    )
    masses = np.array([2e12, 8e12, 4e13])
    exclusion = Exclusion(np.array([1.0, 0.5, 0.1]), np.zeros((2, 2)), masses)
    draws = DrawModel(None, law, None, exclusion, peaks=PEAKS)
    expected = np.minimum(expected_halos(side=12)[0], 2)
    corrected = PEAKS.corrected_box(expected)
    drawn = np.mean([draw_from(draws, expected, 2, number) for number in range(200)], axis=0)
    lawful = (law.mean(expected.sum(axis=-1)) / expected.sum(axis=-1))[..., None] * corrected
    around = sum_around(expected[..., 2].astype(float), PERIODIC)
    for part in (around > 3, around < 3):
        np.testing.assert_allclose(drawn[part].sum(0), lawful[part].sum(0), rtol=0.03)


def test_a_painter_keeps_its_corrections_and_its_hash_tells_them(
    binned_draws, tiny_provenance, tmp_path
):
    save_painter(binned_draws.painter, tiny_provenance, tmp_path / "model", binned_draws)
    loaded = load_painter(tmp_path / "model")
    assert loaded.draws.border == 1
    for name in ("coefficients", "least", "most"):
        np.testing.assert_array_equal(
            getattr(loaded.draws.peaks, name), getattr(binned_draws.peaks, name)
        )
    assert loaded.hash == painter_hash(binned_draws.painter, binned_draws)
    assert loaded.hash != painter_hash(binned_draws.painter, replace(binned_draws, peaks=None))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda told: told["least"][0].__setitem__(0, 99.0), "more than its most"),
        (lambda told: told["most"].pop(), "not equally many"),
        (lambda told: told["coefficients"][0].pop(), "coefficients.0"),
        (lambda told: [rows.pop() for rows in told.values()], "do not fit a painter of 4"),
        (lambda told: told.update(by_condition=[[0.1]] * 2), "not equally many"),
        (lambda told: told.update(by_condition=[[0.1]] * 3), "a painter of 0 conditions"),
    ],
)
def test_malformed_corrections_are_refused(
    binned_draws, tiny_provenance, tmp_path, rewrite, change, word
):
    folder = tmp_path / "model"
    save_painter(binned_draws.painter, tiny_provenance, folder, binned_draws)
    rewrite(folder / "peaks.json", change)
    with pytest.raises(ModelError, match=word) as caught:
        load_painter(folder)
    assert "peaks.json" in str(caught.value)


@pytest.fixture
def conditioned(tiny_provenance, tmp_path):
    """Return the folder of a painter that is told epoch and cosmology, with factors by them."""
    painter = built_painter(ConditionedParams(filters=2, head_filters=3, mass_edges=(5e12, 2e13)))
    law = CountLaw(np.array([0.0, 1.0, 8.0]), np.eye(3))
    bins = painter.params.selections(Selection(mass_min=2e12))
    masses = expected_mass_law(bins, PLANCK, 0.3)
    exclusion = Exclusion(
        np.array([1.0, 0.5, 0.1]),
        np.zeros((2, 2)),
        masses.means(),
        by_condition=ExclusionByCondition(
            1,
            np.array([0.0, 1.0]),
            np.array([[1.0, 0.5, 0.1], [1.0, 0.4, 0.02]]),
            np.array([-0.1, -0.3]),
        ),
    )
    peaks = replace(PEAKS, by_condition=np.array([[0.1, 0, 0, 0, 0], [0.0, 0.2, 0, 0, 0.3]]))
    draws = DrawModel(painter, law, masses, exclusion, peaks=peaks)
    save_painter(painter, tiny_provenance, tmp_path / "any", draws)
    return tmp_path / "any"


def test_a_painter_that_is_told_conditions_has_the_factors_of_each(conditioned):
    saved = load_painter(conditioned)
    names = saved.painter.params.conditions
    for redshift in (0.0, 1.0):
        there = saved.under(PLANCK, redshift)
        told = conditions_of(names, redshift, PLANCK, saved.bins, 4.0)
        constants = there.draws.peaks.coefficients[:, 0] - PEAKS.coefficients[:, 0]
        # as they are, for an untrained painter knows no means of them
        np.testing.assert_allclose(constants, [0.1 * told[0], 0.2 * told[1] + 0.3 * told[4]], 1e-5)
        np.testing.assert_array_equal(
            there.draws.peaks.coefficients[:, 1:], PEAKS.coefficients[:, 1:]
        )
        again = there.under(PLANCK, redshift).draws
        assert again.peaks is there.draws.peaks
        assert again.exclusion is there.draws.exclusion
        exclusion = there.draws.exclusion
        further = [1.0, 0.5 * 0.8 ** told[1], 0.1 * 0.2 ** told[1]]
        np.testing.assert_allclose(exclusion.further, further, 1e-5)
        assert exclusion.crowding == pytest.approx(-0.1 - 0.2 * told[1])
        heavy = saved.above(6e12).under(PLANCK, redshift).draws.peaks
        np.testing.assert_array_equal(heavy.coefficients, there.draws.peaks.coefficients)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("peaks", lambda told: told["by_condition"][1].pop(), "by_condition does not fit"),
        (
            "exclusion",
            lambda told: told["by_condition"].update(feature=5),
            "goes with condition 5, which does not fit a painter of 5 conditions",
        ),
        (
            "exclusion",
            lambda told: told["by_condition"]["further"][1].pop(),
            "2 weights do not fit a painter of 3 channels",
        ),
        ("exclusion", lambda told: told["by_condition"]["crowding"].pop(), "not equally many"),
        ("exclusion", lambda told: told["by_condition"]["places"].reverse(), "do not ascend"),
        (
            "exclusion",
            lambda told: told["by_condition"].update(further=[[0.0] * 3, [1.0] * 3]),
            "all weights of further halos at a place are 0",
        ),
    ],
)
def test_laws_by_other_conditions_than_the_painters_are_refused(
    conditioned, rewrite, name, spoil, message
):
    rewrite(conditioned / f"{name}.json", spoil)
    with pytest.raises(ModelError, match=message) as caught:
        load_painter(conditioned)
    assert f"{name}.json" in str(caught.value)
