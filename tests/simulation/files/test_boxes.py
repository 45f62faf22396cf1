import shutil
from types import SimpleNamespace

import pytest

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import OutputError
from halokeras.listener import Listener
from halokeras.simulation.files.boxes import simulate_files
from halokeras.simulation.simulate import Simulation, lattice_warning
from halokeras.simulation.suites.make import make_suite
from halokeras.simulation.suites.params import SuiteParams

PLANCK = box_cosmology("00")


@pytest.mark.parametrize(
    ("particles", "better"), [(256, None), (128, None), (64, 128), (80, 128), (160, 192)]
)
def test_a_lattice_that_shows_in_the_density_is_told_with_one_that_does_not(particles, better):
    said = lattice_warning(Simulation(PLANCK, particles=particles))
    assert (said is None) if better is None else f"choose particles of {better}," in said


def test_who_simulates_hears_of_the_lattice_once(tmp_path):
    warned = []
    listener = Listener(warn=warned.append)
    wanted = Simulation(PLANCK, size=16.0, particles=6)
    simulate_files(wanted, {0.3: tmp_path / "box.h5"}, listener)
    (said,) = warned
    assert said.startswith("particles 6 a side are 1.5 along the side of a voxel")
    simulate_files(Simulation(PLANCK, size=16.0, particles=8), {0.3: tmp_path / "b.h5"}, listener)
    assert len(warned) == 1


def test_the_disk_of_the_checkpoint_is_told_and_too_little_refused(tmp_path, monkeypatch):
    told = []
    listener = Listener(announce=lambda what, message: told.append(message))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**29))
    wanted = Simulation(PLANCK, particles=256)
    with pytest.raises(OutputError, match=r"256\^3 particles needs 768\.0 MiB of disk in"):
        simulate_files(wanted, {0.3: tmp_path / "box.h5"}, listener)
    assert "2.0 GiB of memory, 768.0 MiB of disk meanwhile and" in told[0]
    assert not any(tmp_path.iterdir())


def test_who_makes_a_suite_hears_of_the_lattice_once(tmp_path):
    fiducial = {"H0": 70.0, "omega_b": 0.05, "sigma8": 0.9, "n_s": 0.96}
    design = {"kind": "sobol", "members": 2, "scramble_seed": 1, "fiducial": fiducial}
    planned = SuiteParams.model_validate(
        {
            "design": {**design, "ranges": {"omega_m": (0.2, 0.4)}},
            "first_seed": 5,
            "redshifts": (0.3,),
            "size": 16.0,
            "particles": 6,
        }
    )
    warned = []
    for _ in range(2):  # the second time there is nothing to make
        make_suite(planned, tmp_path / "suite", Listener(warn=warned.append))
    assert len(warned) == 1
