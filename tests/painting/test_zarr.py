import numpy as np
import pytest

from halokeras.boxes.box_file import Header, header_attributes, read_box, write_box
from halokeras.errors import BoxError
from halokeras.painters.model_store import load_painter
from halokeras.painting import paint as painting
from halokeras.painting import partial
from halokeras.painting.inputs import density_of, open_box_density, open_density
from halokeras.painting.paint import paint_file

zarr = pytest.importorskip("zarr")


@pytest.fixture
def saved(tiny_model, monkeypatch):
    monkeypatch.setattr(painting, "LARGEST_TILE", 8)
    monkeypatch.setattr(partial, "_SECONDS_BETWEEN_COMMITS", 0.0)
    return load_painter(tiny_model)


def test_a_zarr_group_holds_what_a_box_file_holds(saved, tiny_box, tmp_path):
    for name in ("box.h5", "box.zarr"):
        paint_file(density_of(tiny_box), saved, "m", tmp_path / name)
    ours, theirs = read_box(tmp_path / "box.zarr"), read_box(tmp_path / "box.h5")
    np.testing.assert_array_equal(ours.counts, theirs.counts)
    assert ours.provenance == theirs.provenance
    assert (ours.voxel_size, ours.redshift, ours.cosmology) == (4.0, 0.3, tiny_box.cosmology)
    assert zarr.open_group(str(tmp_path / "box.zarr"))["counts"].chunks == (8, 8, 8)
    assert sorted(path.name for path in tmp_path.glob("[.b]*")) == ["box.h5", "box.zarr"]


def test_an_interrupted_group_goes_on_and_replaces_an_older_one(saved, tiny_box, tmp_path):
    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    given, target = density_of(tiny_box), tmp_path / "box.zarr"
    paint_file(given, saved, "m", tmp_path / "whole.h5")
    paint_file(given, saved, "m", target)
    with pytest.raises(KeyboardInterrupt):
        paint_file(given, saved, "m", target, stop)
    (tmp_path / ".box.zarr.part" / "box.zarr" / "counts" / "0.cut_off.partial").write_text("half")
    fractions = []
    paint_file(given, saved, "m", target, fractions.append)
    assert 0 < len(fractions) < 4
    np.testing.assert_array_equal(read_box(target).counts, read_box(tmp_path / "whole.h5").counts)
    assert not list(tmp_path.glob(".*"))
    assert not list(target.rglob("*.partial"))


def test_a_density_is_read_from_a_group(saved, tiny_box, tmp_path):
    group = zarr.open_group(str(tmp_path / "d.zarr"), mode="w")
    array = group.create_array("density", shape=(16, 16, 16), chunks=(5, 7, 16), dtype="f4")
    array[...] = tiny_box.density
    with open_density(tmp_path / "d.zarr", "density", 4.0, 0.3) as given:
        np.testing.assert_array_equal(given.sample(), tiny_box.density)
        paint_file(given, saved, "m", tmp_path / "there.h5")
    paint_file(density_of(tiny_box), saved, "m", tmp_path / "here.h5")
    here, there = (read_box(tmp_path / f"{name}.h5").counts for name in ("here", "there"))
    np.testing.assert_array_equal(here, there)


def test_a_box_with_a_density_in_a_group_is_that_box(tiny_box, tmp_path):
    write_box(tiny_box, tmp_path / "box.h5")
    group = zarr.open_group(str(tmp_path / "box.zarr"), mode="w")
    header = Header(4.0, 0.3, tiny_box.cosmology, tiny_box.provenance)
    group.attrs.update(header_attributes(header, (16, 16, 16)))
    for name, values in (
        ("density", tiny_box.density),
        ("halos/position", tiny_box.halos.position),
        ("halos/mass", tiny_box.halos.mass),
    ):
        group.create_array(name, data=values)
    hashes = []
    for name in ("box.h5", "box.zarr"):
        with open_box_density(tmp_path / name) as given:
            hashes.append(given.hash)
    assert hashes[0] == hashes[1]


def test_a_group_that_is_no_box_is_told(tmp_path):
    zarr.open_group(str(tmp_path / "e.zarr"), mode="w").create_array("rho", data=np.ones((2, 2, 2)))
    with pytest.raises(BoxError, match="not a halopaint box"):
        read_box(tmp_path / "e.zarr")
