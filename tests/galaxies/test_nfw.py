import numpy as np
import pytest
from scipy.integrate import quad

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.halo_structure import radii
from halokeras.galaxies.nfw import circular_velocities, dispersions, distances, enclosed


@pytest.mark.parametrize("concentration", [0.5, 4.0, 15.0])
def test_distances_hold_the_mass_of_an_nfw_profile(concentration):
    share = np.linspace(0, 1 - 2.0**-53, 1001)
    several = np.full(share.size, concentration)
    found = distances(share, several)
    assert (np.diff(found) > 0).all()
    assert 0 < found[0] < 1e-5
    assert found[-1] == pytest.approx(1)
    mass = enclosed(found * concentration) / enclosed(np.array(concentration))
    np.testing.assert_allclose(mass, share, atol=1e-7)


@pytest.mark.parametrize("distance, concentration", [(0.01, 5.0), (0.3, 5.0), (1.0, 12.0)])
def test_dispersions_solve_the_jeans_equation(distance, concentration):
    def integrand(u):
        return enclosed(u) / (u**3 * (1 + u) ** 2)

    u = distance * concentration
    integral, _ = quad(integrand, u, np.inf, epsabs=0, epsrel=1e-8)
    expected = np.sqrt(concentration / enclosed(concentration) * u * (1 + u) ** 2 * integral)
    found = dispersions(np.array([distance]), np.array([concentration]))
    assert found[0] == pytest.approx(expected, rel=2e-3)


def test_a_halo_of_1e15_turns_at_some_1500_km_s():
    mass, cosmology = np.array([1e15]), ABACUS_COSMOS["00"]
    radius = radii(mass, "virial", cosmology, 0.0)
    # G = 6.674e-11 m^3 / kg / s^2, Msun = 1.988e30 kg, Mpc = 3.0857e22 m
    expected = np.sqrt(6.674e-11 * 1e15 * 1.988e30 / (radius * 3.0857e22)) / 1e3
    np.testing.assert_allclose(
        circular_velocities(mass, radius, cosmology, 0.0), expected, rtol=1e-3
    )
    deeper = circular_velocities(mass, radius, cosmology, 1.0)
    np.testing.assert_allclose(deeper, expected * np.sqrt(2), rtol=1e-3)
