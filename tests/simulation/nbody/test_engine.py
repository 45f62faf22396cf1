from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.spatial import cKDTree

from halokeras.cosmology.cosmology import Background, growth
from halokeras.errors import BoxError
from halokeras.simulation.lpt.lpt import Displacement, displacement, lattice_positions, linear_modes
from halokeras.simulation.nbody import engine, mesh_kernels, particle_mesh
from halokeras.simulation.nbody.engine import evolve, step_edges
from halokeras.simulation.nbody.particle_mesh import ParticleMesh

WAVENUMBER = np.geomspace(1e-3, 10, 300)
SMOOTH = (WAVENUMBER, 3e4 * np.exp(-((WAVENUMBER / 0.03) ** 2)) + 1e-30)
BACKGROUND = Background(0.3)


def pull(particles, mass_at, cells=32, forgotten=1.0):
    """Velocity that one kick gives to `particles` at rest, the box being `cells` wide."""
    with ThreadPoolExecutor(2) as pool:
        mesh = ParticleMesh(cells, float(cells), pool)
        number = np.arange(len(particles), dtype=np.float32)
        tagged = np.stack([number, 0 * number, 0 * number], axis=-1)
        mesh.attract(mesh.sort(mass_at, np.zeros_like(mass_at), 0.0), cells // 2, forgotten)
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
        for _ in range(10):
            source = (rng.random((1, 3)) * mesh).astype(np.float32)
            direction = rng.normal(size=(50, 3))
            direction /= np.linalg.norm(direction, axis=1)[:, None]
            around = ((source + distance * direction) % mesh).astype(np.float32)
            strengths.append(-(pull(around, source) * direction).sum(axis=1))
        # lap^-1 of a point of mean density 1 in the box: mesh^3 / 4 pi r^2 in cells.
        assert np.mean(strengths) == pytest.approx(
            mesh**3 / (4 * np.pi * distance**2), rel=tolerance
        )


def test_a_particle_is_kicked_in_the_column_that_it_was_sorted_into(monkeypatch):
    """Of a size that float32 cannot hold; numba would read beyond the end of the column."""
    cells, size = 64, 67.2
    kick = mesh_kernels.kick_and_drift.py_func  # which knows where its arrays end
    monkeypatch.setattr(mesh_kernels, "kick_and_drift", kick)
    corners = np.arange(1, cells) + mesh_kernels.CORNER
    edges = (corners * size / cells).astype(np.float32)
    near = [edges]
    for towards in (0, np.inf):
        step = edges
        for _ in range(3):
            step = np.nextafter(step, np.float32(towards))
            near.append(step)
    position = np.repeat(np.concatenate(near)[:, np.newaxis], 3, axis=1)
    with ThreadPoolExecutor(1) as pool:
        mesh = ParticleMesh(cells, size, pool)
        particles = mesh.sort(position, np.zeros_like(position), 0.0)
        mesh._grid[...] = 0
        mesh.kick_and_drift(particles, 1.0, 1.0, 0.0)
    assert not particles.velocity.any()


def test_a_particle_does_not_pull_itself_and_momentum_is_kept():
    rng = np.random.default_rng(2)
    mesh = 16
    crowd = (rng.random((200, 3)) * mesh).astype(np.float32)
    alone = crowd[:1]
    reach = mesh**3 / (4 * np.pi)
    np.testing.assert_allclose(pull(alone, alone, mesh), 0, atol=1e-4 * reach)
    velocity = pull(crowd, crowd, mesh)
    assert np.abs(velocity.sum(axis=0)).max() < 1e-4 * np.abs(velocity).sum()


def run(moved, box_size, outputs, steps=None, **options):
    """Snapshots at the scale factors `outputs`."""
    outputs = np.atleast_1d(outputs)
    edges = step_edges(outputs[-1]) if steps is None else steps
    return list(
        evolve(moved, box_size, growth(edges, BACKGROUND), growth(outputs, BACKGROUND), **options)
    )


def in_lattice_order(snapshot, moved, box_size, at):
    """Displacements and velocities of particles that are near to where 2LPT moves them."""
    lattice = lattice_positions(len(moved.first), box_size)
    expected = lattice + at.first * moved.first + at.second * moved.second
    tree = cKDTree(snapshot.position.astype(np.float64), boxsize=box_size)
    _, order = tree.query(expected.reshape(-1, 3) % box_size)
    assert len(np.unique(order)) == len(order)
    apart = snapshot.position[order].reshape(lattice.shape) - expected
    apart = (apart + box_size / 2) % box_size - box_size / 2
    return apart + expected - lattice, snapshot.velocity[order].reshape(lattice.shape)


def test_an_undisturbed_lattice_stays():
    still = np.zeros((8, 8, 8, 3), dtype=np.float32)
    (snapshot,) = run(Displacement(still, still), 32.0, 1.0)
    apart, velocity = in_lattice_order(
        snapshot, Displacement(still, still), 32.0, growth(1.0, BACKGROUND)
    )
    np.testing.assert_allclose(apart, 0, atol=1e-4)
    np.testing.assert_allclose(velocity, 0, atol=1e-2)


def small_displacement(sign=1, rms=0.08, lattice=32, box_size=400.0):
    """Displacement whose overdensity has the given rms at a scale factor of a half."""
    delta = linear_modes(1, lattice, box_size, SMOOTH)
    at_half = growth(0.5, BACKGROUND).first[0]
    delta *= sign * rms / (at_half * np.sqrt(2 * (np.abs(delta) ** 2).sum()))
    return displacement(delta, box_size)


def moved_by(moved, steps, box_size=400.0):
    """Displacements and velocities at a = 0.5, in lattice order, after equal steps."""
    edges = np.linspace(0.05, 0.5, steps + 1)
    (snapshot,) = run(moved, box_size, 0.5, edges)
    return in_lattice_order(snapshot, moved, box_size, growth(0.5, BACKGROUND))


def part(measured, expected):
    """How much of a field there is in another."""
    return (measured * expected).sum() / (expected**2).sum()


def shares(moved, opposite, steps):
    """How much there is of what LPT says: of x and v in first order, of x and v in second."""
    (ahead, speed), (behind, back) = moved_by(moved, steps), moved_by(opposite, steps)
    at = growth(0.5, BACKGROUND)
    first, second = at.first * moved.first, at.second * moved.second
    # Peculiar velocity a dx/dt = a H f x, with H = 100 E km/s/(Mpc/h), order by order.
    hubble = 100 * at.a * at.expansion
    return (
        part((ahead - behind) / 2, first),
        part((speed - back) / 2, hubble * at.first_rate * first),
        part((ahead + behind) / 2, second),
        part((speed + back) / 2, hubble * at.second_rate * second),
    )


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_both_orders_of_lpt_are_followed_whatever_the_steps(steps, monkeypatch):
    # Sharpened, the force sees the mesh where displacements are much smaller than a cell.
    monkeypatch.setattr(particle_mesh, "SHARPENING", 0)
    monkeypatch.setattr(engine, "FORGOTTEN", 1e-9)
    x_first, v_first, x_second, v_second = shares(
        small_displacement(1), small_displacement(-1), steps
    )
    assert x_first == pytest.approx(1, abs=0.005)
    assert v_first == pytest.approx(1, abs=0.01)
    assert x_second == pytest.approx(1, abs=0.05)
    assert v_second == pytest.approx(1, abs=0.05)


def test_large_scales_follow_both_orders_of_lpt():
    # Of second order some is missing while displacements are below a cell, here 0.9 of one.
    x_first, v_first, x_second, v_second = shares(
        small_displacement(1, rms=0.3), small_displacement(-1, rms=0.3), 10
    )
    assert x_first == pytest.approx(1, abs=0.005)
    assert v_first == pytest.approx(1, abs=0.015)
    assert x_second == pytest.approx(1, abs=0.15)
    assert v_second == pytest.approx(1, abs=0.1)


def test_the_start_is_second_order_lpt_in_position_and_velocity():
    moved = small_displacement(rms=0.5)
    (snapshot,) = run(moved, 400.0, 0.05)
    at = growth(0.05, BACKGROUND)
    apart, velocity = in_lattice_order(snapshot, moved, 400.0, at)
    expected = at.first * moved.first + at.second * moved.second
    np.testing.assert_allclose(apart, expected, atol=1e-4)
    rate = 100 * at.a * at.expansion
    speed = rate * at.first_rate * at.first * moved.first
    speed += rate * at.second_rate * at.second * moved.second
    np.testing.assert_allclose(velocity, speed, atol=1e-3)


def test_growth_of_large_scales_is_linear_within_a_percent():
    moved = small_displacement()
    ahead, _ = moved_by(moved, 10)
    assert part(ahead, growth(0.5, BACKGROUND).first * moved.first) == pytest.approx(1, abs=0.015)


def test_mesh_cells_leave_no_trace_on_small_displacements():
    moved = small_displacement(rms=0.02)
    first = growth(0.5, BACKGROUND).first * moved.first
    ahead, _ = moved_by(moved, 10)
    assert np.std(ahead - first) < 0.02 * np.std(first)


@pytest.mark.parametrize("mesh_factor", [2, 3])
def test_waves_of_a_few_spacings_grow_as_in_linear_theory(mesh_factor, monkeypatch):
    # Images of the lattice would make them 12 % too fast on a mesh of twice its points.
    monkeypatch.setattr(engine, "MESH_FACTOR", mesh_factor)
    lattice, crest = 16, 4
    delta = np.zeros((lattice, lattice, lattice // 2 + 1), dtype=np.complex64)
    delta[crest, 1, 1], delta[1, crest, 2], delta[2, 1, crest] = 0.02, 0.02j, -0.02
    moved, opposite = (displacement(sign * delta, 16.0) for sign in (1, -1))
    (ahead, _), (behind, _) = moved_by(moved, 10, 16.0), moved_by(opposite, 10, 16.0)
    expected = growth(0.5, BACKGROUND).first * moved.first
    assert part((ahead - behind) / 2, expected) == pytest.approx(1, abs=0.03)


def test_images_of_the_lattice_are_felt_in_proportion():
    rng = np.random.default_rng(2)
    near = lattice_positions(16, 32.0).reshape(-1, 3) + rng.normal(0, 0.3, (16**3, 3))
    near = (near % 32).astype(np.float32)
    none, part_of_them, all_of_them = (pull(near, near, forgotten=f) for f in (0.0, 0.3, 1.0))
    np.testing.assert_allclose(part_of_them, 0.7 * none + 0.3 * all_of_them, atol=2e-6)
    assert np.std(all_of_them - none) > 0.1 * np.std(all_of_them)


@pytest.fixture(scope="module")
def clustered():
    """Displacement of a lattice of 1 Mpc/h with halos today."""
    power = (WAVENUMBER, 1.5e4 * (WAVENUMBER / 0.02) / (1 + (WAVENUMBER / 0.02) ** 2.4))
    return displacement(linear_modes(4, 32, 32.0, power), 32.0)


def same(one, other):
    return (
        one.redshift == other.redshift
        and np.array_equal(one.position, other.position)
        and np.array_equal(one.velocity, other.velocity)
    )


def test_snapshots_on_the_way_change_nothing_of_those_that_follow(clustered):
    alone = run(clustered, 32.0, 1 / 1.3)[0]
    early, middle, late = run(clustered, 32.0, [0.3, 1 / 1.3, 0.9])
    assert same(middle, alone)
    assert early.redshift == pytest.approx(1 / 0.3 - 1)
    assert late.redshift == pytest.approx(1 / 0.9 - 1)
    for snapshot in (early, middle, late):
        assert snapshot.position.min() >= 0
        assert snapshot.position.max() < 32
    assert np.std(late.velocity) > 100  # it is clustered: streams of hundreds of km/s


@pytest.mark.parametrize("outputs", [[0.04, 0.1], [0.2, 0.1]])
def test_times_before_the_start_or_out_of_order_are_refused(clustered, outputs):
    with pytest.raises(ValueError, match="must ascend from"):
        run(clustered, 32.0, outputs, step_edges(0.2))


def test_threads_change_no_bit(clustered):
    assert same(run(clustered, 32.0, 0.6)[0], run(clustered, 32.0, 0.6, workers=2)[0])


def test_progress_ends_with_everything_done(clustered):
    seen = []
    run(clustered, 32.0, [0.1, 0.15], progress=seen.append)
    # Two steps to 0.098, a shorter one to 0.1, two to 0.146, a shorter one.
    assert seen == pytest.approx(np.arange(1, 7) / 6)


def stopped_at(fraction):
    def stop(done):
        if done >= fraction:
            raise KeyboardInterrupt

    return stop


def test_an_interrupted_run_goes_on_to_the_same_bits(clustered, tmp_path, monkeypatch):
    monkeypatch.setattr("halokeras.simulation.nbody.checkpoint._SECONDS", 0)
    keep = tmp_path / "state.h5"
    with pytest.raises(KeyboardInterrupt):
        run(clustered, 32.0, 0.4, keep=keep, progress=stopped_at(0.5))
    assert keep.exists()
    seen = []
    (resumed,) = run(clustered, 32.0, 0.4, keep=keep, progress=seen.append)
    assert seen[0] > 0.5
    assert same(resumed, run(clustered, 32.0, 0.4)[0])
    assert not keep.exists()


def test_a_checkpoint_past_the_first_snapshot_asked_is_not_used(clustered, tmp_path, monkeypatch):
    monkeypatch.setattr("halokeras.simulation.nbody.checkpoint._SECONDS", 0)
    keep = tmp_path / "state.h5"
    with pytest.raises(KeyboardInterrupt):
        run(clustered, 32.0, 0.4, keep=keep, progress=stopped_at(0.9))
    assert same(run(clustered, 32.0, 0.2, keep=keep)[0], run(clustered, 32.0, 0.2)[0])


def test_another_runs_checkpoint_or_a_damaged_one_is_refused(clustered, tmp_path, monkeypatch):
    monkeypatch.setattr("halokeras.simulation.nbody.checkpoint._SECONDS", 0)
    keep = tmp_path / "state.h5"
    with pytest.raises(KeyboardInterrupt):
        run(clustered, 32.0, 0.4, keep=keep, progress=stopped_at(0.5))
    other = Displacement(2 * clustered.first, clustered.second)
    with pytest.raises(BoxError, match="no checkpoint of this run; remove it"):
        run(other, 32.0, 0.4, keep=keep)
    whole = keep.read_bytes()
    middle = len(whole) // 2
    keep.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    with pytest.raises(BoxError, match=r"state\.h5: position is damaged"):
        run(clustered, 32.0, 0.4, keep=keep)


def test_a_pair_one_cell_apart_feels_the_force_sharpened_four_times():
    # Over Newton's: one power of sharpening less leaves 0.82.
    rng = np.random.default_rng(3)
    cells, distance = 32, 1.0
    strengths = []
    for _ in range(20):
        source = (rng.random((1, 3)) * cells).astype(np.float32)
        direction = rng.normal(size=(50, 3))
        direction /= np.linalg.norm(direction, axis=1)[:, None]
        around = ((source + distance * direction) % cells).astype(np.float32)
        strengths.append(-(pull(around, source, cells) * direction).sum(axis=1))
    newton = cells**3 / (4 * np.pi * distance**2)
    assert np.mean(strengths) / newton == pytest.approx(1.03, abs=0.03)
