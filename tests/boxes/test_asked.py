"""A box that is found by id and seed is what was asked for in all else too."""

import re
from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.asked import AskedBox, OtherBoxError, asked_for, differences, find_asked
from halokeras.boxes.box import Box
from halokeras.boxes.box_file import Header, header_attributes, read_box, write_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import CRITICAL_DENSITY, box_cosmology
from halokeras.errors import BoxError, RunError
from halokeras.params import BoxName, BoxParams, Params
from halokeras.resources import shipped
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store
from halokeras.training.data import load_data

ASKED = AskedBox("00", 900, 32.0, 0.5, 16)


def box_as(asked, **provenance):
    cosmology = box_cosmology(asked.id)
    mass = CRITICAL_DENSITY * cosmology.omega_m * (asked.size / asked.particles) ** 3
    voxels = round(asked.size / 4)
    return Box(
        voxel_size=4.0,
        redshift=asked.redshift,
        cosmology=cosmology,
        density=np.ones((voxels,) * 3, np.float32),
        halos=Halos(position=np.ones((1, 3), np.float32)),
        provenance={"box_id": asked.id, "seed": asked.seed, "particle_mass": mass, **provenance},
    )


@pytest.fixture
def boxes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "boxes"


def test_a_box_that_is_as_asked_is_found(boxes):
    assert find_asked(ASKED) is None
    write_box(box_as(ASKED), boxes / "box00_seed900.h5")
    assert find_asked(ASKED).name == "box00_seed900.h5"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(ASKED, redshift=0.3), "redshift 0.3 instead of 0.5"),
        (replace(ASKED, size=64.0), "size 64 instead of 32"),
        (replace(ASKED, particles=32), "particles 32 instead of 16"),
        (replace(ASKED, id="03"), "cosmology H0 64.26 instead of 67.26"),
        (replace(ASKED, seed=7), "seed 7 instead of 900"),
        (replace(ASKED, seed=901), "seed 901 instead of 900"),
    ],
)
def test_a_box_that_is_not_is_refused_with_both_values(boxes, other, told):
    write_box(box_as(other), boxes / "box00_seed900.h5")
    with pytest.raises(OtherBoxError, match=f"box00_seed900.h5 has .*{re.escape(told)}"):
        find_asked(ASKED)


def test_another_beside_it_is_found_by_its_name(boxes):
    write_box(box_as(replace(ASKED, redshift=0.3)), boxes / "box00_seed900.h5")
    write_box(box_as(ASKED), boxes / ASKED.name)
    assert ASKED.name == "box00_seed900_32Mpc_16particles_z0.5.h5"
    assert find_asked(ASKED).name == ASKED.name
    assert find_asked(replace(ASKED, redshift=0.3)).name == "box00_seed900.h5"


def test_a_cosmology_of_ones_own_and_the_voxel_size_are_compared(boxes):
    other = replace(box_cosmology("00"), w0=-0.9)
    write_box(box_as(ASKED), boxes / "box00_seed900.h5")
    with pytest.raises(OtherBoxError, match=r"cosmology w0 -1 instead of -0\.9"):
        find_asked(replace(ASKED, own=other))
    with pytest.raises(OtherBoxError, match="voxel_size 4 instead of 2"):
        find_asked(replace(ASKED, voxel_size=2.0))


def test_a_box_that_was_simulated_here_is_compared_to_rounding(boxes):
    """Its header tells what was asked; others round theirs."""
    near = replace(ASKED, own=replace(box_cosmology("00"), sigma8=0.8304))
    write_box(box_as(ASKED), boxes / "box00_seed900.h5")
    assert find_asked(near) is not None
    write_box(box_as(ASKED, engine="particle mesh"), boxes / "box00_seed900.h5")
    assert find_asked(ASKED) is not None
    with pytest.raises(OtherBoxError, match=r"sigma8 0\.83 instead of 0\.8304"):
        find_asked(near)


def test_the_engine_is_compared_where_it_is_asked(boxes):
    path, engine = boxes / "box00_seed900.h5", {"engine": "particle mesh", "step": 0.024}
    asked = replace(ASKED, engine=engine)
    write_box(box_as(ASKED), path)
    assert differences(path, ASKED) == []
    assert differences(path, asked) == ["no N-body engine"]
    write_box(box_as(ASKED, **{**engine, "step": 0.03}), path)
    assert differences(path, asked) == ["step 0.03 instead of 0.024"]
    write_box(box_as(ASKED, **engine), path)
    assert differences(path, asked) == []


def test_a_box_of_halos_alone_is_told_as_what_it_is(boxes):
    path = boxes / "box00_seed900.h5"
    layouts = {"halos/position": Layout((1, 3), "f4")}
    told = header_attributes(Header(4.0, ASKED.redshift, box_cosmology("00"), {}), (8, 8, 8))
    with new_store(path, told, layouts) as create:
        create("halos/position")[...] = 1
    with pytest.raises(BoxError, match="neither density nor counts"):
        find_asked(ASKED)


def test_what_a_box_does_not_tell_is_not_held_against_it(boxes):
    box = box_as(ASKED)
    write_box(replace(box, cosmology=None, provenance={}), boxes / "box00_seed900.h5")
    assert find_asked(ASKED) is not None


def test_an_unknown_id_is_told(boxes):
    with pytest.raises(BoxError, match="77"):
        find_asked(replace(ASKED, id="77"))


def test_the_shipped_boxes_are_what_their_names_and_the_defaults_say(boxes):
    for path in shipped("boxes").glob("*.h5"):
        box_id, seed = re.fullmatch(r"box(\d+)_seed(\d+)\.h5", path.name).groups()
        assert find_asked(asked_for(BoxName(id=box_id, seed=int(seed)), BoxParams())) == path


def test_params_of_another_redshift_size_and_load_do_not_train_on_a_shipped_box(boxes):
    fields = {"redshift": 0.5, "size": 128.0, "particles": 128}
    with pytest.raises(RunError) as caught:
        load_data(Params.model_validate({"box": fields}))
    for told in ("box00_seed1.h5", "box00_seed50.h5", "redshift 0.3 instead of 0.5"):
        assert told in str(caught.value)
    assert "size 256 instead of 128" in str(caught.value)
    assert "halopaint simulate --params" in str(caught.value)


def test_simulate_makes_what_was_asked_beside_what_was_not(run, tmp_path, monkeypatch):
    def simulate(run, targets, told, names_tell):
        for redshift, target in targets.items():
            asked = AskedBox(run.box_id, run.seed, run.size, redshift, run.particles)
            write_box(box_as(asked), target)
        return list(targets.values())

    monkeypatch.setattr("halokeras.simulation.files.boxes.simulate_files", simulate)
    small = {"size": 32.0, "particles": 32, "redshift": 0.5}
    fields = {"box": {"train": [{"id": "00", "seed": 1}], "validate_on": [], **small}}
    fields["box"]["validate_on"] = [{"id": "00", "seed": 900}]
    (tmp_path / "mine.json").write_text(Params.model_validate(fields).model_dump_json())
    result = run("simulate", "--params", "mine.json")
    assert result.exit_code == 0, result.stderr
    beside = "boxes/box00_seed1_32Mpc_32particles_z0.5.h5"
    assert result.stdout == f"wrote {beside}\nwrote boxes/box00_seed900_z0.5.h5\n"
    assert "redshift 0.3 instead of 0.5" in result.stderr
    assert read_box(tmp_path / beside).redshift == 0.5
    assert "wrote" not in run("simulate", "--params", "mine.json").stdout
