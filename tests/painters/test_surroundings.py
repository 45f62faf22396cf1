from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from halokeras.errors import ModelError
from halokeras.painters.count_law import CountLaw, draw_counts
from halokeras.painters.model_store import load_painter, painter_hash, save_painter
from halokeras.painters.peaks import PERIODIC, sum_around
from halokeras.painters.surroundings import Surroundings, fit_correlations, fit_surroundings
from halokeras.painting.draws.noise import CountNoise, neighbor_noise

SIDE = 32
WHOLE = (slice(0, SIDE),) * 3


def expected_halos(boxes=1):
    """A field of peaks in a field that is dense or not over many voxels."""
    rng = np.random.default_rng(8)
    fields = rng.normal(size=(2, boxes, SIDE, SIDE, SIDE))
    wide = fields[1]
    for axis in (1, 2, 3):
        wide = sum(np.roll(wide, step, axis) for step in range(-2, 3)) / 2.2
    return (0.35 * np.exp(0.7 * fields[0] + 0.5 * wide)).astype(np.float32)


def around_of(boxes):
    return np.stack([sum_around(box.astype(float), PERIODIC) for box in boxes])


def binomial_law(most):
    """Counts of voxels that have room for some halos, each there or not."""
    knots = np.linspace(0, 0.95 * most, 60)
    numbers = np.arange(9)
    choose = np.array([np.prod([(most - i) / (i + 1) for i in range(n)]) for n in numbers])
    chance = knots[:, np.newaxis] / most
    return CountLaw(knots, choose * chance**numbers * (1 - chance) ** np.maximum(most - numbers, 0))


MADE = Surroundings(
    typical=np.array([[-3.0, 2.0], [1.6, 3.6]]),
    departures=np.array([-0.5, 0.5]),
    laws=(binomial_law(3), binomial_law(8)),
    middle=2.7,
    spread=0.5,
    beside=np.array([-0.08, 0.05, 0.0]),
    smooth=np.array([0.03, 0.02, 0.0]),
)


def drawn(expected, seeds):
    boxes = []
    for box, around, seed in zip(expected, around_of(expected), seeds, strict=True):
        noise = CountNoise(*MADE.correlations(around))
        number = neighbor_noise(np.zeros((1, 1)), WHOLE, box.shape, seed, "t", counts=noise)[0]
        boxes.append(draw_counts(MADE.law_of(box, around), box.astype(float), ndtr(number)))
    return np.stack(boxes)


@pytest.fixture(scope="module")
def boxes():
    expected = np.minimum(expected_halos(12), 2.8)
    return expected, drawn(expected, range(12))


def test_between_laws_the_law_of_a_voxel_is_linear_and_beyond_them_that_of_the_last():
    expected = np.full(4, 1.0)
    typical = np.interp(np.log(1.0001), *MADE.typical)
    around = np.exp(typical + np.array([-2.0, -0.5, 0.0, 3.0])) - 1e-4
    law = MADE.law_of(expected, around)
    lower, upper = (one.at_most(0, expected) for one in MADE.laws)
    wanted = [lower[0], lower[0], (lower[0] + upper[0]) / 2, upper[0]]
    np.testing.assert_allclose(law.at_most(0, expected), wanted)
    np.testing.assert_allclose(law.of(slice(2, 4)).at_most(0, expected[2:]), wanted[2:])
    np.testing.assert_allclose(law.mean(expected), 1.0, rtol=1e-3)


def test_what_counts_were_drawn_with_is_measured_in_them(boxes):
    expected, counts = boxes
    found = fit_correlations(fit_surroundings(expected, counts), expected, counts, 0.0)
    around = around_of(expected)
    ours, theirs = (one.law_of(expected.astype(float), around) for one in (found, MADE))
    few, many = np.quantile(around, 0.15), np.quantile(around, 0.85)
    near = np.abs(expected - 0.8) < 0.3
    for part in (near & (around < few), near & (around > many)):
        empty = (law.at_most(0, expected.astype(float))[part].mean() for law in (ours, theirs))
        assert next(empty) == pytest.approx(next(empty), abs=0.015)
    place = np.exp(found.middle + found.spread * np.array([-1.0, 0.0, 1.0]))
    for one, other in zip(found.correlations(place), MADE.correlations(place), strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)


