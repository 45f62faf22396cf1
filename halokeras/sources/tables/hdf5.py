"""Columns in HDF5: datasets of one length in a group, or the fields of a compound dataset."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.sources.tables.astropy_meta import AstropyMeta, read_meta
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    Chunk,
    Table,
    TableColumn,
    UnreadableColumn,
    choose_part,
    column_of,
    listed,
    mask_out,
    of_one_length,
    plain_about,
    sort_out,
)
from halokeras.sources.tables.unit_text import CENTIMETRES, GRAMS, Unit, unit_of_factors
from halokeras.storage.checksums import COLUMN_SHA256, ArraySum, damaged
from halokeras.storage.hdf5_store import problem
from halokeras.storage.unreadable import reading

_LARGEST_CHUNK = 2**30
"""Bytes of the largest compressed piece that is unpacked."""
_LARGEST_READ = 2**28
"""Bytes of records that are read at once."""
_HEADERS = ("Parameters", "Units", "Cosmology", "SimulationInfo", "UnitInfo", "Header")
"""Groups of attributes in files of the kinds of Gadget, SWIFT and VELOCIraptor; the last holds."""
_META = ".__table_column_meta__"
"""Ends the name of the dataset in which astropy tells of the one that it stands beside."""
_DEEPEST = 4
"""Groups between the root and a column of a catalogue like SOAP's."""


@contextmanager
def open_hdf5(path: Path, part: str | None, option: str) -> Iterator[Table]:
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
            table = _table(file, path, part, option)
        yield table


def _table(file: h5py.File, path: Path, part: str | None, option: str) -> Table:
    about = plain_about(file.attrs)
    for name in _HEADERS:
        if isinstance(_own(file, name), h5py.Group):
            about.update(plain_about(file[name].attrs))
    about.update(_code_units(about))
    parts = _parts(file) if part is None else _named(file, part.strip("/"))
    if not parts:
        # A piece of a catalogue that is in many files may hold none of its rows.
        if about.get("NumFilesPerSnapshot", about.get("NumFiles", 1)) != 1:
            return Table(str(path), "", {}, 0, lambda *_: iter(()), about)
        known = listed([name or "/" for name in _parts(file)])
        raise BoxError(
            f"{path} has no table{f' {part}' if part else ''} that is its own; name a group or "
            f"compound dataset with {option} (there are {known})"
        )
    chosen = choose_part(list(parts), path, option)
    stored = parts[chosen]
    about.update(plain_about(stored.attrs))
    name = f"{path}, {chosen}" if chosen else str(path)
    if isinstance(stored, h5py.Dataset):
        meta = _astropy_meta(file, chosen, name)
        return _compound(stored, name, chosen, {**about, **meta.about}, meta)
    deep = stored == file and (part is not None or _is_soap(file))
    return _group(stored, name, chosen, about, _DEEPEST if deep else 0)


def _group(group: h5py.Group, name: str, part: str, about: dict[str, Any], depth: int) -> Table:
    described = _described(group, depth)
    lengths = {
        column: len(group[column])
        for column, one in described.items()
        if isinstance(one, TableColumn)
    }
    rows, described = of_one_length(lengths, described)
    columns, unusable = sort_out(described)

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        chosen = {column: group[column] for column in (*numbers, *integers)}
        # A compressed piece is unpacked whole, so that reading it by parts unpacks it again.
        pieces = [stored.chunks[0] for stored in chosen.values() if stored.chunks]
        step = min(max([at_once, *pieces]), max(rows, 1))
        told = {column: one for column in chosen if (one := _told_sum(chosen[column]))}
        sums = {column: ArraySum(chosen[column].dtype, chosen[column].shape) for column in told}
        for start in range(0, rows, step):
            chunk = {column: stored[start : start + step] for column, stored in chosen.items()}
            for column, summed in sums.items():
                summed.add(chunk[column])
            yield chunk
        for column, summed in sums.items():  # who reads only a part is told nothing
            if summed.hexdigest() != told[column]:
                raise damaged(name, f"column {column}")

    return Table(name, part, columns, rows, read, about, unusable)


def _told_sum(stored: h5py.Dataset) -> str | None:
    """Return the checksum that a column of ours tells; None of those of others, and of before."""
    told = plain_about(stored.attrs).get(COLUMN_SHA256)
    return told if isinstance(told, str) else None


