import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table

X = np.arange(7, dtype=np.float32)


def write(path, **columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values
    return path


def read(path, numbers, integers=(), part=None, rows=3):
    with open_table(path, part) as table:
        chunks = list(table.chunks(numbers, integers, rows))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def refused(path, *words, numbers=("x",), part=None):
    with pytest.raises(BoxError) as caught:
        read(path, numbers, part=part)
    message = str(caught.value)
    assert "\n" not in message
    for word in (path.name, *words):
        assert word in message


def test_columns_at_the_root_come_in_chunks(tmp_path):
    path = write(tmp_path / "a.h5", x=X, id=np.arange(7) + 2**40, grid=np.zeros((2, 2, 2)))
    with open_table(path) as table:
        assert table.rows == 7
        assert set(table.columns) == {"x", "id"}
        assert [len(chunk["x"]) for chunk in table.chunks(["x"], rows=3)] == [3, 3, 1]
    columns = read(path, ["x"], ["id"])
    np.testing.assert_array_equal(columns["x"], X)
    np.testing.assert_array_equal(columns["id"], np.arange(7) + 2**40)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">f8", "<f8", ">i4", "<u8"])
def test_any_byte_order_is_read_into_the_machines(tmp_path, dtype):
    columns = read(write(tmp_path / "a.h5", x=X.astype(dtype)), ["x"])
    assert columns["x"].dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(columns["x"], X)


def test_the_fields_of_a_compound_dataset_are_columns(tmp_path):
    records = np.zeros(7, [("pos", ">f4", 3), ("m", "f8"), ("name", "S4"), ("N", "i4")])
    records["pos"], records["m"], records["N"] = X[:, None] + [0, 10, 20], 2 * X, X
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["halos"] = records
        file["halos"].attrs["BoxSize"] = 100.0
    columns = read(path, ["pos", "m"], ["N"])
    np.testing.assert_array_equal(columns["pos"], X[:, None] + [0, 10, 20])
    np.testing.assert_array_equal(columns["N"], X)
    with open_table(path) as table:
        assert table.about["BoxSize"] == 100
        assert "not real numbers" in table.unusable["name"]


def test_a_compressed_dataset_is_unpacked_once(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=(5,), compression="gzip")
    with open_table(path) as table:
        assert [len(chunk["x"]) for chunk in table.chunks(["x"], rows=2)] == [5, 2]


def test_of_several_tables_the_usual_one_is_read_or_the_named_one(tmp_path):
    path = write(tmp_path / "a.h5", **{"Group/x": X, "Subhalo/x": 2 * X})
    np.testing.assert_array_equal(read(path, ["x"])["x"], X)
    np.testing.assert_array_equal(read(path, ["x"], part="Subhalo")["x"], 2 * X)
    refused(path, "no table Galaxy", "Group, Subhalo", part="Galaxy")
    other = write(tmp_path / "b.h5", **{"one/x": X, "two/x": X})
    refused(other, "one, two", "--table")


def test_attributes_of_gadgets_header_and_units_are_told(tmp_path):
    path = write(tmp_path / "a.hdf5", **{"Group/GroupMass": X})
    with h5py.File(path, "a") as file:
        file.create_group("Header").attrs.update({"BoxSize": 75000.0, "Git": b"abc"})
        file.create_group("Parameters").attrs.update(
            {"UnitLength_in_cm": 3.085678e21, "UnitMass_in_g": 1.989e43}
        )
    with open_table(path) as table:
        assert table.about["length_unit"] == "kpc/h"
        assert table.about["mass_unit"] == "1e10 Msun/h"
        assert table.about["BoxSize"] == 75000
        assert table.about["Git"] == "abc"


def test_pieces_of_a_snapshot_are_one_table_in_the_order_of_their_numbers(tmp_path):
    for number, values in {0: X, 2: X + 7, 10: X + 14}.items():
        with h5py.File(tmp_path / f"fof.{number}.hdf5", "w") as file:
            file["Group/x"] = values
            file.create_group("Header").attrs["NumFilesPerSnapshot"] = 4
    with h5py.File(tmp_path / "fof.3.hdf5", "w") as file:  # a piece without a halo
        file.create_group("Header").attrs["NumFilesPerSnapshot"] = 4
    with open_table(tmp_path) as table:
        assert table.rows == 21
        found = np.concatenate([chunk["x"] for chunk in table.chunks(["x"], rows=4)])
    np.testing.assert_array_equal(found, np.arange(21))
    with pytest.raises(BoxError, match="one of 4 files"), open_table(tmp_path / "fof.0.hdf5"):
        pass
    (tmp_path / "fof.2.hdf5").unlink()
    with pytest.raises(BoxError, match="one of 4 files and 3 are here"), open_table(tmp_path):
        pass


