from dataclasses import replace

import h5py
import numpy as np
import pytest

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import OutputError
from halokeras.listener import Listener
from halokeras.simulation.files.densities import make_wanted_density
from halokeras.simulation.lpt.box import LptBox

WANTED = LptBox(box_cosmology("00"), 7, (8, 8, 8))


@pytest.fixture
def made(tmp_path):
    target = tmp_path / "d.h5"
    assert make_wanted_density(WANTED, target, Listener()) == [target]
    return target


def test_the_same_density_is_found_and_not_made_again(made):
    before, told = made.stat(), []
    listener = Listener(announce=lambda what, message: told.append((what, message)))
    assert make_wanted_density(WANTED, made, listener) == []
    assert told == [("Found", str(made))]
    assert made.stat().st_mtime_ns == before.st_mtime_ns
    assert make_wanted_density(WANTED, made, listener, overwrite=True) == [made]


def test_what_a_dead_process_left_beside_a_found_density_is_removed(made):
    (made.parent / ".d.h5.abcdefgh.halopaint").mkdir()
    assert make_wanted_density(WANTED, made, Listener()) == []
    assert [path.name for path in made.parent.iterdir()] == ["d.h5"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seed": 8}, "seed 7 instead of 8"),
        ({"voxels": (8, 8, 4)}, "voxels 8x8x8 instead of 8x8x4"),
        ({"voxel_size": 2.0}, "voxel_size 4 instead of 2"),
        ({"redshift": 1.0, "seed": 8}, "seed 7 instead of 8, redshift 0.3 instead of 1"),
        ({"cosmology": box_cosmology("03")}, "cosmology H0 "),
        ({"velocity": True}, "no velocity"),
        (
            {"initial_modes": lambda points: np.zeros(points)},
            "initial modes of its seed instead of those of a file",
        ),
    ],
)
def test_another_density_is_refused_by_what_differs(made, changed, told):
    before = made.read_bytes()
    with pytest.raises(OutputError, match=f"d.h5 is there and has .*{told}.*--overwrite"):
        make_wanted_density(replace(WANTED, **changed), made, Listener())
    assert made.read_bytes() == before


def flip(path):
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        chunk = file["density"].id.get_chunk_info(0)
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)


def test_a_density_that_tells_that_it_is_wanted_and_is_damaged_is_made_again(made):
    before, warned = made.read_bytes(), []
    flip(made)
    with pytest.raises(OutputError, match=r"d.h5 is there and has seed 7 instead of 8"):
        make_wanted_density(replace(WANTED, seed=8), made, Listener())
    assert make_wanted_density(WANTED, made, Listener(warn=warned.append)) == [made]
    assert warned == [f"{made} is damaged, and is made again"]
    assert made.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "text"])
def test_what_does_not_tell_that_it_is_the_density_is_refused(made, damage):
    made.write_bytes(made.read_bytes()[:2000] if damage == "cut" else b"notes")
    before = made.read_bytes()
    with pytest.raises(OutputError, match=r"d.h5 is there, but no whole box .*--overwrite"):
        make_wanted_density(WANTED, made, Listener())
    assert made.read_bytes() == before
