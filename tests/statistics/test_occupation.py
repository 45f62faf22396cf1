import warnings

import numpy as np
import pytest

from halokeras.statistics.occupation import ZHENG07

MASSES = 10 ** np.array([12.0, 12.5, 13.0, 14.0, 15.0])
STORED = {
    -18.0: (11.35, 0.25, 11.2, 12.4, 0.83),
    -18.5: (11.46, 0.24, 10.59, 12.68, 0.97),
    -19.0: (11.6, 0.26, 11.49, 12.83, 1.02),
    -19.5: (11.75, 0.28, 11.69, 13.01, 1.06),
    -20.0: (12.02, 0.26, 11.38, 13.31, 1.06),
    -20.5: (12.3, 0.21, 11.84, 13.58, 1.12),
    -21.0: (12.79, 0.39, 11.92, 13.94, 1.15),
    -21.5: (13.38, 0.51, 13.94, 13.91, 1.04),
    -22.0: (14.22, 0.77, 14.0, 14.69, 0.87),
}
"""logMmin, sigma_logM, logM0, logM1 and alpha as halotools 0.8.2 returns them."""


@pytest.mark.parametrize("threshold", STORED)
def test_parameters_are_those_that_halotools_stores(threshold):
    ours = ZHENG07[threshold]
    held = (ours.log_least, ours.scatter, ours.log_none, ours.log_one, ours.slope)
    assert held == STORED[threshold]


def test_half_of_the_halos_of_the_least_mass_have_a_central_galaxy():
    for occupation in ZHENG07.values():
        least = np.array([10**occupation.log_least])
        assert occupation.centrals(least)[0] == pytest.approx(0.5)
        assert occupation.satellites(np.array([10**occupation.log_none]))[0] == 0


def test_brighter_galaxies_are_rarer():
    means = [ZHENG07[threshold].mean(MASSES) for threshold in sorted(ZHENG07, reverse=True)]
    assert (np.diff(means, axis=0)[:, :3] < 0).all()


@pytest.mark.parametrize("threshold", ZHENG07)
def test_mean_occupations_are_those_of_halotools(threshold):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = pytest.importorskip("halotools.empirical_models")
        model = models.PrebuiltHodModelFactory(
            "zheng07", threshold=threshold, modulate_with_cenocc=True
        )
        centrals = model.mean_occupation_centrals(prim_haloprop=MASSES)
        satellites = model.mean_occupation_satellites(prim_haloprop=MASSES)
    np.testing.assert_allclose(ZHENG07[threshold].centrals(MASSES), centrals, rtol=1e-10)
    np.testing.assert_allclose(ZHENG07[threshold].satellites(MASSES), satellites, rtol=1e-10)
