import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table

X = np.arange(7, dtype=np.float32)


def npy(header, payload, version=(1, 0)):
    """An .npy file by its bytes."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(text)) + text + payload


def header(descr, shape, order=False):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


def read(path, numbers, integers=(), rows=3):
    with open_table(path) as table:
        chunks = list(table.chunks(numbers, integers, rows))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def refused(path, *words, numbers=("x",)):
    with pytest.raises(BoxError) as caught:
        read(path, numbers)
    assert "\n" not in str(caught.value)
    for word in (path.name, *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_structured_array_of_either_byte_order(tmp_path, order):
    records = b"".join(
        struct.pack(f"{order}fqd3f", i, 2**40 + i, i / 3, i, i + 1, i + 2) for i in range(7)
    )
    descr = (
        f"[('x', '{order}f4'), ('id', '{order}i8'), ('m', '{order}f8'), ('p', '{order}f4', (3,))]"
    )
    path = tmp_path / "a.npy"
    path.write_bytes(npy(header(descr, "(7,)"), records))
    columns = read(path, ["x", "m", "p"], ["id"])
    np.testing.assert_array_equal(columns["x"], X)
    np.testing.assert_array_equal(columns["m"], np.arange(7) / 3)
    np.testing.assert_array_equal(columns["id"], 2**40 + np.arange(7))
    np.testing.assert_array_equal(columns["p"], X[:, None] + [0, 1, 2])
    assert columns["p"].dtype.isnative


def test_an_n_by_3_array_is_positions(tmp_path):
    position = np.arange(21.0).reshape(7, 3)
    for order in ("C", "F"):
        np.save(tmp_path / "a.npy", np.asarray(position, order=order))
        np.testing.assert_array_equal(read(tmp_path / "a.npy", ["position"])["position"], position)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_named_arrays(tmp_path, save, order):
    position = np.asarray(np.arange(21.0).reshape(7, 3), order=order)
    save(tmp_path / "a.npz", x=X.astype(">f4"), position=position, id=np.arange(7), redshift=0.5)
    columns = read(tmp_path / "a.npz", ["x", "position"], ["id"])
    np.testing.assert_array_equal(columns["x"], X)
    np.testing.assert_array_equal(columns["position"], position)
    with open_table(tmp_path / "a.npz") as table:
        assert table.about == {"redshift": 0.5}
        assert table.rows == 7


def test_nothing_is_unpickled(tmp_path):
    marker = tmp_path / "made"

    class Evil:
        def __reduce__(self):
            return (marker.mkdir, ())

    payload = pickle.dumps(np.array([Evil()], dtype=object), protocol=2)
    (tmp_path / "a.npy").write_bytes(npy(header("'|O'", "(1,)"), payload))
    refused(tmp_path / "a.npy", "cannot be read")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy(header("'|O'", "(1,)"), payload))
        archive.writestr("y.npy", npy(header("'<f4'", "(1,)"), bytes(4)))
    refused(tmp_path / "a.npz", "not real numbers")
    assert not marker.exists()


def test_promises_beyond_the_file_are_refused_before_memory_is_taken(tmp_path):
    descr = "[('x', '<f8')]"
    (tmp_path / "a.npy").write_bytes(npy(header(descr, "(10000000000000,)"), bytes(80)))
    refused(tmp_path / "a.npy", "cannot be read")
    (tmp_path / "b.npy").write_bytes(npy(header(descr, "(10,)"), bytes(79)))
    refused(tmp_path / "b.npy", "cannot be read")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy(header("'<f8'", "(10000000000000,)"), bytes(80)))
    refused(tmp_path / "a.npz", "ends before its last row")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", npy(header("'<f8'", "(1000000000000, 3)", True), bytes(80)))
    refused(tmp_path / "b.npz", "GiB are free")


def test_damaged_files_are_told(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, x=X, y=X)
    (tmp_path / "a.npz").write_bytes(whole.getvalue()[:-30])
    refused(tmp_path / "a.npz", "cannot be read")
    spoiled = bytearray(whole.getvalue())
    spoiled[spoiled.index(X.tobytes()) + 5] ^= 255
    (tmp_path / "b.npz").write_bytes(bytes(spoiled))
    refused(tmp_path / "b.npz", "CRC")
    (tmp_path / "a.npy").write_bytes(npy(header("[('x', '<f4')]", "(7,)"), X.tobytes(), (9, 0)))
    refused(tmp_path / "a.npy", "cannot be read")
    for begun in ("{'descr': (", header("',8'", "(7,)")):
        (tmp_path / "a.npy").write_bytes(npy(begun, X.tobytes()))
        refused(tmp_path / "a.npy", "cannot be read")
    np.save(tmp_path / "b.npy", np.zeros((2, 2, 2)))
    refused(tmp_path / "b.npy", "structured array")
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        archive.writestr("x.npy", npy(header("'<f4'", "(7,)"), X.tobytes(), (9, 0)))
    refused(tmp_path / "c.npz", "version")


def test_empty_arrays_have_no_chunks(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(0, [("x", "f4")]))
    np.savez(tmp_path / "a.npz", x=X[:0])
    for name in ("a.npy", "a.npz"):
        with open_table(tmp_path / name) as table:
            assert list(table.chunks(["x"])) == []
