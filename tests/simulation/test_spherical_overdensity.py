import numpy as np
import pytest

from halokeras.cosmology.cosmology import Cosmology, box_cosmology
from halokeras.cosmology.mass_function import _colossus
from halokeras.simulation.spherical_overdensity import overdensities


@pytest.mark.parametrize("redshift", [0.0, 0.3, 1.0, 3.0])
def test_densities_are_those_of_colossus(redshift):
    from colossus.cosmology import cosmology as state
    from colossus.halo.mass_so import deltaVir

    cosmology = box_cosmology("03")
    found = overdensities(cosmology, redshift)
    with _colossus(cosmology):
        matter = state.getCurrent().Om(redshift)
        assert found["virial"] == pytest.approx(float(deltaVir(redshift)) / matter, rel=1e-4)
        assert found["200c"] == pytest.approx(200 / matter, rel=1e-4)
    assert found["200b"] == 200


def test_the_virial_density_of_matter_alone_is_that_of_a_collapsed_top_hat():
    matter = Cosmology(H0=70, omega_m=1, omega_b=0.05, sigma8=0.8, n_s=1)
    assert overdensities(matter, 0.0)["virial"] == pytest.approx(18 * np.pi**2)
