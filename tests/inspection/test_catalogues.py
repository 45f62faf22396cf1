import importlib.util
import warnings

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from halokeras.commands.app import app
from halokeras.errors import BoxError, DamagedError
from halokeras.inspection.catalogues import inspect_catalogue
from halokeras.painting.catalogues.formats import catalogue_file
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.table import Table

FORMATS = ["hdf5", "fits", "ecsv", "parquet"]
ROWS = 300


def columns_of(**changed):
    rng = np.random.default_rng(1)
    columns = {"halo_id": np.arange(ROWS) * 65536}
    columns |= {f"halo_{axis}": (rng.random(ROWS) * 20).astype(np.float32) for axis in "xyz"}
    return columns | changed


def listed(path, format, columns):
    about = {"Lbox": [20.0] * 3, "redshift": 0.3, "placed": "uniformly", "model_hash": "ab"}
    with catalogue_file(path, format, list(columns), ROWS, about) as append:
        for half in (slice(0, ROWS // 3), slice(ROWS // 3, ROWS)):
            append({name: values[half] for name, values in columns.items()})
    return path


def flip(path, value):
    """Flip a bit of a value of a column, wherever its file has it."""
    content = bytearray(path.read_bytes())
    forms = [value.tobytes(), value.byteswap().tobytes(), str(float(value)).encode()]
    place = next(content.index(form) for form in forms if form in content)
    content[place + 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("format", FORMATS)
def test_a_flipped_bit_of_a_column_is_told_in_every_format(tmp_path, format):
    columns = columns_of()
    path = listed(tmp_path / f"halos.{format}", format, columns)
    assert inspect_catalogue(path).problems == []
    flip(path, columns["halo_y"][200])
    (problem,) = inspect_catalogue(path).problems
    assert str(path) in problem
    assert "damaged" in problem or "cannot be read" in problem
    with pytest.raises(BoxError), open_table(path) as table:
        list(table.chunks(["halo_y"], ["halo_id"]))


@pytest.mark.skipif(importlib.util.find_spec("bigfile") is None, reason="bigfile is not installed")
def test_a_flipped_bit_of_a_bigfile_is_told(tmp_path):
    columns = columns_of()
    path = listed(tmp_path / "halos.bigfile", "bigfile", columns)
    assert inspect_catalogue(path).problems == []
    flip(path / "Position" / "000000", columns["halo_y"][200])
    (problem,) = inspect_catalogue(path).problems
    assert "Position is damaged or was edited" in problem


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("format", FORMATS)
def test_a_catalogue_that_is_cut_is_damaged_in_every_format(tmp_path, format, kept):
    path = listed(tmp_path / f"halos.{format}", format, columns_of())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert result.exit_code == 1
    assert f"{path} is damaged" in result.stderr and "make it again" in result.stderr
    assert "prepare catalogue" not in result.stderr


@pytest.mark.parametrize("format", FORMATS)
def test_of_a_catalogue_with_a_flipped_bit_inspect_exits_1(tmp_path, format):
    columns = columns_of()
    path = listed(tmp_path / f"halos.{format}", format, columns)
    assert CliRunner().invoke(app, ["inspect", str(path)]).exit_code == 0
    flip(path, columns["halo_y"][200])
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert result.exit_code == 1 and "damaged" in result.stderr
    assert "catalogue of 300 drawn halos" in result.stdout or format == "ecsv"


def test_a_bigfile_that_is_cut_is_damaged(tmp_path):
    for name, width in (("Position", 3), ("ID", 1)):
        block = tmp_path / "halos.bigfile" / name
        block.mkdir(parents=True)
        (block / "header").write_text(f"DTYPE: <i8\nNMEMB: {width}\nNFILE: 1\n000000: 4 : 0 : 0\n")
        (block / "000000").write_bytes(bytes(8 * 4 * width))
    assert inspect_catalogue(tmp_path / "halos.bigfile") is None  # it is no catalogue of ours
    (block / "000000").write_bytes(bytes(5))
    with pytest.raises(DamagedError, match="000000 is damaged: it holds 5 bytes"):
        inspect_catalogue(tmp_path / "halos.bigfile")
    (block / "header").write_text("DTYPE: <i8\n")
    with pytest.raises(DamagedError, match="header is damaged"):
        inspect_catalogue(tmp_path / "halos.bigfile")


@pytest.mark.parametrize("format", FORMATS)
def test_a_whole_catalogue_is_read_once(tmp_path, format, monkeypatch):
    read = []
    chunks = Table.chunks

    def counted(table, numbers, integers=(), *rows):
        read.append({*numbers, *integers})
        return chunks(table, numbers, integers, *rows)

    path = listed(tmp_path / f"halos.{format}", format, columns_of(halo_hostid=np.arange(ROWS)))
    monkeypatch.setattr(Table, "chunks", counted)
    assert inspect_catalogue(path).problems == []
    assert read == [{"halo_id", "halo_x", "halo_y", "halo_z", "halo_hostid"}]


@pytest.mark.parametrize("format", FORMATS)
def test_a_flipped_bit_that_puts_a_halo_outside_the_box_is_damage(tmp_path, format):
    columns = columns_of()
    columns["halo_y"][200] = 16.5
    path = listed(tmp_path / f"halos.{format}", format, columns)
    content = path.read_bytes()
    if format == "ecsv":
        content = content.replace(b" 16.5 ", b" 96.5 ")
    else:
        order = ">f4" if format == "fits" else "<f4"
        old, new = (np.array([value], order).tobytes() for value in (16.5, 66.0))
        content = content.replace(old, new)
    assert content != path.read_bytes()
    path.write_bytes(content)
    found = inspect_catalogue(path)
    assert found.damaged and "damaged" in found.problems[0]


def test_the_sum_of_fits_is_that_of_astropy(tmp_path):
    from astropy.io import fits

    path = listed(tmp_path / "halos.fits", "fits", columns_of())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(path, checksum=True) as opened:
            assert len(opened[1].data) == ROWS
            assert int(opened[0].header["ROWSSUM"]) == opened[1].add_datasum()


@pytest.mark.parametrize("format", ["fits", "ecsv"])
def test_a_catalogue_that_astropy_cut_is_no_damaged_one(tmp_path, format):
    from astropy.table import Table

    written = {"fits": "fits", "ecsv": "ascii.ecsv"}[format]
    path = listed(tmp_path / f"halos.{format}", format, columns_of())
    half = Table.read(path, format=written)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy tells how it writes long keywords
        half[half["halo_x"] > 10].write(tmp_path / f"half.{format}", format=written)
    with open_table(tmp_path / f"half.{format}") as table:
        read = sum(len(chunk["halo_x"]) for chunk in table.chunks(["halo_x"]))
    assert 100 < read < 200


def test_a_catalogue_of_text_with_the_ends_of_lines_of_windows_is_whole(tmp_path):
    path = listed(tmp_path / "halos.ecsv", "ecsv", columns_of())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert inspect_catalogue(path).problems == []


def test_a_catalogue_of_text_that_ends_behind_its_header_is_damaged(tmp_path):
    path = listed(tmp_path / "halos.ecsv", "ecsv", columns_of())
    lines = path.read_bytes().splitlines(keepends=True)
    names = next(number for number, line in enumerate(lines) if not line.startswith(b"#"))
    path.write_bytes(b"".join(lines[: names + 1]))
    (problem,) = inspect_catalogue(path).problems
    assert "damaged" in problem


def hole(path, values):
    """Put zeros where HDF5 has a column, and for its own checksum of them."""
    content, stored = path.read_bytes(), values.tobytes()
    assert content.count(stored) == 1
    start = content.index(stored)
    end = start + len(stored) + 4
    path.write_bytes(content[:start] + bytes(end - start) + content[end:])


@pytest.mark.parametrize("name", ["halo_id", "halo_y"])
def test_a_piece_of_zeros_which_hdf5_takes_for_whole_is_told(tmp_path, name):
    columns = columns_of(halo_id=np.arange(1, ROWS + 1) * 65536)
    path = listed(tmp_path / "halos.hdf5", "hdf5", columns)
    hole(path, columns[name])
    with h5py.File(path) as file:
        assert not file[name][:].any()
    found = inspect_catalogue(path)
    assert found.damaged and f"column {name} is not what its checksum says" in found.problems[0]
    with pytest.raises(DamagedError, match=name), open_table(path) as table:
        list(table.chunks(["halo_x", name], rows=7))
    with open_table(path) as table:  # of other columns, and of a part, nothing is known
        assert sum(len(chunk["halo_x"]) for chunk in table.chunks(["halo_x"])) == ROWS
        next(table.chunks([name], rows=7))


def test_an_empty_catalogue_and_one_of_other_pieces_are_whole(tmp_path):
    path = tmp_path / "none.hdf5"
    about = {"placed": "uniformly", "model_hash": "ab", "Lbox": [20.0] * 3}
    with catalogue_file(path, "hdf5", list(columns_of()), 0, about):
        pass
    assert inspect_catalogue(path).problems == []
    path = listed(tmp_path / "halos.hdf5", "hdf5", columns_of())
    with h5py.File(path) as file, h5py.File(tmp_path / "packed.hdf5", "w") as packed:
        packed.attrs.update(file.attrs)
        for name, stored in file.items():
            again = packed.create_dataset(name, data=stored[:], chunks=(7,), compression="gzip")
            again.attrs.update(stored.attrs)
    assert inspect_catalogue(tmp_path / "packed.hdf5").problems == []


@pytest.mark.parametrize("format", ["hdf5", "fits", "ecsv"])
def test_a_catalogue_of_before_without_a_checksum_is_read(tmp_path, format):
    path = listed(tmp_path / f"halos.{format}", format, columns_of())
    if format == "hdf5":
        with h5py.File(path, "r+") as file:
            for stored in file.values():
                del stored.attrs["rows_sha256"]
    content = path.read_bytes()
    if format == "fits":
        place = content.index(b"ROWSSUM")
        content = content[:place] + b" " * 80 + content[place + 80 :]
    elif format == "ecsv":
        lines = content.splitlines(keepends=True)
        content = b"".join(line for line in lines if b"rows_sha256" not in line)
    path.write_bytes(content)
    assert inspect_catalogue(path).problems == []
    assert inspect_catalogue(path).sections[0].facts[0].value == ROWS


def test_a_column_of_ours_that_cannot_be_read_is_not_to_be_chosen_by_an_option(tmp_path):
    path = listed(tmp_path / "halos.ecsv", "ecsv", columns_of())
    lines = [line for line in path.read_text().splitlines() if "rows_sha256" not in line]
    lines[-5] = lines[-5].replace(lines[-5].split()[0], "abc")
    path.write_text("\n".join(lines))
    (problem,) = inspect_catalogue(path).problems
    assert "column halo_id cannot be read" in problem
    assert problem.endswith("; fetch or make it again")


@pytest.mark.parametrize("format", FORMATS)
def test_what_belongs_to_the_format_is_told_of_no_catalogue(tmp_path, format):
    path = listed(tmp_path / f"halos.{format}", format, columns_of())
    told = inspect_catalogue(path).to_json()["provenance"]
    assert told == {"model_hash": "ab"}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"halo_id": np.arange(ROWS) % 100}, "200 of 300 ids repeat an earlier one"),
        ({"halo_x": np.full(ROWS, 20, np.float32)}, "300 of halo_x, halo_y, halo_z lie outside"),
    ],
)
def test_halos_that_cannot_be_are_told(tmp_path, changed, told):
    path = listed(tmp_path / "halos.hdf5", "hdf5", columns_of(**changed))
    (problem,) = inspect_catalogue(path).problems
    assert told in problem
