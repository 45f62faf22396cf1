from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from halokeras.cosmology.cosmology import Background, Growth, growth
from halokeras.simulation import nbody, particle_mesh
from halokeras.simulation.lpt import Displacement, displacement, lattice_positions, linear_modes
from halokeras.simulation.nbody import evolve, step_edges
from halokeras.simulation.particle_mesh import ParticleMesh

WAVENUMBER = np.geomspace(1e-3, 10, 300)
SMOOTH = (WAVENUMBER, 3e4 * np.exp(-((WAVENUMBER / 0.03) ** 2)) + 1e-30)
OMEGA_M = 0.3


def pull(particles, mass_at, cells=32):
    """Velocity that one kick gives to `particles` at rest, the box being `cells` wide."""
    with ThreadPoolExecutor(2) as pool:
        mesh = ParticleMesh(cells, float(cells), pool)
        number = np.arange(len(particles), dtype=np.float32)
        tagged = np.stack([number, 0 * number, 0 * number], axis=-1)
        mesh.attract(mesh.sort(mass_at, np.zeros_like(mass_at), 0.0))
        order = mesh.sort(particles, tagged, 0.0).velocity[:, 0].astype(int)
        tested = mesh.sort(particles, np.zeros_like(particles), 0.0)
        mesh.kick_and_drift(tested, 0.0, 1.0, 0.0)
    velocity = np.empty_like(particles)
    velocity[order] = tested.velocity
    return velocity


def test_two_particles_attract_by_the_inverse_square():
    rng = np.random.default_rng(1)
    mesh = 32
    for distance, tolerance in ((3.0, 0.02), (5.0, 0.02)):
        strengths = []
        for _ in range(20):
            source = (rng.random((1, 3)) * mesh).astype(np.float32)
            direction = rng.normal(size=(50, 3))
            direction /= np.linalg.norm(direction, axis=1)[:, None]
            around = ((source + distance * direction) % mesh).astype(np.float32)
            strengths.append(-(pull(around, source) * direction).sum(axis=1))
        # lap^-1 of a point of mean density 1 in the box: mesh^3 / 4 pi r^2 in cells.
        assert np.mean(strengths) == pytest.approx(
            mesh**3 / (4 * np.pi * distance**2), rel=tolerance
        )


def test_a_particle_does_not_pull_itself_and_momentum_is_kept():
    rng = np.random.default_rng(2)
    mesh = 16
    crowd = (rng.random((200, 3)) * mesh).astype(np.float32)
    alone = crowd[:1]
    reach = mesh**3 / (4 * np.pi)
    np.testing.assert_allclose(pull(alone, alone, mesh), 0, atol=1e-4 * reach)
    velocity = pull(crowd, crowd, mesh)
    assert np.abs(velocity.sum(axis=0)).max() < 1e-4 * np.abs(velocity).sum()


def test_an_undisturbed_lattice_stays():
    delta = np.zeros((8, 8, 5), dtype=np.complex64)
    times = growth(np.linspace(0.05, 1, 4), Background(0.3))
    position = nbody.evolve(delta, 32.0, times)
    np.testing.assert_allclose(position, lattice_positions(8, 32.0).reshape(-1, 3), atol=1e-4)


def displacements(sign, steps, rms=0.1, lattice=32, box_size=400.0):
    """First and second order at the last time, and what the engine makes of the same modes."""
    times = growth(np.linspace(0.05, 0.5, steps + 1), Background(0.3))
    delta = linear_modes(1, lattice, box_size, SMOOTH)
    delta *= sign * rms / np.sqrt(2 * (np.abs(delta) ** 2).sum())
    first = first_order(delta, box_size)
    second = times.second[-1] / times.first[-1] ** 2 * second_order(delta, box_size)
    start = lattice_positions(lattice, box_size)
    position = nbody.evolve(delta, box_size, times).reshape(start.shape)
    moved = (position - start + box_size / 2) % box_size - box_size / 2
    return first, second, moved


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_large_scales_follow_both_orders_of_lpt_whatever_the_steps(steps, monkeypatch):
    # The sharpened force sees the lattice where displacements are much smaller than a cell.
    monkeypatch.setattr(nbody, "_SHARPENING", 0)
    first, second, moved = displacements(1, steps)
    _, _, opposite = displacements(-1, steps)
    odd, even = (moved - opposite) / 2, (moved + opposite) / 2
    assert (odd * first).sum() / (first**2).sum() == pytest.approx(1, abs=0.005)
    assert (even * second).sum() / (second**2).sum() == pytest.approx(1, abs=0.05)


def test_growth_of_large_scales_is_linear_within_a_percent():
    first, _, moved = displacements(1, 10)
    assert (moved * first).sum() / (first**2).sum() == pytest.approx(1, abs=0.015)


def test_mesh_cells_leave_no_trace_on_small_displacements():
    first, _, moved = displacements(1, 10, rms=0.02)
    assert np.std(moved - first) < 0.02 * np.std(first)


def test_the_last_redshift_ends_inside_the_box_and_reports_each_step():
    seen = []
    delta = linear_modes(1, 16, 16.0, SMOOTH)
    times = growth(np.linspace(0.05, 1, 5), Background(0.3))
    position = nbody.evolve(delta, 16.0, times, progress=seen.append)
    assert seen == [0.25, 0.5, 0.75, 1.0]
    assert position.min() >= 0
    assert position.max() <= 16
