"""Columns in HDF5: datasets of one length in a group, or the fields of a compound dataset."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from halokeras.errors import BoxError
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    Chunk,
    Column,
    Table,
    choose_part,
    column_of,
    listed,
    of_one_length,
    plain_about,
    sort_out,
)
from halokeras.storage.hdf5_store import problem
from halokeras.storage.unreadable import reading

_LARGEST_CHUNK = 2**30
"""Bytes of the largest compressed piece that is unpacked."""
_LARGEST_READ = 2**28
"""Bytes of records that are read at once."""
_HEADERS = ("Header", "Parameters", "Units")
"""Groups of attributes in files of Gadget's kind."""


@contextmanager
def open_hdf5(path: Path, part: str | None) -> Iterator[Table]:
    """Open a table in an HDF5 file; links, and data outside the file, are not followed.

    Raises
    ------
    BoxError
        If the file is no HDF5, holds no table, or several and `part` names none.
    """
    with reading(str(path)):
        file = h5py.File(path, "r")
    with file:
        with reading(str(path)):
            table = _table(file, path, part)
        yield table


def _table(file: h5py.File, path: Path, part: str | None) -> Table:
    about = plain_about(file.attrs)
    for name in _HEADERS:
        if isinstance(_own(file, name), h5py.Group):
            about.update(plain_about(file[name].attrs))
    about.update(_gadget_units(about))
    parts = _parts(file) if part is None else _named(file, part.strip("/"))
    if not parts:
        # A piece of a catalogue that is in many files may hold none of its rows.
        if about.get("NumFilesPerSnapshot", about.get("NumFiles", 1)) != 1:
            return Table(str(path), "", {}, 0, lambda *_: iter(()), about)
        known = listed([name or "/" for name in _parts(file)])
        raise BoxError(
            f"{path} has no table{f' {part}' if part else ''} that is its own; name a group or "
            f"compound dataset with --table (there are {known})"
        )
    chosen = choose_part(list(parts), path)
    stored = parts[chosen]
    about.update(plain_about(stored.attrs))
    name = f"{path}, {chosen}" if chosen else str(path)
    if isinstance(stored, h5py.Dataset):
        return _compound(stored, name, chosen, about)
    return _group(stored, name, chosen, about)


def _group(group: h5py.Group, name: str, part: str, about: dict[str, Any]) -> Table:
    described = _described(group)
    lengths = {
        column: len(group[column]) for column, one in described.items() if isinstance(one, Column)
    }
    rows, described = of_one_length(lengths, described)
    columns, unusable = sort_out(described)

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        chosen = {column: group[column] for column in (*numbers, *integers)}
        # A compressed piece is unpacked whole, so that reading it by parts unpacks it again.
        pieces = [stored.chunks[0] for stored in chosen.values() if stored.chunks]
        step = min(max([at_once, *pieces]), max(rows, 1))
        for start in range(0, rows, step):
            yield {column: stored[start : start + step] for column, stored in chosen.items()}

    return Table(name, part, columns, rows, read, about, unusable)


def _compound(stored: h5py.Dataset, name: str, part: str, about: dict[str, Any]) -> Table:
    why = _problem(stored)
    if why:
        raise BoxError(f"{name} {why}; write it again")
    fields = {field: stored.dtype[field] for field in stored.dtype.names[:MOST_COLUMNS]}
    described = {field: column_of(dtype.base, dtype.shape, None) for field, dtype in fields.items()}
    columns, unusable = sort_out(described)
    rows = len(stored)

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        # Only the fields of plain numbers are unpacked, never text or references.
        names = [*dict.fromkeys((*numbers, *integers))]
        most = max(1, _LARGEST_READ // stored.dtype.itemsize)
        step = min(max(at_once, stored.chunks[0] if stored.chunks else 0), most)
        whole = not unusable
        for start in range(0, rows, step):
            place = slice(start, start + step)
            records = stored[place] if whole else stored.fields(names)[place]
            yield {column: records[column] for column in names}

    return Table(name, part, columns, rows, read, about, unusable)


def _parts(file: h5py.File) -> dict[str, h5py.Group | h5py.Dataset]:
    """Find the tables at the root and one group below it."""
    found: dict[str, h5py.Group | h5py.Dataset] = {}
    if any(isinstance(one, Column) for one in _described(file).values()):
        found[""] = file
    for name in _names(file):
        stored = _own(file, name)
        if _is_compound(stored) or (
            isinstance(stored, h5py.Group)
            and any(isinstance(one, Column) for one in _described(stored).values())
        ):
            found[name] = stored
    return found


def _named(file: h5py.File, part: str) -> dict[str, h5py.Group | h5py.Dataset]:
    """Find the table of a name, by no link."""
    stored: Any = file
    for step in part.split("/") if part else []:
        stored = _own(stored, step) if isinstance(stored, h5py.Group) else None
    return {part: stored} if isinstance(stored, h5py.Group) or _is_compound(stored) else {}


def _described(group: h5py.Group) -> dict[str, Column | str]:
    """Describe the datasets of a group that could be columns, or say why one is none."""
    described: dict[str, Column | str] = {}
    for name in _names(group):
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            described[name] = "is a link"
            continue
        stored = group[name]
        if not isinstance(stored, h5py.Dataset) or stored.dtype.names or stored.ndim not in (1, 2):
            continue
        unit = plain_about({"unit": stored.attrs.get("unit", stored.attrs.get("units"))})
        told = unit.get("unit")
        column = column_of(stored.dtype, stored.shape[1:], told if isinstance(told, str) else None)
        described[name] = _problem(stored) or column
    return described


def _is_compound(stored: Any) -> bool:
    return isinstance(stored, h5py.Dataset) and bool(stored.dtype.names) and stored.ndim == 1


def _problem(stored: h5py.Dataset) -> str | None:
    """Say what forbids to read a dataset, if anything does."""
    piece = stored.dtype.itemsize * int(np.prod(stored.chunks or (0,), dtype=np.float64))
    if piece > _LARGEST_CHUNK:
        return f"is stored in pieces of {piece:,} bytes"
    return problem(stored)


def _own(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """Return what a group itself holds under a name, no link."""
    link = group.get(name, getlink=True)
    return group[name] if isinstance(link, h5py.HardLink) else None


def _names(group: h5py.Group) -> list[str]:
    if len(group) > MOST_COLUMNS:
        raise BoxError(
            f"{group.file.filename} holds {len(group)} datasets in {group.name}; a table has at "
            f"most {MOST_COLUMNS} columns"
        )
    return list(group)


def _gadget_units(about: dict[str, Any]) -> dict[str, str]:
    """Name the units that Gadget and AREPO tell in cgs; lengths and masses are over h there."""
    units = {}
    length, mass = about.get("UnitLength_in_cm"), about.get("UnitMass_in_g")
    if isinstance(length, int | float):
        for unit, size in (("kpc/h", 3.0857e21), ("Mpc/h", 3.0857e24)):
            if abs(length / size - 1) < 0.01:
                units["length_unit"] = unit
    if isinstance(mass, int | float):
        for unit, size in (("Msun/h", 1.989e33), ("1e10 Msun/h", 1.989e43)):
            if abs(mass / size - 1) < 0.01:
                units["mass_unit"] = unit
    return units
