import numpy as np
import pytest

from halokeras.boxes.box_file import Header, header_attributes, read_box, write_box
from halokeras.errors import BoxError, OutputError
from halokeras.painters.model_store import load_painter
from halokeras.painting.expected import paint as painting
from halokeras.painting.expected import partial
from halokeras.painting.expected.paint import paint_file
from halokeras.painting.expected.tile_painter import TilePainter
from halokeras.painting.expected.written_rows import write_row
from halokeras.painting.inputs.density import density_of, open_box_density, open_density
from halokeras.painting.tiles import joined

zarr = pytest.importorskip("zarr")


@pytest.fixture
def saved(tiny_model, monkeypatch):
    monkeypatch.setattr(painting, "LARGEST_TILE", 8)
    monkeypatch.setattr(partial, "_SECONDS_BETWEEN_COMMITS", 0.0)
    return load_painter(tiny_model)


def stop(fraction):
    """Break off in the middle of a painting."""
    if fraction > 0.5:
        raise KeyboardInterrupt


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


class Beside:
    """Workers of this process: what they are sent and tell is what a cluster's are."""

    def __init__(self, saved, grid):
        self.saved, self.grid, self.rows = saved, grid, []

    def write_rows(self, job, missing, fill, parts):
        painter = TilePainter(self.saved.painter, job.tile, job.conditions)
        for number in missing:
            row = job.rows[number]
            place, counts = joined(painter.paint_row(self.grid, row), row, job.shape)
            filled = zip(parts, fill(self.saved, place, counts), strict=True)
            self.rows.append(number)
            yield [write_row(part, number, place, arrays) for part, arrays in filled]


def test_rows_whose_notes_are_damaged_are_written_again(saved, tiny_box, tmp_path):
    given, target = density_of(tiny_box), tmp_path / "box.zarr"
    paint_file(given, saved, "m", tmp_path / "whole.zarr")
    with pytest.raises(KeyboardInterrupt):
        paint_file(given, saved, "m", target, stop, Beside(saved, given.grid))
    notes = sorted((tmp_path / ".box.zarr.part" / "rows").iterdir())
    assert len(notes) == 3
    notes[1].write_text('{"sums": {"counts": "00"}, "halos": 1}')
    again, means = Beside(saved, given.grid), []
    paint_file(
        given,
        saved,
        "m",
        target,
        workers=again,
        when_filled=lambda made: means.append(made[0].mean()),
    )
    assert again.rows == [1, 3]
    whole = read_box(tmp_path / "whole.zarr").counts
    np.testing.assert_array_equal(read_box(target).counts, whole)
    assert means == [pytest.approx(whole.mean(), rel=1e-6)]
    assert not list(tmp_path.glob(".*"))


def test_a_group_that_is_not_all_seen_here_is_refused_until_it_is(saved, tiny_box, tmp_path):
    given, target = density_of(tiny_box), tmp_path / "box.zarr"
    chunk = tmp_path / ".box.zarr.part" / "box.zarr" / "counts" / "c" / "1" / "0" / "1"

    def unseen(made):
        chunk.rename(tmp_path / "aside")
        made[0].check_seen()

    with pytest.raises(OutputError, match="seen here yet; run the same command"):
        paint_file(given, saved, "m", target, workers=Beside(saved, given.grid), when_filled=unseen)
    (tmp_path / "aside").rename(chunk)
    again = Beside(saved, given.grid)
    paint_file(
        given, saved, "m", target, workers=again, when_filled=lambda made: made[0].check_seen()
    )
    assert again.rows == [] and read_box(target).counts.any()
