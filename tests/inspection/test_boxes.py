"""A box is told by numbers that numpy gives of its fields, whatever the pieces it is read in."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import box_hash, halo_counts
from halokeras.boxes.box_file import write_box
from halokeras.boxes.halos import Halos
from halokeras.errors import BoxError
from halokeras.fields.slab import project
from halokeras.inspection import fields
from halokeras.inspection.inspect import inspect
from halokeras.storage import grid
from halokeras.storage.checksums import seal


@pytest.fixture
def written(tmp_path):
    def write(box, name="box.h5"):
        write_box(box, tmp_path / name)
        return tmp_path / name

    return write


def painted(box, counts, **provenance):
    told = {**box.provenance, "model": "tiny", "model_hash": "ab" * 32, **provenance}
    return replace(box, density=None, halos=None, counts=counts, provenance=told)


def counts_of(box):
    return halo_counts(box).astype(np.float64)


def test_a_box_is_told_by_the_numbers_of_its_fields(tiny_box, written):
    told = inspect(written(tiny_box)).to_json()
    assert told["kind"] == "box"
    assert told["grid"]["shape"] == [16, 16, 16]
    assert told["grid"]["box_size"] == [64.0, 64.0, 64.0]
    assert told["grid"]["voxel_size"] == 4.0
    assert told["grid"]["redshift"] == 0.3
    assert told["cosmology"]["sigma8"] == 0.83
    density = tiny_box.density.astype(np.float64)
    assert told["density"]["scheme"] == "2lpt"
    for name, value in {
        "mean": density.mean(),
        "minimum": density.min(),
        "maximum": density.max(),
        "variance": density.var(),
    }.items():
        assert told["density"][name] == pytest.approx(value, rel=1e-6)
    counts = counts_of(tiny_box)
    for name, value in {
        "mean": counts.mean(),
        "minimum": counts.min(),
        "maximum": counts.max(),
        "variance": counts.var(),
        "empty_fraction": (counts == 0).mean(),
    }.items():
        assert told["counts"][name] == pytest.approx(value, rel=1e-12)
    assert told["halos"]["number"] == len(tiny_box.halos.mass)
    assert told["halos"]["number_density"] == len(tiny_box.halos.mass) / 64**3
    assert told["halos"]["mass_min"] == tiny_box.halos.mass.min()
    assert told["halos"]["mass_max"] == tiny_box.halos.mass.max()
    assert told["halos"]["halo_finder"] == "fof"
    assert told["provenance"] == {"box_id": "00", "seed": 7, "hash": box_hash(tiny_box)}
    assert told["problems"] == []


def test_every_column_of_the_halos_is_told_by_its_extent(tiny_box, written):
    halos = tiny_box.halos
    rng = np.random.default_rng(2)
    velocity = rng.normal(0, 300, (len(halos), 3)).astype(np.float32)
    moving = replace(halos, mass=None, velocity=velocity, id=2**53 + np.arange(len(halos)))
    box = replace(tiny_box, halos=moving)
    found = inspect(written(box))
    told = found.to_json()["halos"]
    assert (told["velocity_min"], told["velocity_max"]) == (velocity.min(), velocity.max())
    assert (told["id_min"], told["id_max"]) == (2**53, 2**53 + len(halos) - 1)
    assert "mass_min" not in told
    facts = {fact.name: fact for section in found.sections for fact in section.facts}
    assert facts["velocity_max"].unit == "km/s"
    assert found.to_json()["provenance"]["hash"] == box_hash(box)
    assert found.problems == []


def test_the_slices_are_those_that_figures_show(tiny_box, written):
    wanted = project({"density": tiny_box.density, "halos": halo_counts(tiny_box)}, 4.0)
    found = inspect(written(tiny_box)).slab
    assert (found.start, found.depth) == (wanted.start, wanted.depth)
    assert list(found.columns) == ["density", "halos"]
    for name, columns in found.columns.items():
        np.testing.assert_allclose(columns, wanted.columns[name], rtol=1e-12)


def test_the_pieces_that_are_read_do_not_matter(tiny_box, written, monkeypatch):
    path = written(tiny_box)
    whole = inspect(path)
    monkeypatch.setattr(grid, "_SLAB", 300)  # one layer of voxels
    monkeypatch.setattr(fields, "_PIECE", 7)
    done = []
    pieces = inspect(path, done.append)
    assert len(done) > 32
    assert max(done) == 1
    one, other = whole.to_json(), pieces.to_json()
    assert one["counts"] == other["counts"]
    assert one["halos"] == other["halos"]
    assert one["density"]["variance"] == pytest.approx(other["density"]["variance"], rel=1e-12)
    for name in whole.slab.columns:
        np.testing.assert_allclose(pieces.slab.columns[name], whole.slab.columns[name], rtol=1e-12)


def test_a_variance_survives_a_mean_a_million_times_larger():
    values = 1e6 + np.random.default_rng(1).normal(size=(4, 8, 8))
    found, _ = fields.look_at_grid(values, slice(0, 8), lambda fraction: None)
    assert found.variance == pytest.approx(values.var(), rel=1e-9)


def test_painted_means_and_draws_are_told_apart(tiny_box, written):
    means = (0.3 * tiny_box.density).astype(np.float32)
    told = inspect(written(painted(tiny_box, means))).to_json()
    assert told["kind"] == "painted box"
    assert told["counts"]["holds"] == "means"
    assert told["counts"]["empty_fraction"] == (means <= 0.5).mean()
    assert told["provenance"]["model"] == "tiny"
    drawn = counts_of(tiny_box).astype(np.uint16)
    box = painted(tiny_box, drawn, draw_seed=3, draw_realization=0)
    told = inspect(written(box, "drawn.h5")).to_json()
    assert told["kind"] == "drawn box"
    assert told["counts"]["holds"] == "whole halos"
    assert told["counts"]["empty_fraction"] == (drawn == 0).mean()


def test_a_box_of_unequal_sides_without_cosmology_or_halos(tiny_box, written):
    density = tiny_box.density[:8, :, :4]
    density = density / density.mean()
    box = replace(tiny_box, density=density, cosmology=None, halos=Halos(*_no_halos()))
    found = inspect(written(box))
    told = found.to_json()
    assert told["grid"]["box_size"] == [32.0, 64.0, 16.0]
    assert told["cosmology"] is None
    assert told["halos"]["number"] == 0
    assert told["counts"]["maximum"] == 0
    assert told["counts"]["empty_fraction"] == 1
    assert found.slab.columns["halos"].shape == (8, 16)


def _no_halos():
    return np.empty((0, 3), np.float32), np.empty(0, np.float32)


def test_the_report_of_the_preparation_is_kept_apart(tiny_box, written):
    report = "density: 2LPT of 64^3 modes\ncounts: aligned, r = 0.98"
    told = tiny_box.provenance | {"preparation": report}
    found = inspect(written(replace(tiny_box, provenance=told)))
    assert found.preparation == report
    assert found.to_json()["preparation"] == report
    assert "preparation" not in found.to_json()["provenance"]


def broken(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return inspect(path)


def shift(file):
    file["density"][...] = file["density"][...] - 1


def spoil(file):
    file["density"][0, 0, 0] = np.nan


def leave(file):
    file["halos/position"][0] = -3.0


def blur(file):
    file["halos/velocity"] = np.full(file["halos/position"].shape, np.nan, np.float32)


def shorten(file):
    del file["halos/mass"]
    file["halos/mass"] = np.ones(3, np.float32)


def rewind(file):
    file.attrs["redshift"] = -1.0
    seal(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shift, "density is negative"),
        (spoil, "density holds NaN"),
        (leave, "halos/position lie outside"),
        (shorten, "do not match"),
        (blur, "halos/velocity holds NaN"),
        (rewind, "redshift must be a number of 0 or more"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_with_it(tiny_box, written, change, words):
    found = broken(written(tiny_box), change)
    (problem,) = found.problems
    assert words in problem
    assert str(found.path) in problem
    assert found.to_json()["grid"]["shape"] == [16, 16, 16]


def test_a_value_that_is_not_finite_is_null_in_json(tiny_box, written):
    assert broken(written(tiny_box), spoil).to_json()["density"]["mean"] is None


def test_a_grid_that_promises_more_than_is_stored_is_refused(tiny_box, written):
    def promise(file):
        del file["density"]
        file.create_dataset("density", (20_000,) * 3, "f4", chunks=(64, 64, 64))
        file.attrs["box_size"] = 80_000.0

    with pytest.raises(BoxError, match=r"promised as .* bytes and 0 are stored"):
        broken(written(tiny_box), promise)


def test_a_link_out_of_the_file_is_refused(tiny_box, written):
    def link(file):
        del file["density"]
        file["density"] = h5py.ExternalLink("other.h5", "density")

    with pytest.raises(BoxError, match="density is a link"):
        broken(written(tiny_box), link)


def test_more_halos_than_memory_holds_are_refused(tiny_box, written, monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 1000)
    (problem,) = inspect(written(tiny_box)).problems
    assert "halos/position needs" in problem


def test_a_zarr_group_is_told_as_a_file_is(tiny_box, written, tmp_path):
    zarr = pytest.importorskip("zarr")
    counts = (0.3 * tiny_box.density).astype(np.float32)
    path = written(painted(tiny_box, counts))
    group = zarr.open_group(str(tmp_path / "box.zarr"), mode="w")
    with h5py.File(path) as file:
        group.attrs.update({name: _plain(value) for name, value in file.attrs.items()})
    group.create_array("counts", shape=counts.shape, chunks=(8, 8, 8), dtype="f4")[...] = counts
    one, other = inspect(path).to_json(), inspect(tmp_path / "box.zarr").to_json()
    for name in ("kind", "cosmology", "counts", "provenance"):
        assert one[name] == other[name]
    del group["counts"]
    group.create_array("density", shape=(4096,) * 3, chunks=(64,) * 3, dtype="f4")
    group.attrs["box_size"] = 4 * 4096.0
    with pytest.raises(BoxError, match=r"box\.zarr: density is promised as"):
        inspect(tmp_path / "box.zarr")


def _plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def test_painted_counts_that_are_not_what_their_checksum_says_are_told(tiny_box, written):
    """Values of a painted file have no checksums of chunks."""
    path = written(painted(tiny_box, counts_of(tiny_box).astype(np.float32)))
    assert inspect(path).problems == []
    with h5py.File(path, "r+") as file:
        file["counts"][3, 4, 5] += 1
    (problem,) = inspect(path).problems
    assert "counts is not what its checksum says" in problem
