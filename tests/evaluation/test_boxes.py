from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import box_hash, halo_counts
from halokeras.boxes.box_file import find_boxes, read_box, write_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError, ModelError
from halokeras.evaluation.boxes import (
    alike,
    check_reference,
    lacks_light_halos,
    misfit,
    painted_counts,
    unseen_boxes,
)
from halokeras.painters.model_store import load_painter
from halokeras.painters.provenance import read_provenance
from halokeras.params import Selection
from halokeras.resources import shipped


def test_realisations_that_trained_or_validated_are_left_out():
    saved = load_painter(shipped("saved_models") / "gen")
    told = saved.provenance
    seen = {*told.training_boxes, *told.model_extra["validation_boxes"]}
    names = {f"{name}.h5" for name in unseen_boxes("00", saved, "gen", allow_training=False)}
    assert {f"box00_seed{seed}.h5" for seed in (100, 101, 102, 103)} <= names
    assert not seen & names
    everything = {f"{name}.h5" for name in unseen_boxes("00", saved, "gen", allow_training=True)}
    assert everything == {path.name for path in find_boxes("00")} >= seen


def test_a_file_that_trained_is_refused_whatever_its_name(tiny_box, tiny_model, tmp_path):
    write_box(tiny_box, tmp_path / "renamed.h5")
    saved = load_painter(tiny_model)
    with pytest.raises(ModelError, match="which proves nothing"):
        unseen_boxes(str(tmp_path / "renamed.h5"), saved, "tiny", allow_training=False)


def test_a_box_that_ships_is_found_by_the_name_of_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved = load_painter(shipped("saved_models") / "gen")
    found = unseen_boxes("box00_seed100.h5", saved, "gen", allow_training=False)
    assert list(found) == ["box00_seed100"]
    with pytest.raises(BoxError, match="does not exist"):
        unseen_boxes("other/box00_seed100.h5", saved, "gen", allow_training=False)


def test_boxes_of_another_kind_are_left_out_and_told(two_boxes):
    one = two_boxes["one"]
    corner = np.s_[:8, :8, :8]
    small = replace(one, density=one.density[corner] / one.density[corner].mean(), halos=None)
    other = replace(one, cosmology=ABACUS_COSMOS["03"])
    kept, told = alike({"small": small, **two_boxes, "other": other})
    assert list(kept) == ["one", "two"]
    assert len(told) == 2
    assert "small is left out: it is 8 x 8 x 8 voxels" in told[0]
    assert "one is 16 x 16 x 16 voxels" in told[0]
    assert "omega_m 0.344171" in told[1]


def test_of_two_boxes_that_differ_the_larger_is_scored(tiny_box):
    corner = np.s_[:8, :8, :8]
    small = replace(tiny_box, density=tiny_box.density[corner], halos=None)
    for boxes in ({"a": small, "b": tiny_box}, {"b": tiny_box, "a": small}):
        assert list(alike(boxes)[0]) == ["b"]


@pytest.fixture
def learned(tiny_provenance):
    """What a painter says that learned some selection of halos."""

    def learned(told=(), **selection):
        fields = {**tiny_provenance, **dict(told), "selection": selection}
        return read_provenance(fields, "a painter")

    return learned


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -2, 0), (8, 8, 8)])
def test_refuses_halos_that_lie_off_the_density(tiny_box, learned, shift):
    counts = np.roll(halo_counts(tiny_box), shift, axis=(0, 1, 2))
    with pytest.raises(BoxError, match=r"box here: .* voxels from the density"):
        check_reference(replace(tiny_box, halos=None, counts=counts), "here", learned())


def test_refuses_a_reference_without_density_or_halos(tiny_box, learned):
    counts = halo_counts(tiny_box)
    for box, least, told in (
        (replace(tiny_box, density=None, counts=counts), 0, "no density"),
        (replace(tiny_box, halos=None), 0, "no halos"),
        (tiny_box, 1e16, "lower the least mass, mass_min"),
    ):
        with pytest.raises(BoxError, match=told):
            check_reference(box, "here", learned(mass_min=least))


def test_refuses_masses_of_another_definition(tiny_box, learned):
    virial = replace(tiny_box, provenance={"mass_definition": "virial"})
    friends = replace(tiny_box, provenance={"mass_definition": "fof"})
    trained = learned(told={"mass_definition": "fof"}, mass_min=2e12)
    check_reference(friends, "here", trained)
    with pytest.raises(BoxError, match=r"box here: its masses are defined as virial and .* fof"):
        check_reference(virial, "here", trained)
    check_reference(virial, "here", learned(told={"mass_definition": "fof"}))  # all are counted
    asked = learned(mass_min=2e12, mass_definition="virial")
    check_reference(virial, "here", asked)
    with pytest.raises(BoxError, match=r"box here: the halos have no masses of .* virial"):
        check_reference(friends, "here", asked)


