import numpy as np
import pytest

from halokeras.cosmology.cosmology import Cosmology, box_cosmology
from halokeras.cosmology.halo_structure import concentrations, overdensities, radii
from halokeras.cosmology.mass_function import in_colossus

NAMES = {"virial": "vir", "200b": "200m", "200c": "200c"}


@pytest.mark.parametrize("redshift", [0.0, 0.3, 1.0, 3.0])
def test_densities_are_those_of_colossus(redshift):
    from colossus.cosmology import cosmology as state
    from colossus.halo.mass_so import deltaVir

    cosmology = box_cosmology("03")
    found = overdensities(cosmology, redshift)
    with in_colossus(cosmology):
        matter = state.getCurrent().Om(redshift)
        assert found["virial"] == pytest.approx(float(deltaVir(redshift)) / matter, rel=1e-4)
        assert found["200c"] == pytest.approx(200 / matter, rel=1e-4)
    assert found["200b"] == 200


def test_the_virial_density_of_matter_alone_is_that_of_a_collapsed_top_hat():
    matter = Cosmology(H0=70, omega_m=1, omega_b=0.05, sigma8=0.8, n_s=1)
    assert overdensities(matter, 0.0)["virial"] == pytest.approx(18 * np.pi**2)


@pytest.mark.parametrize("definition", NAMES)
def test_radii_and_concentrations_are_those_of_colossus(definition):
    from colossus.halo.concentration import concentration
    from colossus.halo.mass_so import M_to_R

    cosmology, redshift = box_cosmology("00"), 0.3
    mass = np.geomspace(1.1e12, 9e14, 57).astype(np.float32)
    with in_colossus(cosmology):
        comoving = M_to_R(mass, redshift, NAMES[definition]) / 1e3 * (1 + redshift)
        expected = concentration(mass, NAMES[definition], redshift, model="diemer19")
    np.testing.assert_allclose(radii(mass, definition, cosmology, redshift), comoving, rtol=1e-6)
    found = concentrations(mass, definition, cosmology, redshift)
    np.testing.assert_allclose(found, expected, rtol=2e-4)