def test_the_mean_of_every_part_is_that_expected(boxes):
    expected, counts = boxes
    found = fit_surroundings(expected, counts)
    around = around_of(expected)
    mean = found.law_of(expected.astype(float), around).mean(expected.astype(float))
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1)):
        part = (around >= np.quantile(around, low)) & (around <= np.quantile(around, high))
        assert mean[part].sum() == pytest.approx(expected[part].sum(), rel=0.015)


def test_counts_scatter_more_where_more_are_expected_around(boxes):
    expected, counts = boxes
    around, near = around_of(expected), np.abs(expected - 1) < 0.2
    few, many = np.quantile(around[near], [0.2, 0.8])
    scatter = [
        ((counts - expected)[part] ** 2).mean()
        for part in (near & (around < few), near & (around > many))
    ]
    assert scatter[1] > 1.15 * scatter[0]


@pytest.mark.parametrize("mean", [0.0, 1e-9, 1e-6, 1.0])
@pytest.mark.parametrize("halos", [0, 1, 5, 200])
def test_hopeless_counts_leave_laws_that_are_finite(mean, halos):
    """As of an untrained painter; what is saved must be loaded again."""
    expected = np.full((1, 6, 6, 6), mean, np.float32)
    expected[0, 0] *= 0.1
    counts = np.zeros(expected.shape, np.uint16)
    counts[0, 2, 2, 2] = halos
    found = fit_correlations(fit_surroundings(expected, counts), expected, counts, -0.1)
    around = around_of(expected)
    for values in (*found.correlations(around), found.typical, found.departures):
        assert np.isfinite(values).all()
    assert np.isfinite(found.law_of(expected.astype(float), around).mean(expected)).all()


def test_a_painter_keeps_its_surroundings_and_its_hash_tells_them(
    binned_draws, tiny_provenance, tmp_path
):
    save_painter(binned_draws.painter, tiny_provenance, tmp_path / "model", binned_draws)
    loaded = load_painter(tmp_path / "model").draws.surroundings
    for name in ("typical", "departures", "middle", "spread", "beside", "smooth"):
        ours, theirs = getattr(loaded, name), getattr(binned_draws.surroundings, name)
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(loaded.laws, binned_draws.surroundings.laws, strict=True):
        np.testing.assert_array_equal(ours.probabilities, theirs.probabilities)
    without = replace(binned_draws, surroundings=None)
    painter = binned_draws.painter
    assert painter_hash(painter, binned_draws) != painter_hash(painter, without)
    save_painter(painter, tiny_provenance, tmp_path / "older", without)
    assert load_painter(tmp_path / "older").draws.surroundings is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda told: told["departures"].reverse(), "do not ascend"),
        (lambda told: told["laws"].pop(), "not equally many"),
        (lambda told: told["typical"][1].pop(), "not equally many"),
        (lambda told: told["laws"][0]["probabilities"][0].__setitem__(0, 0.5), "sum to 1"),
        (lambda told: told.__setitem__("spread", 0.0), "spread"),
        (lambda told: told["smooth"].pop(), "smooth"),
    ],
)
def test_malformed_surroundings_are_refused(
    binned_draws, tiny_provenance, tmp_path, rewrite, change, word
):
    folder = tmp_path / "model"
    save_painter(binned_draws.painter, tiny_provenance, folder, binned_draws)
    rewrite(folder / "surroundings.json", change)
    with pytest.raises(ModelError, match=word) as caught:
        load_painter(folder)
    assert "surroundings.json" in str(caught.value)