@pytest.fixture
def painted(tiny_box, tiny_model, paint_box):
    return paint_box(tiny_box, load_painter(tiny_model), "tiny")


def read(box, reference, model, tmp_path):
    write_box(box, tmp_path / "p.h5")
    boxes = {"box03": reference}
    found = read_box(tmp_path / "p.h5")
    return painted_counts(found, "p.h5", boxes, load_painter(model))[1]


def test_what_was_painted_on_the_box_or_on_its_density_alone_belongs(
    tiny_box, tiny_model, painted, paint_box, tmp_path
):
    saved = load_painter(tiny_model)
    np.testing.assert_array_equal(read(painted, tiny_box, tiny_model, tmp_path), painted.counts)
    alone = paint_box(replace(tiny_box, halos=None), saved, "tiny")
    assert alone.provenance["source_box_hash"] != painted.provenance["source_box_hash"]
    np.testing.assert_array_equal(read(alone, tiny_box, tiny_model, tmp_path), painted.counts)


def test_of_several_boxes_the_one_that_was_painted_on_is_taken(two_boxes, tiny_model, painted):
    saved = load_painter(tiny_model)
    for names in (("one", "two"), ("two", "one")):
        boxes = {name: two_boxes[name] for name in names}
        assert painted_counts(painted, "p.h5", boxes, saved)[0] == "one"


def test_what_was_painted_on_another_cosmology_is_refused_with_both_values(
    tiny_box, tiny_model, painted, tmp_path
):
    other = replace(tiny_box, cosmology=ABACUS_COSMOS["03"])
    told = r"p.h5 was painted on another cosmology than box03's: H0 67.26 and not 64.26"
    with pytest.raises(BoxError, match=told):
        read(painted, other, tiny_model, tmp_path)


def test_what_was_painted_on_another_density_is_refused_with_both_hashes(
    tiny_box, tiny_model, painted, tmp_path
):
    density = tiny_box.density.copy()
    density[0, 0, 0] *= 1.001
    other = replace(tiny_box, density=density)
    told = f"{box_hash(tiny_box)[:12]}.* and box03 has {box_hash(other)[:12]}.*; paint the density"
    with pytest.raises(BoxError, match=told):
        read(painted, other, tiny_model, tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"counts": np.ones((16, 16, 15), np.float32)}, "shape"),
        ({"voxel_size": 4.1}, "voxel_size 4.1 and box03 4"),
        ({"redshift": 0.5}, "redshift 0.5 and box03 0.3"),
        ({"counts": np.zeros((16, 16, 16), np.float32)}, "all zero"),
        ({"counts": None, "density": np.ones((16, 16, 16), np.float32)}, "no counts"),
        ({"provenance": {"model_hash": "another"}}, "another painter"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_boxes_that_cannot_be_compared(
    tiny_box, tiny_model, painted, tmp_path, changes, told
):
    with pytest.raises((BoxError, ModelError), match=told):
        read(replace(painted, **changes), tiny_box, tiny_model, tmp_path)


def test_painters_that_learned_something_else_do_not_fit(tiny_model):
    saved = load_painter(tiny_model)
    assert misfit(saved, saved) == ""
    for name, value, told in (
        ("voxel_size", 2.0, "voxel_size 2 Mpc/h, this painter 4 Mpc/h"),
        ("redshift", 0.5, "redshift 0.5, this painter 0.3"),
        ("selection", Selection(mass_min=8.72e10), "of 8.72 × 10¹⁰ Msun/h and more"),
        ("density_scheme", "zeldovich", "zeldovich densities, this painter 2lpt"),
    ):
        other = replace(saved, provenance=saved.provenance.model_copy(update={name: value}))
        assert told in misfit(saved, other)


def test_a_box_of_heavier_particles_than_those_learned_is_told(tiny_box, tiny_model):
    saved = load_painter(tiny_model)
    least = saved.provenance.selection.mass_min
    halos = tiny_box.halos
    mass = np.geomspace(least, 100 * least, len(halos.mass)).astype(np.float32)
    same, coarse = (
        replace(tiny_box, halos=replace(halos, mass=factor * mass)) for factor in (1.0, 8.0)
    )
    assert lacks_light_halos(same, "box", saved) == ""
    told = lacks_light_halos(coarse, "box", saved)
    assert f"box begin at {8 * least:.2g} Msun/h" in told and "--mass-min" in told
    some = np.where(np.arange(len(mass)) % 9 == 4, 0, 8 * mass)  # no sphere of the definition
    lacking = replace(coarse, halos=replace(halos, mass=some.astype(np.float32)))
    assert lacks_light_halos(lacking, "box", saved) == told
    few = replace(coarse, halos=Halos(position=halos.position[:3], mass=8 * mass[:3]))
    assert lacks_light_halos(few, "box", saved) == ""
    assert lacks_light_halos(replace(coarse, halos=None), "box", saved) == ""
