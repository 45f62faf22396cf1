import numpy as np
import pytest

from halokeras.boxes.box import box_hash, halo_counts
from halokeras.boxes.box_file import read_box, write_box
from halokeras.errors import BoxError
from halokeras.fields.alignment import check_alignment
from halokeras.simulation.simulate import estimate, simulate


@pytest.fixture(scope="module")
def small():
    stages = []
    box = simulate(
        "00", 5, size=48.0, particles=48, progress=lambda stage, done: stages.append((stage, done))
    )
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
    one, again, other = (simulate("03", seed, size=16.0, particles=16) for seed in (1, 1, 2))
    assert box_hash(one) == box_hash(again)
    assert box_hash(one) != box_hash(other)


@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"box_id": "99"}, "box id '99' is unknown"),
        ({"seed": -1}, "seed -1 is negative"),
        ({"size": 100.0, "voxel_size": 3.0}, "not a whole number of voxels.*choose size 99"),
        ({"size": -1.0}, "must both be positive"),
        ({"redshift": 30.0}, "redshift 30.0 must lie between 0 and the start, 19"),
        ({"particles": 32}, "fewer than the 64 voxels"),
        ({"particles": 4096}, "needs .* GiB of memory"),
    ],
)
def test_what_cannot_be_simulated_is_refused_at_once(wrong, reason, monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 10**11)
    with pytest.raises(BoxError, match=reason):
        simulate(**{"box_id": "00", "seed": 1, **wrong})


def test_the_estimate_grows_with_the_particles():
    assert estimate(256).memory == pytest.approx(2.1e9, rel=0.1)
    assert estimate(512).seconds > 7 * estimate(256).seconds
