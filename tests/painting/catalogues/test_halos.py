import functools
import importlib.util
import json
import sys

import h5py
import numpy as np
import pytest
from scipy.spatial import cKDTree

from halokeras.boxes.box_file import open_box_file, read_box, write_box
from halokeras.errors import BoxError, OutputError
from halokeras.fields.gridding import count
from halokeras.painters.model_store import load_painter
from halokeras.painting.catalogues.halos import finer_by, halos, listed
from halokeras.painting.catalogues.places import Matter
from halokeras.painting.draws.counts import draw_files
from halokeras.painting.inputs.density import density_of, open_box_density
from halokeras.sections import Selection
from halokeras.storage import checksums

BIGFILE = pytest.param(
    "bigfile",
    marks=[
        pytest.mark.skipif(
            importlib.util.find_spec("bigfile") is None, reason="bigfile is not installed"
        ),
        # The bigfile package reads text attributes through an alias that NumPy deprecates.
        pytest.mark.filterwarnings("ignore:Data type alias:DeprecationWarning"),
    ],
)
FORMATS = ["hdf5", "fits", "ecsv", "parquet", BIGFILE]


def counts_of(shape, mean=1.5, seed=2):
    return np.random.default_rng(seed).poisson(mean, shape).astype(np.uint16)


def whole(pieces):
    pieces = list(pieces)
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def write_catalogue(drawn, target, *words, **options):
    with (
        open_box_file(drawn) as (header, fields),
        listed(header, fields["counts"], target, *words, **options),
    ):
        pass


def positions(columns):
    return np.stack([columns[f"halo_{axis}"] for axis in "xyz"], axis=1)


@pytest.mark.parametrize(
    ("shape", "voxel_size"),
    [
        ((8, 8, 8), 4.0),
        ((3, 17, 5), 3.9),
        ((4, 5, 900), 1 / 3),
        ((2, 3, 2000), 0.1),
        ((1, 1, 1), 7),
    ],
)
def test_halos_are_counted_in_the_voxels_they_were_drawn_in(shape, voxel_size):
    counts = counts_of(shape)
    position = positions(whole(halos(counts, voxel_size, seed=3)))
    assert position.dtype == np.float32
    assert (position >= 0).all()
    assert (position < np.array(shape) * voxel_size).all()
    np.testing.assert_array_equal(count(position, shape, voxel_size), counts)


@pytest.mark.parametrize("inside", [0.0, 1 - 2.0**-53])
@pytest.mark.parametrize(
    ("shape", "voxel_size"),
    [((5, 6, 3000), 3.9), ((3, 7, 3000), 1 / 3), ((9, 2, 3000), 8000 / 3e3)],
)
def test_rounding_at_the_faces_moves_no_halo_to_another_voxel(
    monkeypatch, inside, shape, voxel_size
):
    monkeypatch.setattr(
        "halokeras.painting.ids.uniform_at", lambda seed, purpose, index: inside + 0 * index
    )
    position = positions(whole(halos(np.ones(shape, np.uint16), voxel_size, seed=0)))
    voxel = np.indices(shape).reshape(3, -1).T
    rounded = ((voxel + inside) * voxel_size).astype(np.float32)
    assert (rounded != position).any()  # or nothing is tested
    assert (position >= 0).all()
    assert (position < np.array(shape) * voxel_size).all()
    np.testing.assert_array_equal(np.floor(position.astype(np.float64) / voxel_size), voxel)
    assert np.abs(position - (voxel + inside) * voxel_size).max() < 2e-7 * max(shape) * voxel_size


def test_a_voxel_filled_to_the_brim_keeps_its_halos():
    counts = np.array([[[0, 65535, 1]]], dtype=np.uint16)
    columns = whole(halos(counts, 4.0, seed=0))
    np.testing.assert_array_equal(count(positions(columns), (1, 1, 3), 4.0), counts)
    assert len(np.unique(columns["halo_id"])) == 65536


