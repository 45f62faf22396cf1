import numpy as np
import pytest
from scipy import fft

from halokeras.cosmology.cosmology import Background, growth
from halokeras.simulation.lpt.lpt import (
    displaced_density,
    displacement,
    first_order,
    linear_modes,
    resized,
    second_order,
)

FLAT = (np.array([1e-4, 1e2]), np.array([7.0, 7.0]))


def test_a_finer_lattice_keeps_the_large_scales_exactly():
    coarse, fine = (linear_modes(3, n, 50.0, FLAT) for n in (8, 12))
    kept = [0, 1, 2, 3, -3, -2, -1]
    grid = np.ix_(kept, kept, range(4))
    np.testing.assert_array_equal(coarse[grid], fine[grid])


def test_modes_are_those_of_a_real_field_of_zero_mean():
    modes = linear_modes(4, 8, 50.0, FLAT)
    field = fft.irfftn(modes, s=(8, 8, 8), norm="forward")
    np.testing.assert_allclose(fft.rfftn(field, norm="forward"), modes, atol=1e-6)
    assert modes[0, 0, 0] == 0
    for i in range(-3, 4):
        for j in range(-3, 4):
            assert modes[i, j, 0] == np.conj(modes[-i, -j, 0])


def test_modes_are_gaussian_with_the_power_asked_for():
    modes = linear_modes(5, 48, 100.0, FLAT)
    inner = np.r_[0:24, -23:0]
    drawn = modes[np.ix_(inner, inner, range(1, 24))] * np.sqrt(100.0**3 / 7.0)
    number = drawn.size
    modulus = np.abs(drawn) ** 2
    assert modulus.mean() == pytest.approx(1, abs=5 / np.sqrt(number))
    # The squared modulus is exponential: its mean square is 2, with variance 20.
    assert (modulus**2).mean() == pytest.approx(2, abs=5 * np.sqrt(20 / number))
    for moment in (drawn.mean(), (drawn**2).mean(), (drawn[1:] * drawn[:-1].conj()).mean()):
        assert abs(moment) < 5 * np.sqrt(2 / number)


def test_seeds_differ():
    a, b = (linear_modes(seed, 16, 50.0, FLAT) for seed in (1, 2))
    coherence = np.vdot(a, b) / np.vdot(a, a)
    assert abs(coherence) < 5 / np.sqrt(a.size)


def test_a_plane_wave_moves_by_its_amplitude_over_k_and_has_no_second_order():
    lattice, box_size = 16, 100.0
    delta = np.zeros((lattice, lattice, lattice // 2 + 1), dtype=np.complex64)
    delta[0, 0, 2] = 0.5
    k = 2 * np.pi / box_size * 2
    z = np.arange(lattice) * box_size / lattice
    moved = first_order(delta, box_size)
    np.testing.assert_allclose(moved[3, 5, :, 2], -np.sin(k * z) / k, atol=1e-5)
    np.testing.assert_allclose(moved[..., :2], 0, atol=1e-6)
    np.testing.assert_allclose(second_order(delta, box_size), 0, atol=1e-4)


@pytest.mark.parametrize("points", [18, 24, 32, 48])
def test_on_other_points_the_displacement_is_the_same_field(points):
    delta, box_size = linear_modes(6, 32, 50.0, FLAT), 50.0
    every = first_order(resized(delta, 4 * points), box_size)[::4, ::4, ::4]
    found = first_order(delta, box_size, points=points)
    np.testing.assert_allclose(found, every, atol=1e-6 * np.abs(every).max())


def test_crossed_plane_waves_have_the_second_order_of_their_product():
    # delta = cos kx + cos ky: phi1,xx phi1,yy = cos kx cos ky, so phi2 = -cos kx cos ky / 2 k^2.
    lattice, box_size = 16, 100.0
    q = 2 * np.pi * np.arange(lattice) / lattice
    overdensity = np.cos(q)[:, None, None] + np.cos(q)[:, None] + np.zeros(lattice)
    delta = fft.rfftn(overdensity, norm="forward").astype(np.complex64)
    k = 2 * np.pi / box_size
    expected = np.sin(q)[:, None, None] * np.cos(q)[:, None] / (2 * k) + np.zeros(lattice)
    np.testing.assert_allclose(second_order(delta, box_size)[..., 0], expected, atol=1e-4)


def test_the_second_order_is_free_of_aliasing():
    # The same modes on a lattice twice as fine, where no product reaches the Nyquist frequency.
    coarse = linear_modes(6, 12, 50.0, FLAT)
    kept = np.ix_(np.r_[0:6, -5:0], np.r_[0:6, -5:0], range(6))
    fine = np.zeros((24, 24, 13), dtype=np.complex64)
    fine[kept] = coarse[kept]
    for axis in range(3):
        ours, exact = (
            fft.rfftn(second_order(delta, 50.0)[..., axis], norm="forward")[kept]
            for delta in (coarse, fine)
        )
        np.testing.assert_allclose(ours, exact, atol=1e-5 * np.abs(exact).max())


def test_density_of_small_modes_is_the_linear_one():
    lattice, box_size = 32, 200.0
    k = np.geomspace(1e-3, 10, 200)
    delta = linear_modes(7, lattice, box_size, (k, 1e-1 * np.exp(-((k / 0.06) ** 2)) + 1e-30))
    linear = fft.irfftn(delta, s=(lattice,) * 3, norm="forward")
    density = displaced_density(
        displacement(delta, box_size), box_size, lattice, growth(1.0, Background(0.3))
    )
    # Lattice points lie on voxel corners, density is at voxel centres: compare half a voxel on.
    phase = np.exp(1j * np.pi * fft.fftfreq(lattice))
    shift = phase[:, None, None] * phase[:, None] * phase[: lattice // 2 + 1]
    centred = fft.irfftn(delta * shift, s=(lattice,) * 3, norm="forward")
    assert np.corrcoef(density.ravel(), centred.ravel())[0, 1] > 0.999
    assert np.corrcoef(density.ravel(), linear.ravel())[0, 1] < 0.999
