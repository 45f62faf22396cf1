import importlib.util

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("astropy") is None, reason="astropy is not installed"
)


def card(name, value):
    value = f"'{value:8s}'" if isinstance(value, str) else f"{value:>20}"
    return f"{name:8s}= {value}".ljust(80)


def padded(text, fill=b" "):
    stored = text if isinstance(text, bytes) else text.encode()
    return stored + fill * (-len(stored) % 2880)


def binary_table(columns, rows, payload, **more):
    """A FITS file of one binary table, by its bytes."""
    width = 0
    cards = []
    for number, (name, form, size, unit) in enumerate(columns, start=1):
        width += size
        cards += [card(f"TTYPE{number}", name), card(f"TFORM{number}", form)]
        cards += [card(f"TUNIT{number}", unit)] if unit else []
    primary = [card("SIMPLE", "T"), card("BITPIX", 8), card("NAXIS", 0), card("EXTEND", "T")]
    primary[0], primary[3] = (f"{name:8s}= {'T':>20}".ljust(80) for name in ("SIMPLE", "EXTEND"))
    table = [card("XTENSION", "BINTABLE"), card("BITPIX", 8), card("NAXIS", 2)]
    table += [card("NAXIS1", width), card("NAXIS2", rows), card("PCOUNT", 0), card("GCOUNT", 1)]
    table += [card("TFIELDS", len(columns)), *cards, card("EXTNAME", "HALOS")]
    table += [card(name, value) for name, value in more.items()]
    ends = ["".join([*part, "END".ljust(80)]) for part in (primary, table)]
    return padded(ends[0]) + padded(ends[1]) + padded(payload, b"\0")


COLUMNS = [
    ("X", "E", 4, "Mpc"),
    ("POS", "3D", 24, None),
    ("ID", "K", 8, None),
    ("NAME", "4A", 4, None),
]
ROWS = np.zeros(5, [("X", ">f4"), ("POS", ">f8", 3), ("ID", ">i8"), ("NAME", "S4")])
ROWS["X"], ROWS["ID"] = np.arange(5) / 2, np.arange(5) + 2**40
ROWS["POS"] = np.arange(15).reshape(5, 3)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(binary_table(COLUMNS, 5, ROWS.tobytes(), LBOX=100.0, REDSHIFT=0.3))
    return path


def refused(path, *words, part=None):
    with pytest.raises(BoxError) as caught, open_table(path, part) as table:
        list(table.chunks(["X"]))
    assert "\n" not in str(caught.value)
    for word in (path.name, *words):
        assert word in str(caught.value)


def test_columns_units_and_header_cards(path):
    with open_table(path) as table:
        chunks = list(table.chunks(["X", "POS"], ["ID"], rows=2))
        assert [len(chunk["X"]) for chunk in chunks] == [2, 2, 1]
        assert table.columns["X"].unit == "Mpc"
        assert table.about["LBOX"] == 100
        assert table.about["REDSHIFT"] == 0.3
        assert "NAME" in table.unusable
    for name in ("X", "POS", "ID"):
        found = np.concatenate([chunk[name] for chunk in chunks])
        np.testing.assert_array_equal(found, ROWS[name])
        assert found.dtype.isnative


def test_scaled_and_unsigned_columns_are_what_they_stand_for(tmp_path):
    ids = np.array([1, 2**63 + 5, 2**64 - 1], np.uint64)
    rows = np.zeros(3, [("x", ">i2"), ("id", ">i8")])
    rows["x"], rows["id"] = [1, 3, 5], (ids ^ np.uint64(2**63)).view(np.int64)
    scaling = {"TSCAL1": 0.5, "TZERO1": 1, "TZERO2": 2**63}
    whole = binary_table([("x", "I", 2, None), ("id", "K", 8, None)], 3, rows.tobytes(), **scaling)
    (tmp_path / "a.fits").write_bytes(whole)
    with open_table(tmp_path / "a.fits") as table:
        chunks = list(table.chunks(["x"], ["id"], rows=2))
    np.testing.assert_array_equal(np.concatenate([c["x"] for c in chunks]), [1.5, 2.5, 3.5])
    np.testing.assert_array_equal(np.concatenate([c["id"] for c in chunks]), ids)


def test_truncated_and_hostile_files(path, tmp_path):
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(ROWS.tobytes()) + 100])
    refused(path, "is damaged: it promises", "fetch or make it again")
    path.write_bytes(whole.replace(card("NAXIS2", 5).encode(), card("NAXIS2", 10**9).encode()))
    refused(path, "promises")
    path.write_bytes(whole.replace(card("TFORM1", "E").encode(), card("TFORM1", "Q").encode()))
    refused(path)
    path.write_bytes(whole[:1000])
    refused(path)
    path.write_bytes(b"SIMPLE  = no")
    refused(path)
    path.write_bytes(whole[:2880])
    refused(path, "no binary table")


def test_tables_are_chosen_by_name(tmp_path):
    from astropy.io import fits

    tables = [fits.BinTableHDU(np.full(2, i, [("X", "f4")]), name=f"T{i}") for i in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "a.fits")
    refused(tmp_path / "a.fits", "T0, T1", "--table")
    refused(tmp_path / "a.fits", "no table T2", part="T2")
    with open_table(tmp_path / "a.fits", "T1") as table:
        np.testing.assert_array_equal(next(table.chunks(["X"]))["X"], [1, 1])


def test_an_empty_table_has_no_chunks(tmp_path):
    (tmp_path / "a.fits").write_bytes(binary_table(COLUMNS, 0, b""))
    with open_table(tmp_path / "a.fits") as table:
        assert list(table.chunks(["X"])) == []


def test_tables_of_one_name_are_chosen_by_number(tmp_path):
    from astropy.io import fits

    tables = [fits.BinTableHDU(np.full(2, i, [("X", "f4")]), name="HALOS") for i in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "a.fits")
    refused(tmp_path / "a.fits", "1, 2", "--table")
    refused(tmp_path / "a.fits", "2 tables of the name HALOS", "1, 2", part="HALOS")
    with open_table(tmp_path / "a.fits", "2") as table:
        np.testing.assert_array_equal(next(table.chunks(["X"]))["X"], [1, 1])


def test_integers_without_a_value_are_no_numbers(tmp_path):
    rows = np.zeros(3, [("N", ">i4"), ("id", ">i8")])
    rows["N"], rows["id"] = [20, 999, 40], [1, 2, 999]
    nulls = {"TNULL1": 999, "TNULL2": 999}
    whole = binary_table([("N", "J", 4, None), ("id", "K", 8, None)], 3, rows.tobytes(), **nulls)
    (tmp_path / "a.fits").write_bytes(whole)
    with open_table(tmp_path / "a.fits") as table:
        np.testing.assert_array_equal(next(table.chunks(["N"]))["N"], [20, np.nan, 40])
        with pytest.raises(BoxError, match="column id has rows without a value"):
            next(table.chunks(["N"], ["id"]))
