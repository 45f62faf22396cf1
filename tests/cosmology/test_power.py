from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS, box_cosmology, growth
from halokeras.cosmology.power import (
    FINEST_SPACING,
    LONGEST_SIDE,
    check_side,
    lattice_power,
    linear_power,
    nonlinear_power,
)
from halokeras.errors import BoxError

PLANCK = ABACUS_COSMOS["00"]


def top_hat_rms(k, power, radius):
    x = k * radius
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    return np.sqrt(np.trapezoid(power * window**2 * k**3 / (2 * np.pi**2), np.log(k)))


def test_power_has_the_sigma8_it_states_and_grows_linearly():
    k, today = linear_power(PLANCK, 0.0)
    assert top_hat_rms(k, today, 8.0) == pytest.approx(PLANCK.sigma8, rel=2e-3)
    _, earlier = linear_power(PLANCK, 0.3)
    ratio = growth(1 / 1.3, PLANCK).first[0] ** 2
    np.testing.assert_allclose(earlier / today, ratio, rtol=1e-6)


def test_the_power_of_a_lattice_reaches_its_corner():
    """Where it ends an interpolation would go on with its last value."""
    for spacing, corner in ((1.0, 5.4), (0.125, 43.5)):
        k, _ = lattice_power(PLANCK, 0.3, spacing)
        assert k[-1] == pytest.approx(max(20.0, 1.1 * corner), rel=0.01)


def test_nonlinear_power_is_linear_on_large_scales_and_above_it_on_small_ones():
    cosmology = ABACUS_COSMOS["02"]
    k, power = nonlinear_power(cosmology, 0.3)
    linear = np.exp(np.interp(np.log(k), *map(np.log, linear_power(cosmology, 0.3))))
    over = power / linear
    assert over[(k > 0.005) & (k < 0.03)] == pytest.approx(1, abs=0.03)
    assert over[k < 0.1].min() > 0.95
    # Smith et al. (2003) and all since: several times the linear power at k = 1 h/Mpc
    assert 2 < np.interp(1.0, k, over) < 5


def test_what_camb_cannot_compute_is_one_sentence():
    with pytest.raises(BoxError, match=r"CAMB cannot compute .* omega_b"):
        linear_power(replace(box_cosmology("00"), omega_b=1e-4))


@pytest.mark.parametrize("side", [1e-30, 0.1, LONGEST_SIDE * 1.01, 1e300, np.inf, np.nan])
def test_a_side_whose_modes_have_no_known_power_is_refused(side):
    with pytest.raises(BoxError, match=r"must lie between 0\.32 and 60,000 Mpc/h"):
        check_side(side, 32)


def test_the_longest_side_has_modes_within_the_table():
    k, _ = linear_power(PLANCK, 0.3)
    assert 2 * np.pi / LONGEST_SIDE > k[0]
    check_side(LONGEST_SIDE, 32)
    check_side(32 * FINEST_SPACING, 32)


@pytest.mark.parametrize("spacing", [1e-300, 1e-3, np.nan])
def test_a_lattice_too_fine_for_camb_is_refused(spacing):
    with pytest.raises(BoxError, match="are the sizes in Mpc/h"):
        lattice_power(PLANCK, 0.3, spacing)


def test_threads_take_turns_at_camb():
    """It keeps its state in global variables: two at a time end the process."""
    cosmologies = [replace(PLANCK, n_s=0.9 + 0.01 * number) for number in range(3)]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(linear_power, cosmologies))
    for cosmology, (k, power) in zip(cosmologies, together, strict=True):
        linear_power.cache_clear()
        alone = linear_power(cosmology)
        np.testing.assert_array_equal(k, alone[0])
        np.testing.assert_allclose(power, alone[1], rtol=1e-6)


def test_more_points_than_any_box_has_are_refused():
    with pytest.raises(BoxError, match="6,000,000 are known"):
        check_side(1e5, 10**7)
