import numpy as np
import pytest

from halokeras.boxes.box import box_hash, halo_counts
from halokeras.boxes.box_file import read_box, write_box
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import BoxError
from halokeras.fields.alignment import check_alignment
from halokeras.simulation.simulate import Simulation, check_memory, estimate, simulate


def run_of(box_id="00", seed=1, **asked):
    return Simulation(box_cosmology(box_id), seed, box_id=box_id, **asked)


@pytest.fixture(scope="module")
def small():
    stages = []
    wanted = run_of("00", 5, size=48.0, particles=48)
    (box,) = simulate(wanted, progress=lambda stage, done: stages.append((stage, done)))
    return box, stages


def test_halos_lie_on_the_density_of_the_same_modes(small):
    box, _ = small
    assert box.shape == (12, 12, 12)
    assert box.density.mean() == pytest.approx(1, abs=1e-5)
    check_alignment(box.density, halo_counts(box), box.voxel_size)


def test_masses_are_those_of_at_least_twenty_corrected_particles(small):
    box, _ = small
    particle = box.provenance["particle_mass"]
    assert particle == pytest.approx(2.77536627e11 * 0.314153, rel=1e-6)
    assert box.halos.mass.min() == pytest.approx(20 * (1 - 20**-0.6) * particle, rel=1e-6)
    assert (np.diff(box.halos.mass) <= 0).all()


def test_progress_goes_through_the_stages(small):
    _, stages = small
    names = list(dict.fromkeys(stage for stage, _ in stages))
    assert names == ["initial conditions", "2LPT density", "N-body", "halos"]
    assert stages[-1] == ("halos", 1.0)


def test_a_box_can_be_written_and_says_what_made_it(small, tmp_path):
    box, _ = small
    write_box(box, tmp_path / "box.h5")
    back = read_box(tmp_path / "box.h5")
    assert box_hash(back) == box_hash(box)
    assert back.provenance["box_id"] == "00"
    assert back.provenance["seed"] == 5
    assert back.provenance["density_scheme"] == "2lpt"
    assert back.provenance["halo_finder"] == "friends-of-friends b=0.2 nmin=20"
    assert back.provenance["force_mesh"] == 96


def test_the_same_seed_gives_the_same_box_and_another_seed_does_not():
    runs = (run_of("03", seed, size=16.0, particles=16) for seed in (1, 1, 2))
    one, again, other = (next(simulate(wanted)) for wanted in runs)
    assert box_hash(one) == box_hash(again)
    assert box_hash(one) != box_hash(other)


def test_a_box_has_the_same_bits_whatever_other_redshifts_are_asked_for():
    small = {"size": 32.0, "particles": 32}
    early, box, _late = simulate(run_of(redshifts=(0.0, 1.0, 0.3), **small))
    (alone,) = simulate(run_of(**small))
    assert (early.redshift, box.redshift) == (1.0, 0.3)
    assert box_hash(box) == box_hash(alone)
    assert box_hash(early) == box_hash(next(simulate(run_of(redshifts=(1.0,), **small))))
    # linear growth from 1 to 0.3 is 1.41, and 2LPT densities grow less where flows have crossed
    assert 1.1 < box.density.std() / early.density.std() < 1.41


def test_a_run_that_was_killed_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("halokeras.simulation.nbody.checkpoint._SECONDS", 0.0)
    wanted = run_of(size=16.0, particles=16, redshifts=(1.0, 0.3))
    whole = [box_hash(box) for box in simulate(wanted)]
    killed = simulate(wanted, keep=tmp_path / "state.h5")
    first = next(killed)
    killed.close()
    assert (tmp_path / "state.h5").exists()
    stages = []
    left = run_of(size=16.0, particles=16)
    (second,) = simulate(
        left, keep=tmp_path / "state.h5", progress=lambda stage, done: stages.append(done)
    )
    assert [box_hash(first), box_hash(second)] == whole
    assert not (tmp_path / "state.h5").exists()


@pytest.mark.slow
def test_small_halos_do_not_ring():
    """Halos of 32 particles against those of eight times as many particles, of equal phases."""
    asked = {"size": 64.0, "redshifts": (1.5, 0.3)}
    coarse, fine = (list(simulate(run_of(particles=number, **asked))) for number in (64, 128))
    least = 31.5 * (1 - 31.5**-0.6) * coarse[0].provenance["particle_mass"]
    early, late = (
        np.sum(one.halos.mass > least) / np.sum(other.halos.mass > least)
        for one, other in zip(coarse, fine, strict=True)
    )
    # Of these boxes 1.07; were the images of the lattice felt all at once, 1.23.
    assert early / late == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"seed": -1}, "seed -1 must lie between 0 and"),
        ({"seed": 2**63}, "must lie between 0 and"),
        ({"particles": 1291}, "choose 1290 or fewer"),
        ({"size": 100.0, "voxel_size": 3.0}, "not a whole number of voxels.*choose size 99"),
        ({"size": -1.0}, "a box of -1 Mpc/h has .* between 2.56 and 60,000 Mpc/h"),
        ({"size": np.inf}, "must lie between 2.56 and 60,000 Mpc/h"),
        ({"voxel_size": 0.0}, "a voxel of 0 Mpc/h has .* between 0.01 and 60,000 Mpc/h"),
        ({"voxel_size": 1e99}, "a voxel of 1e\\+99 Mpc/h"),
        ({"voxel_size": 300.0}, "size 256.0 Mpc/h is not a whole number.*choose size 300"),
        ({"redshifts": (30.0,)}, "redshift 30.0 must lie between 0 and the start, 19"),
        ({"redshifts": (0.5, 0.5)}, "redshift 0.5 is asked twice"),
        ({"redshifts": (0.3, 0.30000001)}, "redshift 0.3 is asked twice"),
        ({"redshifts": ()}, "needs a redshift"),
        ({"particles": 32}, "fewer than the 64 voxels"),
    ],
)
def test_what_cannot_be_simulated_is_refused_at_once(wrong, reason):
    with pytest.raises(BoxError, match=reason):
        run_of(**wrong)


def test_what_memory_cannot_hold_is_refused_before_it_begins(monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 10**11)
    with pytest.raises(BoxError, match=r"needs .* GiB of memory"):
        check_memory(run_of(particles=1280))


def test_the_estimate_grows_with_the_particles():
    assert estimate(256).memory == pytest.approx(2.1e9, rel=0.1)
    assert estimate(512).seconds > 7 * estimate(256).seconds
    assert estimate(256, (1.0, 0.0)).seconds > 1.2 * estimate(256, (0.3,)).seconds


def test_the_power_is_asked_for_the_particles_lattice(monkeypatch):
    asked = []

    def power(cosmology, redshift, spacing):
        asked.append(spacing)
        raise StopIteration

    monkeypatch.setattr("halokeras.simulation.simulate.lattice_power", power)
    for size, particles in ((256.0, 256), (32.0, 256)):
        with pytest.raises(RuntimeError):
            next(simulate(run_of(size=size, particles=particles, voxel_size=1.0)))
    assert asked == [1.0, 0.125]