def _compound(
    stored: h5py.Dataset, name: str, part: str, about: dict[str, Any], meta: AstropyMeta
) -> Table:
    why = _problem(stored)
    if why:
        raise BoxError(f"{name} {why}; write it again")
    fields = {field: stored.dtype[field] for field in stored.dtype.names[:MOST_COLUMNS]}
    described = {
        field: column_of(dtype.base, dtype.shape, meta.units.get(field))
        for field, dtype in fields.items()
    }
    masks = {one: mask for one, mask in meta.masks.items() if {one, mask} <= {*fields}}
    columns, unusable = sort_out(described)
    rows = len(stored)

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        # Only the fields of plain numbers are unpacked, never text or references.
        names = [*dict.fromkeys((*numbers, *integers))]
        needed = [*dict.fromkeys([*names, *(masks[one] for one in names if one in masks)])]
        most = max(1, _LARGEST_READ // stored.dtype.itemsize)
        step = min(max(at_once, stored.chunks[0] if stored.chunks else 0), most)
        whole = not unusable
        for start in range(0, rows, step):
            place = slice(start, start + step)
            records = stored[place] if whole else stored.fields(needed)[place]
            yield {column: _unmasked(records, column, masks, integers, name) for column in names}

    return Table(name, part, columns, rows, read, about, unusable)


def _unmasked(
    records: NDArray[Any],
    column: str,
    masks: Mapping[str, str],
    integers: Sequence[str],
    name: str,
) -> NDArray[Any]:
    """Return a column with its masked rows NaN."""
    if column not in masks:
        return records[column]
    masked = records[masks[column]].astype(bool)
    if column in integers and masked.any():
        raise UnreadableColumn(name, column, "has rows without a value")
    return mask_out(records[column], masked)


def _astropy_meta(file: h5py.File, part: str, name: str) -> AstropyMeta:
    """Return what astropy tells of a dataset, nothing where it did not write it."""
    above, _, last = part.rpartition("/")
    group = _named(file, above).get(above)
    stored = _own(group, last + _META) if isinstance(group, h5py.Group) else None
    if not isinstance(stored, h5py.Dataset) or stored.dtype.kind != "S" or stored.ndim != 1:
        return AstropyMeta()
    if len(stored) > MOST_COLUMNS * 10 or _problem(stored):
        raise BoxError(f"{name}: its astropy meta is no header of a table; write it again")
    return read_meta([line.decode("utf-8", "replace") for line in stored[:]], name)


def _is_soap(file: h5py.File) -> bool:
    """Whether a file is a catalogue of SOAP, whose columns are in many groups."""
    return all(isinstance(_own(file, name), h5py.Group) for name in ("InputHalos", "SOAP"))


def _parts(file: h5py.File) -> dict[str, h5py.Group | h5py.Dataset]:
    """Find the tables at the root and one group below it."""
    found: dict[str, h5py.Group | h5py.Dataset] = {}
    if _is_soap(file):
        return {"": file}
    if any(isinstance(one, TableColumn) for one in _described(file).values()):
        found[""] = file
    for name in _names(file):
        stored = _own(file, name)
        if _is_compound(stored) or (
            isinstance(stored, h5py.Group)
            and any(isinstance(one, TableColumn) for one in _described(stored).values())
        ):
            found[name] = stored
    return found


def _named(file: h5py.File, part: str) -> dict[str, h5py.Group | h5py.Dataset]:
    """Find the table of a name, by no link."""
    stored: Any = file
    for step in part.split("/") if part else []:
        stored = _own(stored, step) if isinstance(stored, h5py.Group) else None
    return {part: stored} if isinstance(stored, h5py.Group) or _is_compound(stored) else {}


def _described(group: h5py.Group, depth: int = 0) -> dict[str, TableColumn | str]:
    """Describe the datasets of a group that could be columns, or say why one is none."""
    described: dict[str, TableColumn | str] = {}
    for name in _names(group):
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            described[name] = "is a link"
            continue
        stored = group[name]
        if isinstance(stored, h5py.Group) and depth:
            below = _described(stored, depth - 1)
            described |= {f"{name}/{column}": one for column, one in below.items()}
            continue
        if not isinstance(stored, h5py.Dataset) or stored.dtype.names or stored.ndim not in (1, 2):
            continue
        column = column_of(stored.dtype, stored.shape[1:], _unit(stored))
        described[name] = _problem(stored) or column
    return described


def _unit(stored: h5py.Dataset) -> str | None:
    """Return the unit that the attributes of a dataset tell, in words or by factors."""
    told = plain_about(stored.attrs)
    unit = told.get("unit", told.get("units"))
    return unit if isinstance(unit, str) else unit_of_factors(told)


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


def _code_units(about: dict[str, Any]) -> dict[str, str]:
    """Name the units of all columns that a header tells.

    Gadget and AREPO tell them in cgs, lengths and masses being over h; VELOCIraptor in kpc and
    solar masses, physical or over h.
    """
    units = {}
    with suppress(TypeError, ValueError, KeyError):
        units["length_unit"] = Unit(
            "length", float(about["UnitLength_in_cm"]) / CENTIMETRES, per_h=True
        ).name
        units["mass_unit"] = Unit("mass", float(about["UnitMass_in_g"]) / GRAMS, per_h=True).name
    with suppress(TypeError, ValueError, KeyError):
        over_h = bool(int(about["Comoving_or_Physical"]))
        length, mass = float(about["Length_unit_to_kpc"]), float(about["Mass_unit_to_solarmass"])
        units["length_unit"] = Unit("length", length / 1e3, over_h, physical=not over_h).name
        units["mass_unit"] = Unit("mass", mass, over_h).name
    return units
