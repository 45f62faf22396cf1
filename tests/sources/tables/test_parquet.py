import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.arange(7, dtype=np.float32)


def write(path, columns, metadata=None, **options):
    table = pyarrow.table(columns)
    parquet.write_table(table.replace_schema_metadata(metadata), path, **options)
    return path


def refused(path, *words, numbers=("x",), integers=()):
    with pytest.raises(BoxError) as caught, open_table(path) as table:
        list(table.chunks(numbers, integers))
    assert "\n" not in str(caught.value)
    for word in (path.name, *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("size", [2, 100])
def test_row_groups_are_read_in_chunks(tmp_path, size):
    lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.arange(21.0)), 3)
    columns = {"x": X, "pos": lists, "id": np.arange(7), "name": ["a"] * 7}
    path = write(tmp_path / "a.parquet", columns, {"Lbox": "100.0"}, row_group_size=size)
    with open_table(path) as table:
        chunks = list(table.chunks(["x", "pos"], ["id"], rows=3))
        assert max(len(chunk["x"]) for chunk in chunks) <= 3
        assert table.rows == 7
        assert table.about == {"Lbox": 100}
        assert "name" in table.unusable
    np.testing.assert_array_equal(np.concatenate([c["x"] for c in chunks]), X)
    np.testing.assert_array_equal(
        np.concatenate([c["pos"] for c in chunks]), np.arange(21.0).reshape(7, 3)
    )
    np.testing.assert_array_equal(np.concatenate([c["id"] for c in chunks]), np.arange(7))


def test_units_of_fields_are_told(tmp_path):
    field = pyarrow.field("x", pyarrow.float32(), metadata={"unit": "Mpc/h"})
    table = pyarrow.table([X], schema=pyarrow.schema([field]))
    parquet.write_table(table, tmp_path / "a.parquet")
    with open_table(tmp_path / "a.parquet") as opened:
        assert opened.columns["x"].unit == "Mpc/h"


def test_missing_values(tmp_path):
    columns = {"x": pyarrow.array([1.0, None]), "id": pyarrow.array([1, None])}
    path = write(tmp_path / "a.parquet", columns)
    with open_table(path) as table:
        np.testing.assert_array_equal(next(table.chunks(["x"]))["x"], [1, np.nan])
    refused(path, "without a value", numbers=(), integers=["id"])


def test_damage_is_told(tmp_path):
    path = write(tmp_path / "a.parquet", {"x": np.arange(10000.0)}, compression="none")
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    refused(path, "is damaged: its end is missing")
    path.write_bytes(b"PAR1" + whole[5000:])
    refused(path, "cannot be read")
    path.write_bytes(b"")
    refused(path, "cannot be read")


def test_an_empty_table_has_no_chunks(tmp_path):
    with open_table(write(tmp_path / "a.parquet", {"x": X[:0]})) as table:
        assert list(table.chunks(["x"])) == []


def test_columns_of_one_name_are_not_read_and_the_others_are(tmp_path):
    table = pyarrow.Table.from_arrays([X, X, 2 * X], names=["x", "Rs", "Rs"])
    parquet.write_table(table, tmp_path / "a.parquet")
    with open_table(tmp_path / "a.parquet") as opened:
        np.testing.assert_array_equal(next(opened.chunks(["x"]))["x"], X)
    refused(tmp_path / "a.parquet", "Rs is named twice", numbers=["Rs"])
