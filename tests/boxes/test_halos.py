"""Every declared column is written, read, sealed, hashed, checked and selected like the others."""

import json
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import Box, box_arrays, box_hash, halo_counts
from halokeras.boxes.box_file import find_box, read_box, write_box
from halokeras.boxes.halos import COLUMNS, DATASETS, Halos
from halokeras.boxes.masses import select
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.resources import shipped

FURTHER = [name for name in COLUMNS if name not in ("position", "mass")]


def some_halos(count=20, names=tuple(COLUMNS)):
    """Halos whose columns are each another function of the row."""
    rng = np.random.default_rng(4)
    columns = {
        name: (1e4 * rng.random((count, *column.shape))).astype(column.dtype) + 1
        for name, column in COLUMNS.items()
    }
    columns["position"] = rng.uniform(0, 15.9, (count, 3)).astype("f4")
    columns["id"] = 2**53 + np.arange(count)
    return Halos(**{name: columns[name] for name in names})


def a_box(halos):
    density = np.random.default_rng(1).random((4, 4, 4), dtype=np.float32) + 0.5
    return Box(4.0, 0.3, ABACUS_COSMOS["00"], density / density.mean(), halos)


def same(one, other):
    assert one.columns().keys() == other.columns().keys()
    for name, values in one.columns().items():
        np.testing.assert_array_equal(other.columns()[name], values)
        assert other.columns()[name].dtype == COLUMNS[name].dtype


def test_a_field_of_halos_is_a_column_with_a_meaning_and_a_name_of_its_own_in_catalogues():
    assert [field.name for field in fields(Halos)] == list(COLUMNS)
    assert list(COLUMNS)[:2] == ["position", "mass"]  # so that boxes without more keep their hash
    parts = [name for column in COLUMNS.values() for name in column.parts()]
    assert len(set(parts)) == len(parts)
    assert all(column.meaning and column.shape in ((), (3,)) for column in COLUMNS.values())
    velocity = COLUMNS["velocity"].parts()
    assert list(velocity) == ["halo_vx", "halo_vy", "halo_vz"]
    assert velocity["halo_vy"].description == "peculiar vy [km/s]"


@pytest.mark.parametrize("name", FURTHER)
def test_each_column_comes_back_from_its_file_and_is_in_the_hash(tmp_path, name):
    halos = some_halos(names=("position", "mass", name))
    box = a_box(halos)
    write_box(box, tmp_path / "box.h5")
    back = read_box(tmp_path / "box.h5")
    same(halos, back.halos)
    assert box_hash(back) == box_hash(box)
    assert box_hash(a_box(replace(halos, **{name: None}))) != box_hash(box)
    other = halos.columns()[name].copy()
    other[7] += 1
    assert box_hash(a_box(replace(halos, **{name: other}))) != box_hash(box)


@pytest.mark.parametrize("count", [20, 0])
def test_all_columns_come_back_together(tmp_path, count):
    halos = some_halos(count)
    write_box(a_box(halos), tmp_path / "box.h5")
    same(halos, read_box(tmp_path / "box.h5").halos)


def test_columns_of_wider_types_are_stored_in_those_declared(tmp_path):
    halos = some_halos()
    wide = {
        name: values.astype(values.dtype.kind + "8") for name, values in halos.columns().items()
    }
    write_box(a_box(Halos(**wide)), tmp_path / "box.h5")
    same(halos, read_box(tmp_path / "box.h5").halos)
    assert box_hash(a_box(Halos(**wide))) == box_hash(a_box(halos))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_changed_or_missing_column_breaks_the_seal_by_name(tmp_path, name):
    write_box(a_box(some_halos()), tmp_path / "box.h5")
    with h5py.File(tmp_path / "box.h5", "r+") as file:
        file["halos"][name][3] = file["halos"][name][4]
    with pytest.raises(BoxError, match=f"halos/{name} is not what its checksum says"):
        read_box(tmp_path / "box.h5")
    with h5py.File(tmp_path / "box.h5", "r+") as file:
        del file["halos"][name]
    with pytest.raises(BoxError, match=r"no halos/position|halos/\w+ is missing"):
        read_box(tmp_path / "box.h5")


