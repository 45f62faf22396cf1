"""What a file is that is no table of a format that is read, by how it begins."""

from collections.abc import Sequence
from typing import Literal

_UNPACK = "unpack it with {}, and name the file in it"
_FOREIGN: Sequence[tuple[bytes, str, str]] = (
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", _UNPACK.format("unzstd")),
    (b"\xfd7zXZ\0", "compressed by xz", _UNPACK.format("unxz")),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK.format("7z x")),
    (b"\x1f\x9d", "compressed by compress", _UNPACK.format("uncompress")),
    (b"ARROW1", "an Arrow or Feather file", "write it as Parquet"),
    (b"SQLite format 3", "an SQLite database", "write its table as CSV or Parquet"),
    (b"CDF\x01", "a NetCDF 3 file", "write it as HDF5"),
    (b"CDF\x02", "a NetCDF 3 file", "write it as HDF5"),
    (b"CDF\x05", "a NetCDF 3 file", "write it as HDF5"),
    (b"\x0e\x03\x13\x01", "an HDF4 file", "write it as HDF5, as h4toh5 does"),
    (b"MATLAB 5.0 MAT", "a MATLAB file", "save it with -v7.3, which is HDF5, or as CSV"),
    (b"root\0", "a ROOT file", "write its tree as Parquet"),
    (b"SR\0\x04", "an IDL save file", "write its arrays as FITS or HDF5"),
    (b"#ASDF", "an ASDF file", "AbacusSummit's go by `halopaint prepare abacus-summit`"),
    (b"HACC01", "a GenericIO file of HACC", "write its columns as HDF5"),
    (b"\x80\x02", "a Python pickle, which may run code", "write it as .npz, HDF5 or Parquet"),
    (b"\x80\x03", "a Python pickle, which may run code", "write it as .npz, HDF5 or Parquet"),
    (b"\x80\x04", "a Python pickle, which may run code", "write it as .npz, HDF5 or Parquet"),
    (b"\x80\x05", "a Python pickle, which may run code", "write it as .npz, HDF5 or Parquet"),
    (b"\xd0\xd0\xc0\xc0\xce\xda\xde\xfa", "Rockstar's binary output", "name its .list or .ascii"),
    (b"<?xml", "XML, as a VOTable is", "write it as CSV, FITS or Parquet"),
    (b"<VOTABLE", "a VOTable", "write it as CSV, FITS or Parquet"),
    (b"<!DOCTYPE", "a web page and no table", "fetch it again: the address gave a page"),
    (b"<!doctype", "a web page and no table", "fetch it again: the address gave a page"),
    (b"<html", "a web page and no table", "fetch it again: the address gave a page"),
    (b"<HTML", "a web page and no table", "fetch it again: the address gave a page"),
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself with git lfs pull"),
    (b"%PDF", "a PDF document", "name the table itself"),
    (b"\x89PNG", "a picture", "name the table itself"),
    (b"{", "JSON", "write it as CSV or Parquet"),
)
_MARKERS = (256, 8)
"""Bytes of the first record of Gadget's binary snapshots: the header, or a label HEAD before it."""


def describe_foreign(begin: bytes) -> tuple[str, str] | None:
    """Return what a file that begins with `begin` is, and what helps, where no reader knows it."""
    for magic, looks, remedy in _FOREIGN:
        if begin.startswith(magic):
            return looks, remedy
    if begin[257:262] == b"ustar":
        return "a tar archive", _UNPACK.format("tar xf")
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        marker = int.from_bytes(begin[:4], order)
        if marker in _MARKERS and (marker == 256 or begin[4:8] == b"HEAD"):
            return (
                "a binary snapshot of Gadget's formats 1 and 2",
                "write it as HDF5 (SnapFormat=3), or its positions as .npy of (N, 3)",
            )
        if 0 < marker < 256 and int.from_bytes(begin[4 + marker : 8 + marker], order) == marker:
            return "records that Fortran or C wrote without a header", "write them as HDF5 or .npy"
    return None
