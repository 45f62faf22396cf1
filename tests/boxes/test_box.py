from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import Box, box_hash, halo_counts
from halokeras.boxes.box_file import (
    box_path,
    find_box,
    find_boxes,
    is_box_id,
    read_box,
    write_box,
)
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError


def a_density(shape=(4, 4, 4)):
    density = np.random.default_rng(1).random(shape, dtype=np.float32) + 0.5
    return density / density.mean()


def a_box(**changes):
    position = np.array([[0, 0, 0], [5, 1, 15.5], [5.5, 2, 15]], dtype=np.float32)
    whole = Box(
        voxel_size=4.0,
        redshift=0.3,
        cosmology=ABACUS_COSMOS["00"],
        density=a_density(),
        halos=Halos(position, np.array([1e12, 1e13, 1e14], dtype=np.float32)),
        provenance={"box_id": "00", "seed": 3, "density_scheme": "2lpt", "particle_mass": 8.7e10},
    )
    return replace(whole, **changes)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "box.h5"
    write_box(a_box(), path)
    return path


def test_a_box_comes_back_from_its_file(written):
    box, back = a_box(), read_box(written)
    np.testing.assert_array_equal(back.density, box.density)
    np.testing.assert_array_equal(back.halos.position, box.halos.position)
    np.testing.assert_array_equal(back.halos.mass, box.halos.mass)
    assert (back.voxel_size, back.redshift, back.cosmology, back.counts) == (
        4.0,
        0.3,
        ABACUS_COSMOS["00"],
        None,
    )
    assert back.provenance == box.provenance
    assert back.box_size == (16.0, 16.0, 16.0)


def test_the_file_states_what_the_format_promises(written):
    with h5py.File(written) as file:
        assert file.attrs["format"] == "halopaint box"
        assert file.attrs["box_size"] == 16.0
        assert file.attrs["sigma8"] == 0.83
        assert file["density"].chunks is not None
        assert file["density"].compression == "gzip"


def test_a_painted_slab_without_cosmology_comes_back(tmp_path):
    counts = np.random.default_rng(2).poisson(0.3, (2, 3, 5)).astype(np.uint16)
    slab = Box(2.0, 0.0, None, counts=counts, provenance={"model": "paper"})
    write_box(slab, tmp_path / "slab.h5")
    back = read_box(tmp_path / "slab.h5")
    assert back.box_size == (4.0, 6.0, 10.0)
    assert back.counts.dtype == np.uint16
    np.testing.assert_array_equal(halo_counts(back), counts)


def test_a_box_without_halos_in_its_catalogue_comes_back(tmp_path):
    none = Halos(np.empty((0, 3), np.float32), np.empty(0, np.float32))
    write_box(a_box(halos=none), tmp_path / "box.h5")
    assert not halo_counts(read_box(tmp_path / "box.h5")).any()


def test_counts_are_cut_by_mass_from_below_inclusively():
    box = a_box()
    assert halo_counts(box).sum() == 3
    assert halo_counts(box)[1, 0, 3] == 2
    assert halo_counts(box, mass_min=1e13).sum() == 2
    assert halo_counts(box, mass_min=1e13, mass_max=1e14).sum() == 1


def test_a_selection_from_bare_counts_is_refused():
    box = a_box(halos=None, counts=np.ones((4, 4, 4), np.float32))
    with pytest.raises(BoxError, match="no halo masses"):
        halo_counts(box, mass_min=1e12)
    with pytest.raises(BoxError, match="no halos and no counts"):
        halo_counts(a_box(halos=None))


