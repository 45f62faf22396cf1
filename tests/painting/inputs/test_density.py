import h5py
import numpy as np
import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import Header, write_box
from halokeras.errors import BoxError
from halokeras.painting.inputs.density import Density, open_box_density, open_density
from halokeras.storage.store import StoredArray


@pytest.fixture
def density():
    return (0.5 + np.random.default_rng(2).random((4, 5, 6))).astype(np.float64)


@pytest.fixture
def unit(density):
    return density / density.mean()


def save(path, array):
    np.save(path, array)
    return path


def refused(path, *words, dataset=None, voxel_size=4.0, redshift=0.3):
    with (
        pytest.raises(BoxError) as caught,
        open_density(path, dataset, voxel_size, redshift),
    ):
        pass
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_npy_density(tmp_path, unit):
    with open_density(save(tmp_path / "d.npy", unit), None, 4.0, 0.3) as given:
        np.testing.assert_array_equal(given.sample(), unit.astype(np.float32))
    header = given.header
    assert (header.voxel_size, header.redshift, header.cosmology) == (4.0, 0.3, None)
    assert header.provenance["density_scheme"] == "unknown"


@pytest.mark.parametrize("layout", ["C", "F"])
def test_axes_keep_their_order_whatever_the_layout(tmp_path, unit, layout):
    array = np.asarray(unit, order=layout)
    with open_density(save(tmp_path / "d.npy", array), None, 4.0, 0.3) as given:
        assert given.sample()[3, 1, 2] == np.float32(unit[3, 1, 2])


def test_a_hdf5_density(tmp_path, unit):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["fields/density"] = unit
    with open_density(tmp_path / "d.h5", "fields/density", 4.0, 0.3) as given:
        np.testing.assert_array_equal(given.sample(), unit.astype(np.float32))


def test_missing_voxel_size_or_redshift_names_the_option(tmp_path, unit):
    path = save(tmp_path / "d.npy", unit)
    refused(path, "--voxel-size", voxel_size=None)
    refused(path, "--redshift", redshift=None)
    refused(path, "voxel_size", voxel_size=-4.0)
    refused(path, "voxel_size", voxel_size=np.nan)
    refused(path, "redshift", redshift=-1.0)


def test_an_overdensity_is_recognised(tmp_path, unit):
    refused(save(tmp_path / "d.npy", unit - 1), "overdensity", "add 1")


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda d: d * 3, "divide"),
        (lambda d: d[0], "shape"),
        (lambda d: d[:0], "shape"),
        (lambda d: d + 1j, "complex"),
        (lambda d: d.astype("U8"), "grid of real numbers"),
        (lambda d: np.where(d == d.max(), np.nan, d), "NaN"),
        (lambda d: np.where(d == d.max(), np.inf, d), "infinite"),
        (lambda d: np.where(d == d.max(), -0.5, d), "negative"),
    ],
)
def test_what_is_not_a_density_is_refused(tmp_path, unit, spoil, word):
    refused(save(tmp_path / "d.npy", spoil(unit)), word)


def test_the_density_of_a_box_file_stays_in_it(tiny_box, tmp_path):
    write_box(tiny_box, tmp_path / "box.h5")
    with open_box_density(tmp_path / "box.h5") as given:
        assert isinstance(given.grid, StoredArray)
        np.testing.assert_array_equal(given.sample(), tiny_box.density)
        assert given.hash == box_hash(tiny_box)
        assert given.header.cosmology == tiny_box.cosmology


def test_a_large_density_is_sampled_by_a_corner_of_mean_one():
    grid = np.broadcast_to(np.float32(2.0), (129, 130, 131))
    sample = Density(grid, Header(4.0, 0.3, None), "").sample()
    assert sample.shape == (128, 128, 128)
    np.testing.assert_allclose(sample, 1.0)
