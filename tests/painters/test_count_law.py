import numpy as np
import pytest

from halokeras.errors import RunError
from halokeras.painters.count_law import CountLaw, draw_counts, fit_count_law


def skewed_means(size, seed=1):
    return np.random.default_rng(seed).gamma(0.3, 0.8, size)


def test_a_poisson_law_is_found_again():
    rng = np.random.default_rng(2)
    means = skewed_means(400_000)
    law = fit_count_law(means, rng.poisson(means))
    drawn = draw_counts(law, means, rng.random(means.shape))
    expected = np.bincount(rng.poisson(means), minlength=6)
    np.testing.assert_allclose(np.bincount(drawn, minlength=6)[:5], expected[:5], rtol=0.05)
    assert drawn.dtype == np.uint16
    for mean in (0.05, 0.5, 2.0):
        near = np.abs(means / mean - 1) < 0.1
        assert drawn[near].var() / drawn[near].mean() == pytest.approx(1.0, abs=0.05)


def test_counts_that_exclude_each_other_stay_below_poisson():
    rng = np.random.default_rng(3)
    means = np.minimum(skewed_means(400_000), 3.9)
    law = fit_count_law(means, rng.binomial(4, means / 4))
    dense = np.full(100_000, 2.0)
    drawn = draw_counts(law, dense, rng.random(dense.shape))
    assert drawn.mean() == pytest.approx(2.0, rel=0.03)
    assert drawn.var() / drawn.mean() == pytest.approx(0.5, rel=0.06)  # 1 - mean / 4


def test_the_mean_of_the_training_counts_is_kept():
    rng = np.random.default_rng(4)
    means = skewed_means(300_000)
    counts = rng.poisson(1.2 * means)  # the painter expects too few: the law knows
    assert fit_count_law(means, counts).mean(means).mean() == pytest.approx(counts.mean(), rel=2e-3)


def test_where_nothing_is_expected_nothing_is_drawn():
    law = fit_count_law(
        skewed_means(50_000), np.random.default_rng(5).poisson(skewed_means(50_000))
    )
    assert not draw_counts(law, np.zeros(1000), np.linspace(0, 1 - 1e-9, 1000)).any()


def test_the_draw_inverts_the_cumulative_law():
    law = CountLaw(np.array([0.0, 1.0]), np.array([[1.0, 0, 0], [0.25, 0.5, 0.25]]))
    drawn = draw_counts(law, np.ones(4), np.array([0.0, 0.25, 0.74, 0.76]))
    assert drawn.tolist() == [0, 1, 1, 2]
    halfway = draw_counts(law, np.full(3, 0.5), np.array([0.62, 0.63, 0.88]))
    assert halfway.tolist() == [0, 1, 2]


def test_a_box_of_no_halos_has_a_law_too():
    law = fit_count_law(skewed_means(1000), np.zeros(1000))
    assert not draw_counts(law, skewed_means(1000), np.full(1000, 0.999)).any()


def test_absurdly_many_halos_are_refused():
    with pytest.raises(RunError, match="300 halos"):
        fit_count_law(np.ones(10), np.full(10, 300))
