import csv
import importlib.util
import sys

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)


def write(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def read(path, numbers, integers=(), part=None):
    with open_table(path, part) as table:
        chunks = list(table.chunks(numbers, integers))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def refused(path, *words, numbers=("x",), integers=()):
    with pytest.raises(BoxError) as caught:
        read(path, numbers, integers)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    for word in (path.name, *words):
        assert word in message


def test_the_csv_modules_text_is_read_to_the_last_bit(tmp_path):
    rng = np.random.default_rng(2)
    x, ids = 1e12 * rng.random(500), rng.integers(-(2**62), 2**62, 500)
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name, of it", "x [Mpc/h]"])
        writer.writerows(
            [[i, f'quoted, "{i}"', repr(float(one))] for i, one in zip(ids, x, strict=True)]
        )
    columns = read(tmp_path / "a.csv", ["x"], ["id"])
    np.testing.assert_array_equal(columns["x"], x)
    np.testing.assert_array_equal(columns["id"], ids)
    with open_table(tmp_path / "a.csv") as table:
        assert table.columns["x"].unit == "Mpc/h"


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n1,2\n3,4\n",
        "x;y\n1;2\n3;4\n",
        "x\ty\n1\t2\n3\t4\n",
        "x y\n1 2\n3 4\n",
        "  x   y\n  1   2  \n\t3 \t 4",
        "# x, y\n1,2\n3,4\n",
        "# made by me\n#\n# x y\n1 2\n3 4\n",
        "#x(0) y(1)\n# of trees\n1 2\n3 4\n",
        "\ufeffx,y\r\n1,2\r\n3,4\r\n",
    ],
)
def test_delimiters_comments_and_line_ends(tmp_path, text):
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    columns = read(path, ["y", "x"])
    np.testing.assert_array_equal(columns["x"], [1, 3])
    np.testing.assert_array_equal(columns["y"], [2, 4])


ROCKSTAR = """#ID DescID Mvir Vmax Np X Y Z PID
#a = 0.500000
#Om = 0.314153; Ol = 0.685847; h = 0.672600
#Units: Masses in Msun / h
#Units: Positions in Mpc / h (comoving)
#Particle mass: 3.88537e+10 Msun/h
#Box size: 1100.000000 Mpc/h
"""


def test_a_rockstar_list_tells_its_box_epoch_and_units(tmp_path):
    path = write(tmp_path, ROCKSTAR + "7 -1 1.5e+12 200.1 39 0.5 1.5 1099.5 -1\n", "out_0.list")
    with open_table(path) as table:
        assert table.about["Lbox"] == 1100
        assert table.about["scale_factor"] == 0.5
        assert table.about["particle_mass"] == 3.88537e10
        assert table.about["mass_unit"] == "Msun / h"
        assert table.about["length_unit"] == "Mpc / h"
    columns = read(path, ["Mvir", "Z"], ["ID", "PID"])
    assert columns["Mvir"][0] == 1.5e12
    assert columns["PID"][0] == -1


def test_a_list_without_halos_has_no_rows(tmp_path):
    for text, name in ((ROCKSTAR, "out_1.list"), ("x,y\n", "a.csv"), ("x,y\n\n\n", "b.csv")):
        with open_table(write(tmp_path, text, name)) as table:
            names = list(table.columns)[:1]
            assert list(table.chunks(names)) == []


def test_blocks_of_a_long_file_keep_lines_whole(tmp_path, monkeypatch):
    from halokeras.sources.tables import text_rows

    monkeypatch.setattr(text_rows, "BLOCK", 64)
    for delimiter in (" ", "  ", ","):
        rows = [f"{i}{delimiter}{i + 0.5}" for i in range(300)]
        path = write(tmp_path, f"x{delimiter}y\n" + "\n".join(rows), "a.dat")
        columns = read(path, ["y"], ["x"])
        np.testing.assert_array_equal(columns["x"], np.arange(300))
        np.testing.assert_array_equal(columns["y"], np.arange(300) + 0.5)


def test_a_missing_number_is_nan_and_a_missing_integer_is_refused(tmp_path):
    path = write(tmp_path, "x,id\n1.5,1\n,2\nnan,\n")
    np.testing.assert_array_equal(read(path, ["x"])["x"], [1.5, np.nan, np.nan])
    refused(path, "id", "without a value", integers=["id"])


def test_damaged_text_is_told_in_one_sentence(tmp_path):
    refused(write(tmp_path, "x,y\n1,2\n3"), "cannot be read", "Expected 2 columns")
    refused(write(tmp_path, "x,y\n1,2\nabc,4\n"), "cannot be read", "abc")
    refused(write(tmp_path, "x,id\n1,2.5\n"), "2.5", integers=["id"])
    refused(write(tmp_path, ""), "no header")
    refused(write(tmp_path, "1,2\n3,4\n"), "does not name its columns")
    refused(write(tmp_path, "x,x\n3,4\n"), "column x is named twice")
    refused(write(tmp_path, "x\0,y\n3,4\n"), "not text")


def test_a_line_without_an_end_and_a_million_columns_are_refused(tmp_path):
    refused(write(tmp_path, "x" * 2**21), "header that ends")
    refused(write(tmp_path, ",".join(f"c{i}" for i in range(100_000)) + "\n"), "100,000 columns")
    refused(write(tmp_path, ",".join(f"c{i}" for i in range(1_000_000)) + "\n"), "header that ends")
    for delimiter in (",", "  "):
        endless = f"x{delimiter}y\n1{delimiter}2\n1{delimiter}" + "2" * 2**24
        refused(write(tmp_path, endless), "cannot be read")


