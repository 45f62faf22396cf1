"""A density in any of the files that hold arrays is the same grid."""

import zipfile

import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.storage.grid_file import open_numbers

GRID = np.random.default_rng(2).random((4, 5, 6)).astype(np.float32)


def read(path, dataset=None):
    with open_numbers(path, dataset) as grid:
        return np.asarray(grid[:, :, :])


def refused(path, *words, dataset=None):
    with pytest.raises(BoxError) as caught, open_numbers(path, dataset):
        pass
    assert "\n" not in str(caught.value)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_archive_of_arrays(tmp_path, save, order):
    save(tmp_path / "one.npz", rho=np.asarray(GRID, order=order))
    np.testing.assert_array_equal(read(tmp_path / "one.npz"), GRID)
    save(tmp_path / "two.npz", rho=GRID, other=GRID + 1)
    np.testing.assert_array_equal(read(tmp_path / "two.npz", "rho"), GRID)
    refused(tmp_path / "two.npz", "say which dataset", "--dataset (it holds rho, other)")
    refused(tmp_path / "two.npz", "no dataset 'delta'", "rho, other", dataset="delta")


def archive(path, header, values):
    head = header.encode().ljust(118 - 1) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + values
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("rho.npy", content)
    return path


def test_an_archive_that_is_none_or_promises_more(tmp_path):
    (tmp_path / "text.npz").write_text("hello")
    refused(tmp_path / "text.npz", "cannot be read", "not a zip file")
    described = "{'descr': '<f4', 'fortran_order': False, 'shape': %s}"
    short = archive(tmp_path / "short.npz", described % "(2, 2, 2)", bytes(31))
    refused(short, "does not have the 32 bytes")
    huge = archive(tmp_path / "huge.npz", described % "(100000, 100000, 100000)", bytes(32))
    refused(huge, "GiB are free", "save it as .npy")
    objects = described.replace("<f4", "|O") % "(2, 2, 2)"
    refused(archive(tmp_path / "objects.npz", objects, bytes(64)), "a grid of real numbers")


def test_a_flipped_bit_in_an_archive_is_noticed(tmp_path):
    np.savez(tmp_path / "a.npz", rho=GRID)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[300] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    refused(tmp_path / "a.npz", "Bad CRC-32")


def test_a_zarr_array_in_no_group_needs_no_name(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.save(str(tmp_path / "rho.zarr"), GRID)
    np.testing.assert_array_equal(read(tmp_path / "rho.zarr"), GRID)
    refused(tmp_path / "rho.zarr", "no dataset 'rho'", dataset="rho")
    zarr.open_group(str(tmp_path / "g.zarr"), mode="w").create_array("fields/rho", data=GRID)
    np.testing.assert_array_equal(read(tmp_path / "g.zarr", "fields/rho"), GRID)
    np.testing.assert_array_equal(read(tmp_path / "g.zarr"), GRID)


def test_an_unnamed_or_unknown_dataset_lists_the_known_ones(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["fields/density"] = GRID
        file["name"] = "text"
    np.testing.assert_array_equal(read(tmp_path / "d.h5", "/fields/density"), GRID)
    np.testing.assert_array_equal(read(tmp_path / "d.h5"), GRID)  # the only grid
    refused(tmp_path / "d.h5", "no dataset 'delta'", "fields/density", dataset="delta")
    refused(tmp_path / "d.h5", "must hold real numbers", dataset="name")
    refused(tmp_path / "d.h5", "no dataset 'fields'", dataset="fields")
    with h5py.File(tmp_path / "d.h5", "a") as file:
        file["other"] = GRID
    refused(tmp_path / "d.h5", "say which dataset", "--dataset (it holds fields/density, other)")
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["mass"] = GRID.ravel()
    refused(tmp_path / "table.h5", "holds no 3D dataset, as a density is; check the path")


class Bomb:
    went_off = False

    def __reduce__(self):
        return setattr, (Bomb, "went_off", True)


def test_a_pickled_array_is_never_opened(tmp_path):
    objects = np.array([[[Bomb()]]], dtype=object)
    np.save(tmp_path / "d.npy", objects, allow_pickle=True)
    refused(tmp_path / "d.npy", "plain numeric")
    np.savez(tmp_path / "d.npz", rho=objects)
    refused(tmp_path / "d.npz", "a grid of real numbers")
    assert not Bomb.went_off


def test_files_that_are_no_arrays(tmp_path):
    refused(tmp_path / "none.npy", "check the path")
    (tmp_path / "empty.npy").write_bytes(b"")
    refused(tmp_path / "empty.npy", "plain numeric")
    (tmp_path / "text.h5").write_text("hello")
    refused(tmp_path / "text.h5", "it is text", dataset="density")
    np.save(tmp_path / "d.npy", GRID)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "d.npy").read_bytes()[:-100])
    refused(tmp_path / "cut.npy", "plain numeric")
    refused(tmp_path / "d.npy", "--dataset", dataset="density")


def test_a_dataset_that_promises_more_than_its_file_holds_is_refused(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file.create_dataset("density", (100_000,) * 3, "f4", chunks=(10, 10, 10))
    refused(tmp_path / "d.h5", "promised", "write it again", dataset="density")