BROKEN = {
    "NaN": (
        {"density": np.where(np.arange(64).reshape(4, 4, 4) == 5, np.nan, a_density())},
        "density holds NaN",
    ),
    "overdensity": ({"density": a_density() - 1}, "density is negative"),
    "mean": ({"density": 3 * a_density()}, "mean density is 3 instead of 1"),
    "flat": ({"density": np.ones((4, 4), np.float32)}, r"3D grid, not of shape \(4, 4\)"),
    "other counts": ({"counts": np.ones((4, 4, 5), np.float32)}, "same voxels"),
    "nothing": ({"density": None}, "neither density nor counts"),
    "list": ({"density": [[[1.0]]]}, "density is no numpy array"),
    "text": ({"voxel_size": "4"}, "voxel_size '4' is no number"),
    "id": ({"cosmology": "00"}, "cosmology '00' is no Cosmology"),
    "nothing told": ({"provenance": {"note": None}}, "provenance note is None"),
    "voxel": ({"voxel_size": 0.0}, "voxel_size must be positive"),
    "redshift": ({"redshift": -1.0}, "redshift must be a number of 0 or more"),
    "outside": (
        {"halos": Halos(np.full((2, 3), 16.0, np.float32), np.ones(2, np.float32))},
        r"2 of halos/position lie outside \[0, box_size\)",
    ),
    "negative place": (
        {"halos": Halos(np.full((1, 3), -1e-3, np.float32), np.ones(1, np.float32))},
        "lie outside",
    ),
    "lost": (
        {"halos": Halos(np.full((1, 3), np.nan, np.float32), np.ones(1, np.float32))},
        "halos/position holds NaN",
    ),
    "massless": (
        {"halos": Halos(np.ones((1, 3), np.float32), np.zeros(1, np.float32))},
        "halos/mass must be positive",
    ),
    "unpaired": (
        {"halos": Halos(np.ones((2, 3), np.float32), np.ones(3, np.float32))},
        "do not match",
    ),
    "reserved": ({"provenance": {"redshift": 2.0}}, "provenance may not name"),
}


@pytest.mark.parametrize("changes, reason", BROKEN.values(), ids=BROKEN)
def test_a_broken_box_is_not_written(changes, reason, tmp_path):
    with pytest.raises(BoxError, match=reason):
        write_box(a_box(**changes), tmp_path / "box.h5")
    assert not list(tmp_path.iterdir())


def replace_dataset(file, name, **dataset):
    del file[name]
    file.create_dataset(name, **dataset)


def link_elsewhere(file):
    del file["density"]
    file["density"] = h5py.ExternalLink("other.h5", "/density")


def link_within(file):
    file.move("density", "hidden")
    file["density"] = h5py.SoftLink("/hidden")


