"""How halos move: limits, and what it is a function of."""

from dataclasses import replace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.simulation.fine_matter.halo_motion import HaloMotion, halo_motion

REFERENCE = halo_motion(ABACUS_COSMOS["00"], 0.3)
LIKE_IT = replace(REFERENCE, amplitude=1.0)


def test_the_reference_is_the_shipped_boxes_own_epoch():
    assert REFERENCE.amplitude == pytest.approx(1, abs=0.001)
    assert REFERENCE.lpt_share == pytest.approx(0.55, abs=0.001)
    # a H f at z = 0.3, with f of the approximation Omega_m(a)^0.55
    expansion = np.sqrt(0.314153 * 1.3**3 + 0.685847)
    rate = (0.314153 * 1.3**3 / expansion**2) ** 0.55
    assert REFERENCE.rate == pytest.approx(100 / 1.3 * expansion * rate, rel=0.01)


def test_the_earlier_and_the_calmer_the_more_halos_follow_2lpt():
    earlier = halo_motion(ABACUS_COSMOS["00"], 1.5)
    calmer = halo_motion(replace(ABACUS_COSMOS["00"], sigma8=0.7), 0.3)
    for one in (earlier, calmer):
        assert one.lpt_share > REFERENCE.lpt_share
        assert one.near_infall < REFERENCE.near_infall
        assert one.scatter(2.0, 1e13) < REFERENCE.scatter(2.0, 1e13)
    assert halo_motion(ABACUS_COSMOS["02"], 0.3).lpt_share < REFERENCE.lpt_share


@pytest.mark.parametrize("amplitude", [1e-3, 0.4, 1.0, 3.0, 100.0])
def test_large_scales_move_by_linear_theory_whatever_the_amplitude(amplitude):
    motion = replace(REFERENCE, amplitude=amplitude)
    assert motion.lpt_share + motion.infall_share == pytest.approx(1)
    assert 0 <= motion.lpt_share <= 1


def test_scatter_grows_with_density_and_falls_with_mass_to_a_least():
    density, mass = np.array([0.0, 0.5, 1.0, 3.0, 10.0]), np.geomspace(1e12, 1e17, 6)
    scatter = LIKE_IT.scatter(density[:, np.newaxis], mass)
    assert (np.diff(scatter, axis=0) > 0).all() and (np.diff(scatter[1:], axis=1) < 0).all()
    least = 0.42 * LIKE_IT.rate
    assert scatter[0] == pytest.approx(least)
    assert scatter[:, -1] == pytest.approx(least, rel=0.01)
    unknown = LIKE_IT.scatter(density)
    assert (unknown[2:] < scatter[2:, 0]).all() and (unknown[2:] > scatter[2:, 2]).all()


def test_velocities_are_lengths_times_the_rate():
    twice = HaloMotion(1.0, 2 * REFERENCE.rate, REFERENCE.mean_density)
    assert twice.scatter(3.0, 2e13) == pytest.approx(2 * LIKE_IT.scatter(3.0, 2e13))
