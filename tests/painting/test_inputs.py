import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.painting.inputs import read_density


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
    with pytest.raises(BoxError) as caught:
        read_density(path, dataset, voxel_size, redshift)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_npy_density(tmp_path, unit):
    box = read_density(save(tmp_path / "d.npy", unit), None, 4.0, 0.3)
    np.testing.assert_array_equal(box.density, unit.astype(np.float32))
    assert (box.voxel_size, box.redshift, box.cosmology) == (4.0, 0.3, None)
    assert box.provenance["density_scheme"] == "unknown"


@pytest.mark.parametrize("layout", ["C", "F"])
def test_axes_keep_their_order_whatever_the_layout(tmp_path, unit, layout):
    array = np.asarray(unit, order=layout)
    box = read_density(save(tmp_path / "d.npy", array), None, 4.0, 0.3)
    assert box.density[3, 1, 2] == np.float32(unit[3, 1, 2])


def test_a_hdf5_density(tmp_path, unit):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["fields/density"] = unit
    box = read_density(tmp_path / "d.h5", "fields/density", 4.0, 0.3)
    np.testing.assert_array_equal(box.density, unit.astype(np.float32))


def test_an_unnamed_or_unknown_dataset_lists_the_known_ones(tmp_path, unit):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["fields/density"] = unit
        file["name"] = "text"
    refused(tmp_path / "d.h5", "--dataset", "fields/density")
    refused(tmp_path / "d.h5", "delta", "fields/density", dataset="delta")
    refused(tmp_path / "d.h5", "grid of numbers", dataset="name")
    refused(tmp_path / "d.h5", "no dataset", dataset="fields")


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
        (lambda d: d.astype("U8"), "grid of numbers"),
        (lambda d: np.where(d == d.max(), np.nan, d), "NaN"),
        (lambda d: np.where(d == d.max(), np.inf, d), "infinite"),
        (lambda d: np.where(d == d.max(), -0.5, d), "negative"),
    ],
)
def test_what_is_not_a_density_is_refused(tmp_path, unit, spoil, word):
    refused(save(tmp_path / "d.npy", spoil(unit)), word)


class Bomb:
    went_off = False

    def __reduce__(self):
        return setattr, (Bomb, "went_off", True)


def test_a_pickled_array_is_never_opened(tmp_path):
    path = tmp_path / "d.npy"
    np.save(path, np.array([Bomb()], dtype=object), allow_pickle=True)
    refused(path, "not a plain numeric")
    assert not Bomb.went_off


def test_files_that_are_no_arrays(tmp_path, unit):
    refused(tmp_path / "none.npy", "none.npy")
    (tmp_path / "empty.npy").write_bytes(b"")
    refused(tmp_path / "empty.npy", "empty.npy")
    (tmp_path / "text.h5").write_text("hello")
    refused(tmp_path / "text.h5", "text.h5", dataset="density")
    whole = save(tmp_path / "d.npy", unit).read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-100])
    refused(tmp_path / "cut.npy", "cut.npy")
    refused(tmp_path / "d.npy", "--dataset", dataset="density")