def virtual(file):
    layout = h5py.VirtualLayout((4, 4, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "density", (4, 4, 4))
    del file["density"]
    file.create_virtual_dataset("density", layout)


def halos_is_a_dataset(file):
    del file["halos"]
    file["halos"] = np.ones(3)


TAMPERED = {
    "not ours": (lambda f: f.attrs.pop("format"), "not a halopaint box"),
    "newer": (lambda f: f.attrs.__setitem__("format_version", 3), "update halopaint"),
    "no voxel": (lambda f: f.attrs.pop("voxel_size"), "voxel_size is missing"),
    "half a cosmology": (lambda f: f.attrs.pop("n_s"), "n_s is missing"),
    "odd cosmology": (
        lambda f: f.attrs.__setitem__("H0", 0.7),
        "H0 is 0.7 and must lie between 20 and 200",
    ),
    "other size": (lambda f: f.attrs.__setitem__("box_size", 20.0), "box_size 20.0 is not shape"),
    "odd attribute": (
        lambda f: f.attrs.__setitem__("note", h5py.Empty("f4")),
        "note is neither text nor number",
    ),
    "negative": (lambda f: f["density"].__setitem__((0, 0, 0), -1), "density is negative"),
    "no masses any more": (lambda f: f.__delitem__("halos/mass"), "halos/mass is missing"),
    "no positions": (lambda f: f.__delitem__("halos/position"), "has halos/mass and no halos/pos"),
    "external link": (link_elsewhere, "density is a link"),
    "soft link": (link_within, "density is a link"),
    "virtual": (virtual, "density is virtual: its values are in other files"),
    "group as dataset": (halos_is_a_dataset, "its group is a dataset"),
    "objects": (
        lambda f: replace_dataset(f, "density", shape=(2,), dtype=h5py.string_dtype()),
        "must hold real numbers",
    ),
    "absurd": (
        lambda f: (
            replace_dataset(f, "density", shape=(100_000,) * 3, dtype="f4", chunks=(10, 10, 10)),
            f.attrs.modify("box_size", 400_000.0),
            f.attrs.modify("format_version", 1),
        ),
        "promised as .* bytes",
    ),
}


@pytest.mark.parametrize("tamper, reason", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_file_is_refused_by_name(tamper, reason, written):
    with h5py.File(written, "r+") as file:
        tamper(file)
    with pytest.raises(BoxError, match=reason) as refusal:
        read_box(written)
    assert str(written) in str(refusal.value)


def test_a_missing_truncated_or_foreign_file_is_refused(written, tmp_path):
    with pytest.raises(BoxError, match="does not exist"):
        read_box(tmp_path / "none.h5")
    whole = written.read_bytes()
    for part in (whole[:100], whole[: len(whole) // 2], b"x,y,z\n1,2,3\n", b""):
        written.write_bytes(part)
        with pytest.raises(BoxError, match=r"box file .*box\.h5 (cannot be read|is damaged)"):
            read_box(written)


def test_the_hash_knows_the_data_and_not_the_packing(written, tmp_path):
    box = read_box(written)
    assert box_hash(box) == box_hash(a_box())
    unpacked = tmp_path / "unpacked.h5"
    with h5py.File(written) as file, h5py.File(unpacked, "w") as copy:
        copy.attrs.update(file.attrs)
        for name in ("density", "halos/position", "halos/mass"):
            copy[name] = file[name][()]
    assert box_hash(read_box(unpacked)) == box_hash(box)
    assert box_hash(a_box(provenance={**box.provenance, "software": "x"})) == box_hash(box)
    for other in (
        a_box(redshift=0.5),
        a_box(density=a_density()[::-1].copy()),
        a_box(halos=Halos(box.halos.position, box.halos.mass * 2)),
        a_box(halos=None),
        a_box(cosmology=ABACUS_COSMOS["01"]),
        a_box(provenance={**box.provenance, "density_scheme": "zeldovich"}),
    ):
        assert box_hash(other) != box_hash(box)


def test_a_box_is_found_by_id_and_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (900_010, 900_009):
        write_box(a_box(), tmp_path / "boxes" / f"box01_seed{seed}.h5")
    assert find_box("01", 900_009).name == "box01_seed900009.h5"
    assert read_box(find_box("01", 900_010)).shape == (4, 4, 4)
    assert find_box("01").name == "box01_seed900010.h5"


def test_a_name_is_a_path_where_it_has_an_ending_or_is_there_and_no_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("00", "mine"):
        (tmp_path / name).touch()
    assert box_path("00") == find_box("00")  # which no file of that name hides
    for name in ("mine", "00.h5", "./00"):
        assert not is_box_id(name) and box_path(name) == Path(name)
    with pytest.raises(BoxError, match="box id 'yours' is unknown"):
        box_path("yours")


def test_a_box_that_is_not_there_names_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BoxError, match="`halopaint simulate --box 00 --seed 987654`"):
        find_box("00", 987654)
    with pytest.raises(BoxError, match=r"'\.\./00' is unknown"):
        find_box("../00")


def test_what_ships_is_found_from_a_folder_that_is_closed_to_the_user(monkeypatch):
    stat = Path.stat

    def closed(path, **options):
        if not path.is_absolute():
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", closed)
    found = find_box("00")
    assert found.is_absolute()
    assert "boxes" in found.parts
    assert found in find_boxes("00")


def test_every_realisation_of_a_cosmology_is_found_by_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boxes").mkdir()
    write_box(a_box(), tmp_path / "boxes" / "box00_seed7.h5")
    names = [path.name for path in find_boxes("00")]
    assert "box00_seed7.h5" in names
    assert "box00_seed100.h5" in names
    assert names.index("box00_seed7.h5") < names.index("box00_seed100.h5")
    with pytest.raises(BoxError, match="simulate --box 02"):
        find_boxes("02")


def test_a_box_and_its_halos_are_told_in_a_line(tiny_box):
    box = replace(tiny_box, provenance={"box_id": "00", "seed": 7})
    assert repr(box) == (
        "<Box: 00, seed 7, density on 16x16x16 voxels, of 4 Mpc/h (64 x 64 x 64 Mpc/h), "
        f"redshift 0.3, {len(box.halos):,} halos>"
    )
    assert repr(box.halos).startswith(f"<Halos: {len(box.halos):,} with position")
    bare = replace(box, density=None, halos=None, provenance={})
    assert repr(bare) == "<Box: of 4 Mpc/h, redshift 0.3>"
