from dataclasses import replace

import numpy as np
import pytest
from scipy.special import hyp2f1

from halokeras.cosmology.cosmology import (
    ABACUS_COSMOS,
    Background,
    Cosmology,
    box_cosmology,
    growth,
    whole_parameters,
)
from halokeras.cosmology.power import camb_results
from halokeras.errors import BoxError

PLANCK = ABACUS_COSMOS["00"]


@pytest.mark.parametrize("box_id", ABACUS_COSMOS)
def test_the_published_baryon_density_and_flat_matter(box_id):
    cosmology = ABACUS_COSMOS[box_id]
    h = cosmology.H0 / 100
    assert cosmology.omega_b * h**2 == pytest.approx(0.02222)
    assert cosmology.omega_m * h**2 == pytest.approx(0.02222 + 0.1199, rel=1e-4)


def test_growth_in_einstein_de_sitter_is_the_scale_factor():
    a = np.array([0.01, 0.1, 1.0])
    at = growth(a, Background(1.0))
    np.testing.assert_allclose(at.first, a, rtol=1e-6)
    np.testing.assert_allclose(at.second, -3 / 7 * a**2, rtol=1e-6)
    np.testing.assert_allclose(at.first_rate, 1, rtol=1e-6)
    np.testing.assert_allclose(at.second_rate, 2, rtol=1e-6)


@pytest.mark.parametrize("redshift", [1e5, np.inf])
def test_growth_before_its_start_is_refused_instead_of_extrapolated(redshift):
    with pytest.raises(BoxError, match=r"before z = 9,999"):
        growth(1 / (1 + redshift), PLANCK)


def test_growth_is_the_integral_of_heath():
    omega_m, a = 0.3, np.array([0.2, 0.5, 1.0])

    def heath(end):
        scale = np.linspace(1e-6, end, 200_001)
        return np.sqrt(omega_m / end**3 + 1 - omega_m) * np.trapezoid(
            (omega_m / scale + (1 - omega_m) * scale**2) ** -1.5, scale
        )

    expected = np.array([heath(end) for end in a]) / heath(1.0)
    np.testing.assert_allclose(growth(a, Background(omega_m)).first, expected, rtol=1e-6)


def test_second_order_growth_is_close_to_the_fit_of_bouchet():
    a = np.array([0.3, 1 / 1.3, 1.0])
    at = growth(a, PLANCK)
    omega = PLANCK.omega_m / a**3 / at.expansion**2
    np.testing.assert_allclose(at.second, -3 / 7 * at.first**2 * omega ** (-1 / 143), rtol=1e-3)


@pytest.mark.parametrize("dark_energy", [(-1.0, 0.0), (-0.8, 0.0), (-0.9, 0.4), (-0.7, -1.0)])
def test_growth_of_any_dark_energy_is_that_of_camb(dark_energy):
    cosmology = replace(PLANCK, w0=dark_energy[0], wa=dark_energy[1])
    redshifts = (3.0, 1.0, 0.3, 0.0)
    results = camb_results(cosmology, 2.0, redshifts)
    _, z, power = results.get_matter_power_spectrum(minkh=0.1, maxkh=0.3, npoints=4)
    expected = np.sqrt(power[:, 0] / power[0, 0])
    ours = growth(1 / (1 + np.array(z)), cosmology).first
    # CAMB's radiation, which ours leaves out, slows early growth
    np.testing.assert_allclose(ours[:3], expected[:3], rtol=2e-4)
    np.testing.assert_allclose(ours[3], expected[3], rtol=1e-3)


def test_growth_of_w_is_the_hypergeometric_solution():
    # Silveira & Waga 1994: D = a 2F1(-1/3w, (w - 1)/2w; 1 - 5/6w; -(1 - Om)/Om a^-3w)
    omega_m, w, a = 0.3, -0.7, np.array([0.2, 0.5, 1.0])

    def silveira(scale):
        x = -(1 - omega_m) / omega_m * scale ** (-3 * w)
        return scale * hyp2f1(-1 / (3 * w), (w - 1) / (2 * w), 1 - 5 / (6 * w), x)

    expected = silveira(a) / silveira(1.0)
    np.testing.assert_allclose(growth(a, Background(omega_m, w)).first, expected, rtol=2e-4)


def test_a_cosmological_constant_is_not_told():
    assert "w0" not in PLANCK.parameters
    assert "w0" not in repr(PLANCK)
    assert Cosmology(**whole_parameters(PLANCK.parameters)) == PLANCK
    other = replace(PLANCK, wa=0.1)
    assert other.parameters["w0"] == -1
    assert other.parameters["wa"] == 0.1


def test_an_unknown_box_id_names_the_known_ones():
    with pytest.raises(BoxError, match="'07' is unknown; choose one of 00, 01, 02, 03, 04"):
        box_cosmology("07")


def test_a_cosmology_of_more_baryons_than_matter_is_refused():
    with pytest.raises(BoxError, match=r"between 0 and omega_m, 0\.3"):
        Cosmology(H0=70, omega_m=0.3, omega_b=0.4, sigma8=0.8, n_s=0.96)


def test_whole_numbers_are_the_parameters_that_a_file_tells():
    whole, told = (Cosmology(h, 0.3, 0.05, 0.8, 1) for h in (70, 70.0))
    assert repr(whole) == repr(told) and whole == told
