import numpy as np
import pytest
from scipy import fft

from halokeras.cosmology.cosmology import Background, growth
from halokeras.simulation.lpt import planes as module
from halokeras.simulation.lpt.lpt import (
    displaced_density,
    displacement,
    first_order,
    linear_modes,
    modes_of_shape,
    second_order,
)
from halokeras.simulation.lpt.planes import pass_count
from halokeras.simulation.lpt.streamed import (
    DisplacementModes,
    SmallScales,
    deposit_particles,
    modes_of_planes,
    second_order_source,
)

STEEP = (np.geomspace(1e-3, 20, 50), 1e3 * np.geomspace(1e-3, 20, 50) ** -1.3)


@pytest.fixture(params=["at once", "in passes", "plane by plane"])
def work(request, monkeypatch):
    """Bytes for planes that make the transforms take one pass, several, or one for each plane."""
    monkeypatch.setattr(
        module, "_WORK", {"at once": 2**30, "in passes": 2**18, "plane by plane": 1}[request.param]
    )


def test_passes_divide_the_planes_and_keep_to_the_memory(monkeypatch):
    monkeypatch.setattr(module, "_WORK", 1000)
    assert pass_count(12, 10) == 1
    assert pass_count(12, 200) == 3
    assert pass_count(12, 10**6) == 12


def deposited(potential, voxels, per_voxel, small=None, overdensity=None, grid=None):
    """Particles added to voxels, whose potential is of a field by the side of a voxel."""
    grid = np.zeros(voxels) if grid is None else grid
    displacement = DisplacementModes(
        potential, potential if overdensity is None else overdensity, 0.5
    )
    x, y, z = (side * per_voxel for side in voxels)
    deposit_particles(displacement, (x, y, z), [grid], small)
    return grid


def test_the_source_is_that_of_the_second_order_in_memory(work):
    delta = linear_modes(9, 24, 50.0, STEEP)
    exact = second_order(delta, 50.0)
    ours = -first_order(second_order_source(delta), 50.0)
    np.testing.assert_allclose(ours, exact, atol=1e-5 * np.abs(exact).max())


def test_products_on_a_coarser_lattice_keep_the_largest_scales():
    delta = linear_modes(9, 24, 50.0, STEEP)
    delta[np.abs(np.fft.fftfreq(24, 1 / 24)) > 4] = 0
    delta[:, np.abs(np.fft.fftfreq(24, 1 / 24)) > 4] = 0
    delta[:, :, 5:] = 0  # products reach 8 of 12, which no lattice of 24 aliases
    exact = second_order_source(delta)
    ours = second_order_source(delta, fine=(24, 24, 24))
    np.testing.assert_allclose(ours, exact, atol=1e-5 * np.abs(exact).max())


def test_the_deposit_is_that_of_particles_in_memory(work):
    delta = linear_modes(9, 24, 48.0, STEEP)
    at = growth(1.0, Background(0.3))
    potential = delta - np.float32(at.second[0] / at.first[0] ** 2) * second_order_source(delta)
    grid = deposited(potential, (12, 12, 12), 2)
    in_memory = displaced_density(displacement(delta, 48.0), 48.0, 12, at)
    np.testing.assert_allclose(grid / 8, in_memory, atol=1e-4)


def test_more_particles_than_modes_follow_the_same_field():
    # A plane wave of amplitude A displaces by A / k sin k q, wherever the particle.
    voxels, amplitude = 8, 0.3
    delta = np.zeros((8, 8, 5), dtype=np.complex64)
    delta[0, 0, 1] = amplitude / 2
    grid = deposited(delta, (voxels,) * 3, 64) / 64**3
    q = (np.arange(512) + 0.0) / 64
    k = 2 * np.pi / voxels
    x = q - amplitude / k * np.sin(k * q)
    cells = np.floor(x - 0.5).astype(int)
    right = x - 0.5 - cells
    line = np.bincount(cells % 8, 1 - right, 8) + np.bincount((cells + 1) % 8, right, 8)
    np.testing.assert_allclose(grid[3, 2], line / 64, atol=1e-5)


