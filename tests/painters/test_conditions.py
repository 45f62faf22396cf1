import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS, Cosmology
from halokeras.cosmology.mass_function import expected_above
from halokeras.painter_params import ConditionedParams
from halokeras.painters.conditions import conditions_of
from halokeras.sections import Selection

PARAMS = ConditionedParams(mass_edges=(5e12, 2e13))
BINS = PARAMS.selections(Selection(mass_min=2.8e12))
PLANCK = ABACUS_COSMOS["00"]


def told(cosmology=PLANCK, redshift=0.3, voxel_size=4.0):
    numbers = conditions_of(PARAMS.conditions, redshift, cosmology, BINS, voxel_size)
    return dict(zip(PARAMS.conditions, numbers, strict=True))


def test_abundances_are_those_of_the_mass_function_in_a_voxel():
    found = [np.exp(told()[f"log_abundance_{bin}"]) for bin in range(3)]
    above = expected_above(np.array([2.8e12, 5e12, 2e13]), PLANCK, 0.3, 64.0, "fof")
    np.testing.assert_allclose(found, [*(above[:-1] - above[1:]), above[-1]], rtol=1e-6)
    assert found[0] > found[1] > found[2]
    halved = told(voxel_size=2.0)
    assert np.exp(halved["log_abundance_0"]) == pytest.approx(found[0] / 8)


def test_variance_in_eight_megaparsecs_is_sigma8_and_falls_with_the_redshift():
    mass = 4 / 3 * np.pi * 8**3 * PLANCK.omega_m * 2.77536627e11
    name = f"log_variance_{mass:g}"
    today = conditions_of((name,), 0.0, PLANCK, BINS, 4.0)
    assert np.exp(0.5 * today[0]) == pytest.approx(PLANCK.sigma8, rel=2e-3)
    assert told(redshift=1.0)["log_variance_3e+13"] < told()["log_variance_3e+13"]


def test_at_an_early_epoch_matter_is_all_there_is():
    assert told(redshift=9.0)["matter_fraction"] == pytest.approx(1, abs=0.01)
    assert told(redshift=0.0)["matter_fraction"] == pytest.approx(PLANCK.omega_m)


def test_of_halos_too_rare_to_be_there_a_finite_number_is_told():
    sparse = Cosmology(67, 0.1, 0.03, 0.6, 0.9)
    assert np.isfinite(list(told(sparse, 6.0).values())).all()