def test_ids_are_unique_and_tell_the_voxel_and_the_number():
    counts = counts_of((4, 5, 6))
    ids = whole(halos(counts, 4.0, seed=3))["halo_id"]
    assert ids.dtype == np.int64
    assert (np.diff(ids) > 0).all()
    np.testing.assert_array_equal(np.bincount(ids // 65536, minlength=120), counts.ravel())
    several = counts.ravel()
    expected = np.concatenate([np.arange(number) for number in several])
    np.testing.assert_array_equal(ids % 65536, expected)


@pytest.mark.parametrize("largest_piece", [1, 8 * 7, 8 * 60, 8 * 130, 10**9])
@pytest.mark.parametrize("exclusion", [0.0, 0.3])
def test_the_pieces_leave_no_trace(largest_piece, exclusion):
    counts = counts_of((9, 12, 6))
    matter = Matter(
        np.random.default_rng(1).lognormal(size=(18, 24, 12)),
        sharpness=1.7,
        exclusion=exclusion,
        velocity=np.random.default_rng(2).normal(0, 300, (3, 9, 12, 6)),
    )
    expected = whole(halos(counts, 4.0, 3, matter=matter))
    found = whole(halos(counts, 4.0, 3, matter=matter, largest_piece=largest_piece))
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column)


def test_a_halo_stays_where_it_is_whatever_the_other_voxels_hold():
    counts = counts_of((4, 5, 6))
    more = counts + counts_of((4, 5, 6), seed=9)
    few, many = (whole(halos(grid, 4.0, seed=3)) for grid in (counts, more))
    kept = np.isin(many["halo_id"], few["halo_id"])
    np.testing.assert_array_equal(positions(many)[kept], positions(few))


def test_seed_and_realization_each_move_the_halos():
    counts = counts_of((4, 5, 6))
    first = positions(whole(halos(counts, 4.0, seed=3, realization=0)))
    for seed, realization in ((4, 0), (3, 1)):
        other = positions(whole(halos(counts, 4.0, seed, realization)))
        assert (first != other).mean() > 0.99


def test_places_in_the_voxels_are_uniform_and_independent():
    position = positions(whole(halos(counts_of((16, 16, 16), mean=20), 1.0, seed=1)))
    inside = np.floor((position % 1) * 4).astype(int)
    cells = np.bincount(np.ravel_multi_index(tuple(inside.T), (4, 4, 4)), minlength=64)
    expected = len(position) / 64
    assert ((cells - expected) ** 2 / expected).sum() < 63 + 5 * np.sqrt(2 * 63)
    # Halos of one voxel, numbers 0 and 1, lie apart as two uniform points do.
    pairs = positions(whole(halos(np.full((20, 20, 20), 2, np.uint16), 1.0, seed=5))) % 1
    correlation = np.corrcoef(pairs[::2].T, pairs[1::2].T)[:3, 3:]
    assert np.abs(correlation).max() < 5 / np.sqrt(8000)


def test_a_sub_density_decides_where_in_the_voxel_halos_lie():
    weights = np.array([[[1, 2], [0, 5]], [[4, 0], [3, 1]]], dtype=np.float32)
    shape = (6, 5, 7)
    counts = np.full(shape, 100, np.uint16)
    position = positions(whole(halos(counts, 4.0, 1, matter=Matter(np.tile(weights, shape)))))
    np.testing.assert_array_equal(count(position, shape, 4.0), counts)
    found = count(position % 4, (2, 2, 2), 2.0)
    assert (found[weights == 0] == 0).all()
    expected = len(position) * weights / weights.sum()
    np.testing.assert_allclose(found, expected, atol=5 * np.sqrt(expected.max()))
    fraction = position / 2 % 1  # within a sub-voxel any place is as likely
    np.testing.assert_allclose(fraction.mean(axis=0), 0.5, atol=5 / np.sqrt(12 * len(position)))


def test_where_the_sub_density_is_zero_halos_are_placed_uniformly():
    counts = np.full((2, 2, 2), 4000, np.uint16)
    position = positions(whole(halos(counts, 4.0, 1, matter=Matter(np.zeros((4, 4, 4))))))
    found = count(position, (4, 4, 4), 2.0)
    np.testing.assert_allclose(found, 500, atol=5 * np.sqrt(500))


@pytest.mark.parametrize("shape", [(8, 10, 13), (8, 10, 18), (2, 2, 3), (4, 5, 0)])
def test_a_sub_density_that_does_not_fit_is_refused(shape):
    with pytest.raises(BoxError, match="whole multiple"):
        finer_by(np.ones(shape), (4, 5, 6))


@pytest.mark.parametrize("finer", [1, 2])
def test_a_halo_moves_as_the_matter_around_it_does(finer):
    counts = counts_of((3, 4, 5))
    shape = tuple(finer * side for side in counts.shape)
    centre = (np.indices(shape) + 0.5) * 4 / finer
    slope = np.array([2.0, -3.0, 5.0]).reshape(3, 1, 1, 1)
    columns = whole(halos(counts, 4.0, 3, matter=Matter(velocity=slope * centre)))
    position = positions(columns)
    # between the outermost points, where the field is linear, so is its interpolation
    inner = ((position > 2 / finer) & (position < np.array([12, 16, 20]) - 2 / finer)).all(axis=1)
    assert inner.sum() > 10
    for row, axis in enumerate("xyz"):
        expected = slope.ravel()[row] * position[inner, row]
        np.testing.assert_allclose(columns[f"halo_v{axis}"][inner], expected, rtol=1e-5)
    velocity = np.ones((3, *shape))
    velocity[1, 2] = np.nan
    with pytest.raises(BoxError, match="velocity"):
        whole(halos(np.ones((3, 4, 5), np.uint16), 4.0, 3, matter=Matter(velocity=velocity)))


def test_velocities_are_interpolated_across_the_faces():
    counts = np.full((2, 2, 2), 500, np.uint16)
    velocity = np.zeros((3, 2, 2, 2))
    velocity[:, 1] = 100
    columns = whole(halos(counts, 4.0, 3, matter=Matter(velocity=velocity)))
    x = columns["halo_x"] / 4
    expected = 100 * np.interp(x, [-0.5, 0.5, 1.5, 2.5], [1, 0, 1, 0])
    np.testing.assert_allclose(columns["halo_vy"], expected, atol=1e-3)


def test_density_to_a_power_sharpens_the_places():
    density = np.tile(np.array([1.0, 2.0]), (2, 2, 2))
    counts = np.full((1, 1, 2), 4000, np.uint16)
    position = positions(whole(halos(counts, 4.0, 1, matter=Matter(density, sharpness=3))))
    dense = (position[:, 2] % 4 > 2).mean()
    assert dense == pytest.approx(8 / 9, abs=5 * np.sqrt(8 / 81 / 8000))


def test_halos_keep_their_distance_across_voxels_and_faces():
    counts = counts_of((12, 12, 12), mean=3)

    def close(exclusion):
        matter = Matter(exclusion=exclusion)
        place = positions(whole(halos(counts, 4.0, 3, matter=matter))).astype(np.float64)
        return len(cKDTree(place, boxsize=48).query_pairs(0.6))

    free, kept = close(0.0), close(0.15)
    assert free > 10
    assert kept < 0.1 * free


@pytest.fixture
def drawn(drawing_model, tiny_box, tmp_path):
    path = tmp_path / "drawn.h5"
    draw_files(density_of(tiny_box), load_painter(drawing_model), "drawing", [path], seed=5)
    return path


def read(path, format):
    """Read a catalogue by the library of its format; give its columns and what it tells."""
    if format == "hdf5":
        with h5py.File(path) as file:
            return {name: file[name][()] for name in file}, dict(file.attrs)
    if format == "parquet":
        from pyarrow import parquet

        table = parquet.read_table(path)
        told = {key.decode(): json.loads(text) for key, text in table.schema.metadata.items()}
        return {name: table[name].to_numpy() for name in table.column_names}, told
    if format == "bigfile":
        import bigfile

        with bigfile.BigFile(str(path)) as file:
            columns = {"halo_id": file["ID"][:]}
            for block, prefix in (("Position", "halo_"), ("Velocity", "halo_v")):
                if block in file.blocks:
                    columns |= {
                        f"{prefix}{axis}": file[block][:][:, row] for row, axis in enumerate("xyz")
                    }
            told = {
                name: value if isinstance(value, str) else value.squeeze()
                for name, value in dict(file["Header"].attrs).items()
            }
        return columns, told | {"Lbox": told["BoxSize"], "redshift": told["Redshift"]}
    from astropy.table import Table

    table = Table.read(path, format=f"ascii.{format}" if format == "ecsv" else format)
    told = {name.lower(): value for name, value in table.meta.items()}
    sides = [told[f"lbox_{axis}"] for axis in "xyz"] if format == "fits" else told["lbox"]
    return {name: np.asarray(table[name]) for name in table.colnames}, told | {"Lbox": sides}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("moving", [False, True])
def test_every_format_gives_back_what_was_written(drawn, tmp_path, format, moving):
    velocity = np.random.default_rng(4).normal(0, 300, (3, 16, 16, 16)) if moving else None
    target = tmp_path / "out" / f"halos.{format}"
    write_catalogue(drawn, target, format, Selection(mass_min=2e12), Matter(velocity=velocity))
    assert list(target.parent.iterdir()) == [target]
    counts = read_box(drawn).counts
    columns, told = read(target, format)
    expected = whole(halos(counts, 4.0, seed=5, matter=Matter(velocity=velocity)))
    assert set(columns) == set(expected)
    for name, column in expected.items():
        np.testing.assert_array_equal(columns[name], column)
        assert columns[name].dtype.newbyteorder("=") == column.dtype
    np.testing.assert_array_equal(told["Lbox"], [64, 64, 64])
    assert (told["redshift"], told["mass_min"], told["draw_seed"]) == (0.3, 2e12, 5)
    assert told["model"] == "drawing"
    assert told["source_box_hash"] == read_box(drawn).provenance["source_box_hash"]
    np.testing.assert_array_equal(count(positions(columns), (16, 16, 16), 4.0), counts)


@pytest.mark.parametrize("format", FORMATS)
def test_a_catalogue_of_several_pieces_and_of_none(drawn, tmp_path, monkeypatch, format):
    one, several, none = (tmp_path / f"{name}.{format}" for name in ("one", "several", "none"))
    write_catalogue(drawn, one, format)
    monkeypatch.setattr(
        "halokeras.painting.catalogues.halos.halos", functools.partial(halos, largest_piece=300)
    )
    write_catalogue(drawn, several, format)
    for name, column in read(one, format)[0].items():
        np.testing.assert_array_equal(read(several, format)[0][name], column)
    with h5py.File(drawn, "r+") as file:
        file["counts"][...] = 0
    write_catalogue(drawn, none, format)
    assert all(len(column) == 0 for column in read(none, format)[0].values())
    write_catalogue(drawn, several, format)  # one that is there is replaced
    assert all(len(column) == 0 for column in read(several, format)[0].values())


@pytest.mark.parametrize("format", FORMATS)
def test_names_in_any_script_are_kept_where_the_format_can(drawn, tmp_path, format):
    with h5py.File(drawn, "r+") as file:
        file.attrs["density_file"] = "dichte_ö.npy"
        file.attrs["note"] = ""
        checksums.seal(file, ["counts"])
    write_catalogue(drawn, tmp_path / "halos", format)
    name = read(tmp_path / "halos", format)[1]["density_file"]
    assert name == (r"dichte_\xf6.npy" if format == "fits" else "dichte_ö.npy")


@pytest.mark.parametrize("format", FORMATS)
def test_texts_of_many_lines_are_written(drawn, tmp_path, format):
    """As every prepared box has one: FITS headers know no end of a line."""
    with h5py.File(drawn, "r+") as file:
        file.attrs["preparation"] = "passed: one\nnote:\ttwo\n"
        checksums.seal(file, ["counts"])
    write_catalogue(drawn, tmp_path / "halos", format)
    told = read(tmp_path / "halos", format)[1]["preparation"]
    assert told.split() == ["passed:", "one", "note:", "two"]


def test_units_stand_in_the_file(drawn, tmp_path):
    write_catalogue(drawn, tmp_path / "halos.hdf5")
    with h5py.File(tmp_path / "halos.hdf5") as file:
        assert file["halo_x"].attrs["unit"] == "Mpc/h"
        assert "mass" not in " ".join(file)


def test_astropy_does_not_take_h_for_hours(drawn, tmp_path):
    from astropy.io import fits
    from astropy.table import Table

    for format, reader in (("fits", "fits"), ("ecsv", "ascii.ecsv")):
        write_catalogue(drawn, tmp_path / format, format)
        table = Table.read(tmp_path / format, format=reader)
        assert table["halo_x"].unit is None
    assert "Mpc/h" in table["halo_x"].description
    assert "Mpc/h" in fits.getheader(tmp_path / "fits", "HALOS")["TCOMM2"]


@pytest.mark.parametrize("format", FORMATS[1:])
def test_a_missing_package_names_the_extra(drawn, tmp_path, monkeypatch, format):
    package = {"fits": "astropy", "ecsv": "astropy", "parquet": "pyarrow"}.get(format, format)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OutputError, match=r"pip install 'halopaint\[") as caught:
        write_catalogue(drawn, tmp_path / "halos", format)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "halos").exists()


@pytest.mark.parametrize("format", FORMATS)
def test_a_failure_half_way_leaves_nothing(drawn, tmp_path, format):
    velocity = np.full((3, 16, 16, 16), np.nan)
    with pytest.raises(BoxError, match="velocity"):
        write_catalogue(drawn, tmp_path / "out" / "halos", format, matter=Matter(velocity=velocity))
    assert not list((tmp_path / "out").iterdir())


def test_the_velocity_of_a_box_file_is_found_and_checked(tiny_box, tmp_path):
    path = tmp_path / "box.h5"
    write_box(tiny_box, path)
    with open_box_density(path) as given:
        assert given.velocity is None
    with h5py.File(path, "r+") as file:
        file["velocity"] = np.full((3, 16, 16, 16), 100, np.float32)
    with open_box_density(path) as given:
        assert given.velocity.shape == (3, 16, 16, 16)
    with h5py.File(path, "r+") as file:
        del file["velocity"]
        file["velocity"] = np.zeros((16, 16, 16, 3), np.float32)
    with pytest.raises(BoxError, match="velocity has shape"), open_box_density(path):
        pass