def test_the_hash_of_a_shipped_box_is_the_one_that_its_painter_was_trained_with():
    told = json.loads((shipped("saved_models") / "gen" / "provenance.json").read_text())
    for seed in (1, 6):
        box = read_box(find_box("00", seed))
        told_of = {f"halos/{name}" for name in ("position", "mass", "velocity", "mass_200b")}
        assert {"density"} | told_of <= set(box_arrays(box))
        assert box_hash(box) == told["training_boxes"][f"box00_seed{seed}.h5"]


def test_a_box_of_the_first_version_is_read_with_what_it_has(tmp_path):
    box = a_box(some_halos(names=("position", "mass")))
    write_box(box, tmp_path / "new.h5")
    with h5py.File(tmp_path / "new.h5") as new, h5py.File(tmp_path / "old.h5", "w") as old:
        old.attrs.update({name: value for name, value in new.attrs.items() if name != "checksums"})
        old.attrs["format_version"] = 1
        for name in ("density", "halos/position", "halos/mass"):
            old[name] = new[name][()]
    same(box.halos, read_box(tmp_path / "old.h5").halos)


@pytest.mark.parametrize("name", COLUMNS)
def test_values_that_a_column_may_not_have_are_refused_by_its_name(tmp_path, name):
    halos = some_halos()
    spoiled = halos.columns()[name].astype("f8")
    spoiled[5] = np.nan
    with pytest.raises(BoxError, match=f"halos/{name} .*(NaN|finite)"):
        write_box(a_box(replace(halos, **{name: spoiled})), tmp_path / "box.h5")
    with pytest.raises(BoxError, match=f"halos/{name} .* do not match"):
        short = replace(halos, **{name: halos.columns()[name][:, None]})
        write_box(a_box(short), tmp_path / "box.h5")
    assert not list(tmp_path.iterdir())


def test_masses_may_be_0_where_no_sphere_is_found_but_not_less():
    halos = some_halos()
    assert COLUMNS["mass_200c"].fits(0 * halos.mass_200c)
    assert not COLUMNS["mass_200c"].fits(-halos.mass_200c)
    assert not COLUMNS["mass"].fits(0 * halos.mass)


def test_a_selection_keeps_the_rows_together():
    halos = some_halos()
    middle = float(np.median(halos.mass))
    heavy = select(halos, middle)
    assert 0 < len(heavy) < len(halos)
    rows = heavy.id - 2**53
    np.testing.assert_array_equal(rows, np.flatnonzero(halos.mass >= middle))
    for name, values in halos.columns().items():
        np.testing.assert_array_equal(heavy.columns()[name], values[rows])
    light = select(halos, 0.0, middle)
    assert sorted([*heavy.id, *light.id]) == sorted(halos.id)
    same(halos[::2], halos[np.arange(0, 20, 2)])


def test_halos_without_masses_are_counted_but_not_selected(tmp_path):
    box = a_box(some_halos(names=("position", "velocity")))
    write_box(box, tmp_path / "box.h5")
    back = read_box(tmp_path / "box.h5")
    assert back.halos.mass is None
    assert halo_counts(back).sum() == 20
    for selection in ((1e12, None), (0.0, 1e14)):
        with pytest.raises(BoxError, match="no masses, so mass_min and mass_max cannot be applied"):
            halo_counts(back, *selection)


def test_the_names_of_datasets_are_those_of_the_columns():
    assert list(DATASETS) == [f"halos/{name}" for name in COLUMNS]


def test_the_documentation_tells_every_column_with_its_unit():
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    told = {
        name.strip("` "): unit.strip() for names, unit in rows[::-1] for name in names.split(",")
    }
    assert {name: column.unit for name, column in COLUMNS.items()}.items() <= told.items()