def test_a_repeated_displacement_is_added(work):
    small = np.zeros((4, 4, 4, 3), dtype=np.float32)
    small[1, 2, 3, 2] = 1.25  # the particles at (1, 2, 3) + 4 n move along z
    # Half of it is there anyway, and half is added by an overdensity of 2.
    overdensity = np.zeros((8, 8, 5), dtype=np.complex64)
    overdensity[0, 0, 0] = 2
    still = np.zeros((8, 8, 5), dtype=np.complex64)
    grid = deposited(still, (8, 8, 8), 1, SmallScales(small / 2, small / 4), overdensity)
    # On a corner along x and y, half of a particle is in either voxel; along z, a quarter in one.
    expected = np.ones((8, 8, 8))
    for x, y, z in np.ndindex(2, 2, 2):
        near = np.ix_(*[np.r_[at : at + 2] - 1 for at in (1 + 4 * x, 2 + 4 * y)])
        for voxel, weight in ((2, -0.5), (3, 0.25 - 0.5), (4, 0.75)):
            expected[(*near, (voxel + 4 * z) % 8)] += weight / 4
    np.testing.assert_allclose(grid, expected, atol=1e-6)


def test_velocities_are_those_of_the_particles_that_are_added(work):
    # Waves along z of displacement and velocity, of which the latter has half of another one too.
    voxels, per_voxel, k = (8, 8, 8), 2, 2 * np.pi / 16
    potential, other = (np.zeros((8, 8, 5), dtype=np.complex64) for _ in range(2))
    potential[0, 0, 1], other[0, 0, 2] = 0.1, 0.2
    grid = deposited(potential, voxels, per_voxel, None, other, np.zeros((*voxels, 4)))
    q = np.arange(16)
    displacement = -0.2 / k * np.sin(k * q)
    velocity = displacement - 0.2 / (2 * k) * np.sin(2 * k * q)
    place = (q + displacement) / per_voxel - 0.5
    low = np.floor(place).astype(int)
    for column, weight in ((0, 1), (3, velocity)):
        line = np.bincount(low % 8, (1 + low - place) * weight, 8)
        line += np.bincount((low + 1) % 8, (place - low) * weight, 8)
        np.testing.assert_allclose(grid[3, 2, :, column], 4 * line, atol=1e-5)
    np.testing.assert_allclose(grid[..., 1:3], 0, atol=1e-6)
    np.testing.assert_array_equal(grid[..., 0], deposited(potential, voxels, per_voxel))


def test_a_long_box_holds_a_short_wave_as_a_cube_does():
    cube, long = (np.zeros((nx, 8, 5), dtype=np.complex64) for nx in (8, 16))
    for modes, n in ((cube, 1), (long, 2)):
        modes[n, 2, 1] = 0.1 + 0.05j
        modes[n, 0, 0] = modes[-n, 0, 0] = 0.08
    grids = [
        deposited(modes + 0.4 * second_order_source(modes), (nx, 8, 8), 2)
        for modes, nx in ((cube, 8), (long, 16))
    ]
    np.testing.assert_allclose(grids[1], np.concatenate([grids[0]] * 2), atol=1e-4)


def test_modes_of_planes_are_those_of_the_field_without_nyquist_and_mean():
    field = np.random.default_rng(2).normal(size=(6, 8, 10))
    modes = modes_of_planes(iter(field), field.shape, field.shape, 1)
    exact = fft.rfftn(field, norm="forward")
    exact[3], exact[:, 4], exact[..., 5], exact[0, 0, 0] = 0, 0, 0, 0
    np.testing.assert_allclose(modes, exact, atol=1e-6)


def test_modes_of_a_long_box_have_the_power_of_their_wavenumber():
    power = (np.geomspace(1e-3, 100, 99), np.geomspace(1e-3, 100, 99) ** -1.0)
    lattice, sides = (32, 16, 16), np.array([100.0, 50.0, 50.0])
    modes = modes_of_shape(3, lattice, (1, 2, 2), 100.0, power)
    n = np.meshgrid(*[np.r_[1:8, -7:0]] * 2, np.arange(1, 8), indexing="ij")
    k = 2 * np.pi * np.sqrt(sum((n[i] / sides[i]) ** 2 for i in range(3)))
    drawn = np.abs(modes[n[0], n[1], n[2]]) ** 2 * np.prod(sides) * k
    assert drawn.mean() == pytest.approx(1, abs=5 / np.sqrt(drawn.size))
    field = fft.irfftn(modes, s=lattice, norm="forward")
    np.testing.assert_allclose(fft.rfftn(field, norm="forward"), modes, atol=1e-6)
