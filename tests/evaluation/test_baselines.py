import numpy as np
import pytest

from halokeras.evaluation.baselines import fit_local_bias
from halokeras.fields.spectra import measure


def density_field(shape=(32, 32, 32)):
    values = np.random.default_rng(1).lognormal(sigma=0.8, size=shape)
    return values / values.mean()


@pytest.mark.parametrize(
    "bias", [lambda d: 0.2 * d, lambda d: 0.1 * d**1.5, lambda d: np.exp(-1 / d)]
)
def test_recovers_a_function_of_density(bias):
    density = density_field()
    painted = fit_local_bias(density, bias(density)).paint(density)
    inner = density < np.quantile(density, 0.99)
    np.testing.assert_allclose(painted[inner], bias(density)[inner], atol=0.01)


def test_recovers_the_mean_of_poisson_counts():
    density = np.sqrt(density_field())
    truth = 2 * density**1.2
    counts = np.random.default_rng(2).poisson(truth)
    painted = fit_local_bias(density, counts).paint(density)
    assert painted.mean() == pytest.approx(counts.mean(), rel=0.02)
    every_mode = measure(painted, truth, 4.0, np.array([0.0, 100.0]))
    assert every_mode.cross_correlation > 0.99
    np.testing.assert_allclose(every_mode.transfer_function, 1, atol=0.02)


def test_one_fit_serves_another_density():
    fitted = fit_local_bias(density_field(), 0.2 * density_field())
    np.testing.assert_allclose(fitted.paint(np.array([0.5, 1.0, 2.0])), [0.1, 0.2, 0.4], rtol=0.01)


def test_is_constant_beyond_the_densities_it_saw():
    density = density_field()
    fitted = fit_local_bias(density, density)
    assert fitted.paint(np.array([1e6])) == fitted.counts[-1]
    assert fitted.paint(np.array([0.0])) == fitted.counts[0]


def test_voxels_of_equal_density_get_their_mean():
    density = np.repeat([0.0, 1.0, 2.0], [400, 300, 300])
    counts = np.random.default_rng(3).poisson(1 + density)
    painted = fit_local_bias(density, counts).paint(np.array([0.0, 1.0, 2.0]))
    np.testing.assert_allclose(painted, [counts[density == d].mean() for d in range(3)])
