import importlib.util
import struct

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table

POSITION = np.arange(30.0).reshape(10, 3)


def write_block(folder, dtype, width, pieces):
    """A block by its bytes: a header, and raw numbers in files numbered in hexadecimal."""
    folder.mkdir(parents=True)
    lines = [f"DTYPE: {dtype}", f"NMEMB: {width}", f"NFILE: {len(pieces)}"]
    for number, piece in enumerate(pieces):
        stored = np.asarray(piece).astype(dtype).tobytes()
        (folder / f"{number:06X}").write_bytes(stored)
        lines.append(f"{number:06X}: {len(piece)} : {sum(stored)} : {sum(stored)}")
    (folder / "header").write_text("\n".join(lines) + "\n")
    (folder / "attr-v2").write_text("")


def write_header(path):
    write_block(path / "Header", "<i8", 0, [])
    box, name = struct.pack("<3d", 100, 100, 100).hex(), b"FastPM".hex()
    (path / "Header" / "attr-v2").write_text(
        f"BoxSize <f8 3 {box} #HUMANE [ 100 100 100 ]\n"
        f"Time >f8 1 {struct.pack('>d', 0.5).hex()} #HUMANE [ 0.5 ]\n"
        f"code <a1 6 {name} #HUMANE [ FastPM ]\n"
    )


@pytest.fixture(params=["<", ">"])
def catalogue(tmp_path, request):
    path = tmp_path / "fastpm_0.5"
    write_header(path)
    pieces = [POSITION[:4], POSITION[4:5], POSITION[5:]]
    write_block(path / "1" / "Position", f"{request.param}f8", 3, pieces)
    write_block(path / "1" / "ID", f"{request.param}i8", 1, [np.arange(10)])
    return path


def refused(path, *words, part=None):
    with pytest.raises(BoxError) as caught, open_table(path, part) as table:
        list(table.chunks(["Position"]))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_chunks_go_through_the_files_of_a_block(catalogue, rows):
    with open_table(catalogue) as table:
        chunks = list(table.chunks(["Position"], ["ID"], rows))
        assert table.rows == 10
    np.testing.assert_array_equal(np.concatenate([c["Position"] for c in chunks]), POSITION)
    np.testing.assert_array_equal(np.concatenate([c["ID"] for c in chunks]), np.arange(10))
    assert max(len(chunk["ID"]) for chunk in chunks) <= rows


def test_attributes_are_read_from_their_bytes(catalogue):
    with open_table(catalogue) as table:
        np.testing.assert_array_equal(table.about["BoxSize"], [100] * 3)
        assert table.about["Time"] == 0.5
        assert table.about["code"] == "FastPM"


def test_blocks_at_the_root_are_a_table(tmp_path):
    write_block(tmp_path / "Position", "<f4", 3, [POSITION])
    with open_table(tmp_path) as table:
        assert table.part == ""
        assert table.rows == 10


def test_several_tables_are_named(catalogue):
    write_block(catalogue / "LL-0.200" / "Position", "<f8", 3, [POSITION[:2]])
    with open_table(catalogue, "LL-0.200") as table:
        assert table.rows == 2
    refused(catalogue, "no table 7", "1, LL-0.200", part="7")
    (catalogue / "1").rename(catalogue / "RFOF")
    refused(catalogue, "LL-0.200, RFOF", "--table")


def test_damage_is_told(catalogue):
    data = catalogue / "1" / "Position" / "000001"
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    refused(catalogue, "000001", "23 bytes", "1 rows of 3")
    data.unlink()
    refused(catalogue, "000001", "0 bytes")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("NFILE: 3", "NFILE: 99999999999"),
        ("NMEMB: 3", "NMEMB: -3"),
        ("NMEMB: 3", "NMEMB: 3000000000000"),
        ("f8", "O8"),
        ("f8", "f8,(1000000,)f8"),
        ("000001: 1", "000001: -1"),
        ("000001: 1", "000001: 9000000000000000000"),
        ("DTYPE", "dtype"),
    ],
)
def test_hostile_headers_are_refused(catalogue, old, new):
    header = catalogue / "1" / "Position" / "header"
    header.write_text(header.read_text().replace(old, new))
    refused(catalogue, "is damaged", "fetch or make it again")


def test_the_bigfile_packages_folders_are_read(tmp_path):
    if importlib.util.find_spec("bigfile") is None:
        pytest.skip("bigfile is not installed")
    import bigfile

    with bigfile.BigFile(str(tmp_path / "a"), create=True) as file:
        with file.create("Header") as header:
            header.attrs["BoxSize"] = np.array([100.0] * 3)
        file.create_from_array("1/Position", POSITION, Nfile=3)
    with open_table(tmp_path / "a") as table:
        np.testing.assert_array_equal(next(table.chunks(["Position"]))["Position"], POSITION)
        np.testing.assert_array_equal(table.about["BoxSize"], [100] * 3)


@pytest.mark.parametrize("rows", [2, 100])
def test_a_changed_byte_is_not_what_the_header_sums(catalogue, rows):
    file = catalogue / "1" / "Position" / "000002"
    content = bytearray(file.read_bytes())
    content[9] ^= 1
    file.write_bytes(content)
    with open_table(catalogue) as table:  # of others, whose sums the library may have wrong
        assert len(list(table.chunks(["Position"], [], rows))) == -(-10 // rows)
    with (catalogue / "Header" / "attr-v2").open("a") as header:
        header.write(f"software <a1 9 {b'halopaint'.hex()} #HUMANE [ halopaint ]\n")
    with open_table(catalogue) as table:
        with pytest.raises(BoxError, match="Position is damaged or was edited"):
            list(table.chunks(["Position"], [], rows))
        assert sum(len(chunk["ID"]) for chunk in table.chunks([], ["ID"], rows)) == 10