ECSV = """# %ECSV 1.0
# ---
# delimiter: ','
# datatype:
# - {name: x, unit: Mpc, datatype: float64}
# - {name: y, datatype: float32, description: 'comoving y [Mpc/h]'}
# - {name: id, datatype: int64}
# meta: {Lbox: 100.0, sides: [1.0, 2.0, 3.0]}
# schema: astropy-2.0
x,y,id
1.5,2.5,7
"",3.5,8
"""


def test_ecsv_tells_units_and_meta(tmp_path):
    pytest.importorskip("astropy")
    path = write(tmp_path, ECSV, "a.ecsv")
    with open_table(path) as table:
        assert table.columns["x"].unit == "Mpc"
        assert table.columns["y"].unit == "Mpc/h"
        assert table.about["Lbox"] == 100
        np.testing.assert_array_equal(table.about["sides"], [1, 2, 3])
    columns = read(path, ["x", "y"], ["id"])
    np.testing.assert_array_equal(columns["x"], [1.5, np.nan])
    np.testing.assert_array_equal(columns["y"], [2.5, 3.5])
    np.testing.assert_array_equal(columns["id"], [7, 8])


def test_an_ecsv_header_runs_nothing(tmp_path):
    pytest.importorskip("astropy")
    marker = tmp_path / "made"
    evil = f"# meta: !!python/object/apply:os.mkdir ['{marker}']"
    refused(write(tmp_path, ECSV.replace("# schema", f"{evil}\n# schema"), "a.ecsv"), "cannot be")
    assert not marker.exists()
    refused(write(tmp_path, ECSV.replace("x,y,id", "y,x,id"), "a.ecsv"), "other columns")
    for line in ("# datatype: 7", "# datatype: [7]", "# - []"):
        damaged = ECSV.replace("# datatype:", line)
        refused(write(tmp_path, damaged, "a.ecsv"), "cannot be read")


def test_without_pyarrow_the_way_to_install_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(write(tmp_path, "x,y\n1,2\n"), "pip install 'halopaint[catalogues]'")


@pytest.mark.parametrize("head", ["# x y mass\n", "x y mass\n", "x, y, mass\n"])
def test_the_exponents_of_fortran(tmp_path, head):
    divide = ", " if "," in head else "  "
    rows = [divide.join([" 1.5D+01", "-2.0d0", "3.25D+12"]), divide.join(["0.", "1.D-2", ".5d1"])]
    path = write(tmp_path, head + "\n".join(rows) + "\n", "a.dat")
    columns = read(path, ["x", "y", "mass"])
    np.testing.assert_array_equal(columns["x"], [15, 0])
    np.testing.assert_array_equal(columns["y"], [-2, 0.01])
    np.testing.assert_array_equal(columns["mass"], [3.25e12, 5])


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (["0.000000000000000000e+00", "7.000000000000000000e+00"], [0, 7]),
        (["-1.0", "7.0"], [-1, 7]),
        (["18446744073709551615", "3"], [2**64 - 1, 3]),
        (["-1", "18446744073709551615"], [-1, -1]),
        (["9007199254740993", " 1"], [2**53 + 1, 1]),
        (["1.8014398509481985e+16", "1"], [18014398509481985, 1]),
    ],
)
def test_integers_are_read_whole_however_they_are_written(tmp_path, written, ids):
    rows = "\n".join(f"{x},{id}" for x, id in enumerate(written))
    found = read(write(tmp_path, f"x,id\n{rows}\n"), ["x"], ["id"])["id"]
    assert found.dtype.kind in "iu"
    assert found.tolist() == ids


def test_what_is_no_integer_says_so_for_its_column(tmp_path):
    for word in ("2.5", "halo_7", "1e30", "nan", "-9223372036854775809"):
        refused(write(tmp_path, f"x,id\n1,{word}\n"), "column id", integers=["id"])
    np.testing.assert_array_equal(read(write(tmp_path, "x,id\n1,halo_7\n"), ["x"])["x"], [1])


def test_brackets_that_are_no_units_belong_to_the_name(tmp_path):
    names = ["x[Mpc/h]", "y(kpc/h)", "A[x]", "A[y]", "b_to_a(500c)", "b_to_a", "m(200c)", "m(500c)"]
    path = write(tmp_path, " ".join(names) + "\n" + "1 " * 8 + "\n", "a.txt")
    with open_table(path) as table:
        assert list(table.columns) == ["x", "y", *names[2:]]
        assert (table.columns["x"].unit, table.columns["y"].unit) == ("Mpc/h", "kpc/h")
    counted = " ".join(f"{name}({place})" for place, name in enumerate(names))
    with open_table(write(tmp_path, f"#{counted}\n" + "1 " * 8 + "\n", "b.txt")) as table:
        assert list(table.columns) == ["x", "y", *names[2:]]


def test_numbers_in_brackets_that_tell_columns_apart_are_kept(tmp_path):
    with open_table(write(tmp_path, "x m(200) m(500)\n1 2 3\n", "a.txt")) as table:
        assert list(table.columns) == ["x", "m(200)", "m(500)"]


def test_a_name_that_stands_twice_is_not_read_and_the_others_are(tmp_path):
    path = write(tmp_path, "x,Rs,Rs\n1,2,3\n")
    np.testing.assert_array_equal(read(path, ["x"])["x"], [1])
    refused(path, "column Rs is named twice", numbers=["Rs"])


def test_comments_of_anyone_tell_box_and_epoch(tmp_path):
    path = write(tmp_path, "# redshift = 0.5, BoxSize: 1000\n# x y\n1 2\n", "a.txt")
    with open_table(path) as table:
        assert table.about == {"redshift": 0.5, "BoxSize": 1000}
