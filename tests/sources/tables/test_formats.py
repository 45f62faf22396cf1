"""What a file is, told by how it begins, and which files are one catalogue."""

import bz2
import gzip
import pickle
import struct
import tarfile

import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.tables.formats import open_table
from tests.sources import genuine

pytest.importorskip("pyarrow")
TEXT = "#scale(0) id(1) x(2)\n" + "".join(f"0.5 {i} {i / 4}\n" for i in range(300))


def numbers(path, name="x"):
    with open_table(path) as table:
        return np.concatenate([chunk[name] for chunk in table.chunks([name])])


def refused(path, *words):
    with pytest.raises(BoxError) as caught, open_table(path):
        pass
    assert "\n" not in str(caught.value)
    for word in (path.name, *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("pack", [gzip, bz2])
@pytest.mark.parametrize("block", [2**22, 64])
def test_packed_text_is_read(tmp_path, monkeypatch, pack, block):
    from halokeras.sources.tables import text_rows

    monkeypatch.setattr(text_rows, "BLOCK", block)
    path = tmp_path / f"hlist_0.50000.list.{'gz' if pack is gzip else 'bz2'}"
    path.write_bytes(pack.compress(TEXT.encode()))
    np.testing.assert_array_equal(numbers(path), np.arange(300) / 4)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BoxError, match="cannot be read"):
        numbers(path)


def test_packed_files_of_other_formats_are_named(tmp_path):
    for name in ("a.fits.gz", "a.hdf5.gz", "a.tar.gz", "a.npy.bz2"):
        path = tmp_path / name
        path.write_bytes((gzip if name.endswith("gz") else bz2).compress(b"anything"))
        refused(path, "unpack it")


def test_a_file_is_known_by_its_beginning_and_not_by_its_name(tmp_path):
    path = tmp_path / "halos.dat"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(5.0)
    np.testing.assert_array_equal(numbers(path), np.arange(5))
    with (tmp_path / "halos.txt").open("wb") as file:
        np.savez(file, x=np.arange(3.0))
    np.testing.assert_array_equal(numbers(tmp_path / "halos.txt"), np.arange(3))


GADGET = struct.pack("<i6i", 256, *range(6)).ljust(260, b"\0") + struct.pack("<i", 256)
ROCKSTAR = struct.pack("<Q", 0xFADEDACEC0C0D0D0) + bytes(90)
FOREIGN = {
    "halos.h5": (b"<!DOCTYPE html><html>", "web page", "fetch it again"),
    "halos.fits": (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS", "git lfs pull"),
    "halos.csv.zst": (b"\x28\xb5\x2f\xfd" + bytes(30), "Zstandard", "unzstd"),
    "halos.csv.xz": (b"\xfd7zXZ\0" + bytes(30), "xz", "unxz"),
    "halos.pkl": (pickle.dumps({"x": 1}), "pickle", ".npz"),
    "halos.feather": (b"ARROW1\0\0" + bytes(30), "Feather", "Parquet"),
    "halos.db": (b"SQLite format 3\0" + bytes(30), "SQLite", "CSV"),
    "halos.nc": (b"CDF\x01" + bytes(30), "NetCDF", "HDF5"),
    "halos.root": (b"root\0\0" + bytes(30), "ROOT", "Parquet"),
    "halos.vot": (b"<?xml version='1.0'?><VOTABLE>", "VOTable", "CSV"),
    "halos.json": (b'{"x": [1, 2]}', "JSON", "CSV"),
    "snapshot_004": (GADGET, "Gadget's formats 1 and 2", "SnapFormat=3"),
    "snapshot_005": (struct.pack("<i4sii", 8, b"HEAD", 264, 8) + GADGET, "formats 1 and 2", "HDF5"),
    "snapshot_006": (struct.pack(">i", 256) + bytes(256), "formats 1 and 2", "HDF5"),
    "catalog.out": (struct.pack("<iii", 4, 1, 4) + bytes(90), "records", "HDF5"),
    "halos_0.0.bin": (ROCKSTAR, "Rockstar's binary", "list"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_formats_of_others_are_named_with_what_helps(tmp_path, name):
    content, *words = FOREIGN[name]
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, *words)


def test_archives_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.csv", "a.csv")
    refused(tmp_path / "a.tar", "tar archive", "tar xf")
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.csv", "a.csv")
    refused(tmp_path / "a.zip", "zip archive of a.csv", "unpack it")


@pytest.mark.parametrize("text", ["root_id x\n1 2\n", "ROOT x\n1 2\n", "P x\n1 2\n"])
def test_text_that_begins_like_another_format_is_text(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    np.testing.assert_array_equal(numbers(tmp_path / "a.txt"), [2])


def test_pieces_of_one_catalogue(tmp_path):
    for number in range(2):
        genuine.rockstar(tmp_path / f"halos_{number}.list")
    with open_table(tmp_path) as table:
        assert len(np.concatenate([chunk["X"] for chunk in table.chunks(["X"])])) == 80


CHANGES = {
    "a = 0.769231": ("a = 0.700000", "redshift is 0.3"),
    "Box size: 256": ("Box size: 512", "the box is 256"),
    "Particle mass: 8.71890e+10": ("Particle mass: 1.0e+10", "the mass of a particle is 8.71"),
    "Om = 0.314153": ("Om = 0.27", "omega_m is 0.314153"),
    "h = 0.672600": ("h = 0.7", "h is 0.6726"),
}


@pytest.mark.parametrize("stated", CHANGES)
def test_files_of_other_epochs_or_simulations_are_no_pieces(tmp_path, stated):
    other, told = CHANGES[stated]
    genuine.rockstar(tmp_path / "out_0.list")
    path = genuine.rockstar(tmp_path / "out_1.list")
    path.write_text(path.read_text().replace(stated, other))
    refused(tmp_path, told, "out_0.list", "out_1.list", "name one file")


def test_lists_of_the_epochs_of_trees_are_no_pieces(tmp_path):
    genuine.hlist(tmp_path / "hlist_0.70000.list", 0.7)
    genuine.hlist(tmp_path / "hlist_0.76923.list", 0.76923)
    refused(tmp_path, "different simulations or epochs", "redshift is 0.428571")
    (tmp_path / "hlist_0.70000.list").unlink()
    packed = tmp_path / "hlist_0.76923.list.gz"
    packed.write_bytes(gzip.compress((tmp_path / "hlist_0.76923.list").read_bytes()))
    refused(tmp_path, "packed and unpacked")


def test_snapshots_of_swift_are_no_pieces(tmp_path):
    for number, redshift in enumerate((0.3, 0.5)):
        path = genuine.swift(tmp_path / f"snapshot_{number}.hdf5")
        with h5py.File(path, "a") as file:
            file["Header"].attrs["NumFilesPerSnapshot"] = [2]
            file["Header"].attrs["Redshift"] = [redshift]
            file["Header"].attrs["Scale-factor"] = [1 / (1 + redshift)]
    refused(tmp_path, "redshift is 0.3 in snapshot_0.hdf5 and 0.5 in snapshot_1.hdf5")