def test_pieces_with_other_columns_are_refused(tmp_path):
    write(tmp_path / "a.0.h5", x=X, y=X)
    write(tmp_path / "a.1.h5", x=X)
    with pytest.raises(BoxError, match="no column y"), open_table(tmp_path):
        pass


def external_link(file):
    with h5py.File(file.filename + "2.h5", "w") as other:
        other["x"] = X
    file["x"] = h5py.ExternalLink(file.filename + "2.h5", "x")
    file["y"] = X


def soft_link(file):
    file["x"] = h5py.SoftLink("/y")
    file["y"] = X


def virtual(file):
    layout = h5py.VirtualLayout((7,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (7,))
    file.create_virtual_dataset("x", layout)
    file["y"] = X


def external_storage(file):
    file.create_dataset("x", (7,), "f4", external=[("/etc/passwd", 0, 28)])
    file["y"] = X


def objects(file):
    file.create_dataset("x", data=["a"] * 7, dtype=h5py.string_dtype())
    file["y"] = X


def promised(file):
    file.create_dataset("x", (2**40,), "f4", chunks=(1024,), compression="gzip")
    file["y"] = X


def odd(file):
    file["x"], file["y"], file["z"] = X[:3], X, X


HOSTILE = {
    "external link": (external_link, "x is a link"),
    "soft link": (soft_link, "x is a link"),
    "virtual": (virtual, "x is virtual"),
    "external storage": (external_storage, "outside the file"),
    "objects": (objects, "not real numbers"),
    "absurd shape": (promised, "promised as 4,398,046,511,104 bytes"),
    "odd length": (odd, "has 3 rows where others have 7"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_trusted_is_refused(tmp_path, kind):
    spoil, words = HOSTILE[kind]
    path = tmp_path / "hostile.h5"
    with h5py.File(path, "w") as file:
        spoil(file)
    refused(path, words)
    np.testing.assert_array_equal(read(path, ["y"])["y"], X)


def test_a_linked_group_is_no_table(tmp_path):
    write(tmp_path / "other.h5", **{"Group/x": X})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Group"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "Group")
    refused(tmp_path / "a.h5", "no table", part="Group")
    refused(tmp_path / "a.h5", "has no table", "there are none")


def test_a_truncated_file_is_told(tmp_path):
    path = write(tmp_path / "a.h5", x=np.arange(10000.0))
    path.write_bytes(path.read_bytes()[:-5000])
    refused(path, "is damaged: its end is missing")
    path.write_bytes(b"no HDF5")
    refused(path, "cannot be read")


def test_a_file_without_rows_has_no_chunks(tmp_path):
    with open_table(write(tmp_path / "a.h5", x=X[:0])) as table:
        assert table.rows == 0
        assert list(table.chunks(["x"])) == []


def test_a_column_that_is_missing_or_of_another_kind_is_named(tmp_path):
    path = write(tmp_path / "a.h5", x=X)
    refused(path, "no column mass", "choose from x", numbers=["mass"])
    write(path, x=X + 0.5)
    with open_table(path) as table, pytest.raises(BoxError, match="does not hold integers"):
        next(table.chunks([], ["x"]))
    with pytest.raises(BoxError, match="no file or folder"), open_table(tmp_path / "none.h5"):
        pass


def test_of_several_usual_tables_one_must_be_named(tmp_path):
    path = write(tmp_path / "a.h5", **{"halos/x": X, "Group/x": 2 * X})
    refused(path, "holds the tables Group, halos", "--table")
    path = write(tmp_path / "b.h5", **{"halos/x": X, "x": 2 * X})
    refused(path, "holds the tables /, halos", "--table")
    np.testing.assert_array_equal(read(path, ["x"], part="/")["x"], 2 * X)


def test_columns_in_many_groups_are_named_by_their_path(tmp_path):
    path = write(tmp_path / "a.h5", **{"place/x": X, "mass/200c/m": 2 * X, "few/n": X[:2]})
    found = read(path, ["place/x", "mass/200c/m"], part="/")
    np.testing.assert_array_equal(found["mass/200c/m"], 2 * X)
    refused(path, "few/n has 2 rows where others have 7", numbers=["few/n"], part="/")


def test_a_filter_that_is_not_here_is_named(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=(7,), compression="lzf")
        file["y"] = X
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda number: False)
    refused(path, "column x is packed by the HDF5 filter lzf", "h5repack")
    np.testing.assert_array_equal(read(path, ["y"])["y"], X)


def test_real_numbers_that_are_whole_are_integers(tmp_path):
    path = write(tmp_path / "a.h5", x=X, big=2.0**53 + X, single=np.float32(2**24) + X)
    np.testing.assert_array_equal(read(path, [], ["x"])["x"], np.arange(7))
    for name in ("big", "single"):
        with open_table(path) as table, pytest.raises(BoxError, match="beyond what float"):
            next(table.chunks([], [name]))
