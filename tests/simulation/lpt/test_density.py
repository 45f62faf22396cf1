from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import fft

from halokeras.boxes.box_file import find_box, read_box
from halokeras.cosmology.cosmology import box_cosmology, growth
from halokeras.cosmology.power import linear_power
from halokeras.simulation.lpt import recipe as module
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import estimate, make_density, make_fields, slow_side
from halokeras.simulation.lpt.lpt import modes_of_shape
from halokeras.simulation.lpt.planes import fewest_passes, pass_count
from halokeras.simulation.lpt.recipe import products_lattice

PLANCK = box_cosmology("00")
SMALL = LptBox(PLANCK, 7, (16, 16, 16), box_id="00")


def bins(density, box_size, edges, other=None):
    """Mean power of a density, or cross power with another, over its voxels' window."""
    side = len(density)
    modes = fft.rfftn(density, norm="forward")
    other = modes if other is None else fft.rfftn(other, norm="forward")
    line = np.rint(fft.fftfreq(side, 1 / side))
    n = np.meshgrid(line, line, line[: side // 2 + 1], indexing="ij")
    k = 2 * np.pi / box_size * np.sqrt(sum(axis**2 for axis in n))
    window = np.prod([np.sinc(axis / side) ** 2 for axis in n], axis=0)
    power = (modes * other.conj()).real * box_size**3 / window**2
    weight = np.where(np.abs(n[2]) > 0, 2.0, 1.0)
    found = [(k >= low) & (k < high) for low, high in pairwise(edges)]
    means = [np.average(power[chosen], weights=weight[chosen]) for chosen in found]
    count = [weight[chosen].sum() / 2 for chosen in found]
    return np.array(means), np.array(count), [k[chosen] for chosen in found]


@pytest.mark.slow
def test_a_density_looks_as_painters_know_them():
    shipped = read_box(find_box("00", 101))
    density = make_density(LptBox(PLANCK, 101, (64, 64, 64)), workers=2)
    edges = np.linspace(0.02, np.pi / 4, 8)
    ours, exact, cross = (
        bins(first, 256.0, edges, second)[0]
        for first, second in (
            (density, density),
            (shipped.density, shipped.density),
            (density, shipped.density),
        )
    )
    np.testing.assert_allclose(np.sqrt(ours / exact), 1, atol=0.005)
    assert (cross / np.sqrt(ours * exact) > 0.99).all()
    assert density.std() == pytest.approx(shipped.density.std(), rel=0.002)


def test_large_scales_have_the_power_of_linear_theory():
    side, voxel_size = 32, 32.0
    box = LptBox(PLANCK, 3, (side,) * 3, voxel_size)
    edges = np.array([0.006, 0.02, 0.03, 0.04, 0.05])
    found, count, k = bins(make_density(box), side * voxel_size, edges)
    table = linear_power(PLANCK, 0.3)
    linear = [np.interp(wavenumbers, *table).mean() for wavenumbers in k]
    np.testing.assert_array_less(np.abs(found / linear - 1), 3.5 / np.sqrt(count))
    # Of these very modes, no sampling error: what is left is the second order and beyond.
    delta = modes_of_shape(3, box.lattice, (1, 1, 1), side * voxel_size, table)
    half = side // 2
    coarse = np.zeros((side, side, half + 1), dtype=complex)
    for x in (slice(0, half), slice(1 - half, None)):
        for y in (slice(0, half), slice(1 - half, None)):
            coarse[x, y, :half] = delta[x, y, :half]
    window = np.sinc(fft.fftfreq(side)) ** 2
    coarse *= window[:, None, None] * window[:, None] * window[: half + 1]
    drawn = bins(fft.irfftn(coarse, s=(side,) * 3, norm="forward"), side * voxel_size, edges)[0]
    np.testing.assert_allclose(found / drawn, 1, atol=0.05)


def test_a_finer_grid_keeps_the_large_scales():
    size = 256.0
    coarse, fine = (make_density(LptBox(PLANCK, 5, (side,) * 3, size / side)) for side in (16, 32))
    halved = fft.irfftn(
        fft.rfftn(fine, norm="forward")[np.ix_(np.r_[0:8, -8:0], np.r_[0:8, -8:0], range(9))],
        s=(16, 16, 16),
        norm="forward",
    )
    a, b = (fft.rfftn(grid, norm="forward") for grid in (coarse, halved))
    low = np.ix_(np.r_[0:3, -2:0], np.r_[0:3, -2:0], range(3))
    # Density is about the centres of voxels of two sizes: turn by half of the difference.
    n = np.r_[0:3, -2:0]
    turn = np.exp(1j * np.pi * (1 / 32 - 1 / 16) * n)
    b = b[low] * (turn[:, None, None] * turn[:, None] * turn[:3]).conj()
    coherence = np.vdot(a[low], b).real / np.sqrt(np.vdot(a[low], a[low]) * np.vdot(b, b)).real
    assert coherence > 0.995


def test_a_box_need_not_be_a_cube():
    density = make_density(LptBox(PLANCK, 7, (32, 16, 16)))
    assert density.shape == (32, 16, 16)
    assert density.mean() == pytest.approx(1, abs=1e-9)
    assert 0.5 < density.std() / make_density(LptBox(PLANCK, 7, (16, 32, 16))).std() < 2


def test_the_density_is_a_function_of_the_seed_whatever_the_threads():
    one, again, other = (
        make_density(replace(SMALL, seed=seed), workers)
        for seed, workers in ((1, 1), (1, 2), (2, 1))
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_small_scales_spread_further_where_the_box_is_dense(monkeypatch):
    spread = []
    for response in (0.0, module._RESPONSE):
        monkeypatch.setattr(module, "_RESPONSE", response)
        spread.append(make_density(SMALL).astype(float))
    uniform, responding = spread
    dense = uniform > np.quantile(uniform, 0.95)
    assert responding[dense].mean() < uniform[dense].mean()
    assert 0.98 < responding.std() / uniform.std() < 0.999


def test_sides_need_no_common_divisor():
    density = make_density(LptBox(PLANCK, 1, (14, 14, 22)))
    assert density.mean() == pytest.approx(1, abs=1e-9)


def test_half_a_thousand_voxels_a_side_fit_in_sixteen_gigabytes():
    assert estimate(LptBox(PLANCK, 1, (512, 512, 512))).memory < 13e9


def test_velocity_obeys_the_continuity_equation_on_large_scales():
    side, voxel_size = 32, 16.0
    box = LptBox(PLANCK, 3, (side,) * 3, voxel_size, velocity=True)
    density, velocity = make_fields(box)
    np.testing.assert_allclose(density, make_density(replace(box, velocity=False)))
    now = growth(1 / 1.3, PLANCK)
    # -div v / (a H f) = delta, in the modes of k < 0.06 h/Mpc
    waves = 2 * np.pi * np.fft.fftfreq(side, voxel_size)
    k = np.stack(np.meshgrid(waves, waves, waves, indexing="ij"))
    momentum = np.stack([np.fft.fftn(component * density) for component in velocity])
    divergence = 1j * (k * momentum).sum(axis=0)
    scale = 100 * now.a[0] * now.expansion[0] * now.first_rate[0]
    delta = np.fft.fftn(density)
    large = (np.sqrt((k**2).sum(axis=0)) < 0.06) & (delta != delta[0, 0, 0])
    predicted = -divergence[large] / scale
    slope = (predicted * delta[large].conj()).real.sum() / (np.abs(delta[large]) ** 2).sum()
    assert slope == pytest.approx(1.0, abs=0.05)
    correlation = slope * np.sqrt(
        (np.abs(delta[large]) ** 2).sum() / (np.abs(predicted) ** 2).sum()
    )
    assert correlation > 0.98
    assert 200 < np.sqrt((velocity**2).mean()) < 400  # km/s in each direction


@pytest.mark.parametrize("side", [64, 100, 128, 250, 256, 300, 359, 500, 512, 521, 1000])
def test_products_are_formed_in_about_as_few_passes_as_memory_asks_for(side):
    """A side of 500 voxels had a lattice of 2 x 563 points, and so 563 passes over its modes."""
    lattice = LptBox(box_cosmology("00"), 1, (side,) * 3).lattice
    points = products_lattice(lattice)[0]
    assert 9 / 8 * lattice[0] <= points < 1.12 * 9 / 8 * lattice[0] + 2
    layer = 3 * 8 * lattice[1] * (lattice[2] // 2 + 1)
    assert pass_count(points, layer) <= 3 * fewest_passes(points, layer)


def test_a_side_with_a_large_prime_factor_is_told_with_a_faster_one():
    prime, round_one = (LptBox(box_cosmology("00"), 1, (side,) * 3) for side in (359, 360))
    assert slow_side(round_one) is None
    assert "359 times where 7 would do; a side such as 360" in slow_side(prime)
    assert estimate(prime).seconds > 4 * estimate(round_one).seconds
    assert slow_side(LptBox(box_cosmology("00"), 1, (61, 61, 61))) is None  # in one pass
