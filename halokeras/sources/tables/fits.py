"""Columns in the binary tables of FITS files, by astropy."""

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.errors import BoxError, DamagedError
from halokeras.sources.tables.table import (
    NAMED_TWICE,
    USUAL_PARTS,
    Chunk,
    Table,
    TableColumn,
    UnreadableColumn,
    choose_part,
    column_of,
    listed,
    mask_out,
    needs,
    plain_about,
    sort_out,
    unit_in,
)
from halokeras.storage.checksums import ROWS_SUM, damaged, fits_sum
from halokeras.storage.unreadable import reading, unreadable

_LAYOUT = (
    *("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS"),
    *("TTYPE", "TFORM", "TUNIT", "TCOMM", "TDIM", "TNULL", "EXTNAME", "CHECKSUM", "DATASUM"),
    ROWS_SUM,
)
"""How keywords begin that tell of the file and not of its halos."""
_USUAL = tuple(name for name in USUAL_PARTS if not name.isdigit())
"""Names of tables, as a number here is a place in the file."""


@contextmanager
def open_fits(path: Path, part: str | None, option: str) -> Iterator[Table]:
    """Open a binary table of a FITS file, by the name or the number of its extension.

    Raises
    ------
    BoxError
        If the file is no FITS or shorter than it says, or holds several tables and `part` names
        none, or astropy is missing.
    """
    fits = needs("astropy.io.fits", "catalogues", str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of what is refused here, or harmless
        with _reading(fits, path):
            opened = fits.open(path, memmap=True, disable_image_compression=True)
        with opened:
            with _reading(fits, path):
                table = _table(fits, opened, path, part, option)
            yield table


@contextmanager
def _reading(fits: Any, path: Path) -> Iterator[None]:
    """Raise as a `BoxError` what astropy finds wrong with a file."""
    try:
        with reading(str(path)):
            yield
    except fits.VerifyError as error:
        raise unreadable(str(path), error) from error


def _chosen(fits: Any, opened: Any, path: Path, part: str | None, option: str) -> tuple[str, Any]:
    """Return the name of the table that is read and its extension."""
    units = {
        str(number): unit
        for number, unit in enumerate(opened)
        if isinstance(unit, fits.BinTableHDU)
    }
    if not units and ROWS_SUM in opened[0].header:
        raise DamagedError(f"{path} is damaged: its table is missing; fetch or make it again")
    if not units:
        raise BoxError(f"{path} holds no binary table; check the file")
    times = Counter(unit.name for unit in units.values())
    named = {
        number if not unit.name or times[unit.name] > 1 else unit.name: unit
        for number, unit in units.items()
    }
    chosen = choose_part(list(named), path, option, _USUAL) if part is None else part
    if times[chosen] > 1:
        same = [number for number, unit in units.items() if unit.name == chosen]
        raise BoxError(
            f"{path} holds {len(same)} tables of the name {chosen}; choose one by its number with "
            f"{option}: {listed(same)}"
        )
    unit = named.get(chosen, units.get(chosen))
    if unit is None:
        raise BoxError(f"{path} has no table {part}; choose {option} from {listed(named)}")
    return chosen, unit


def _table(fits: Any, opened: Any, path: Path, part: str | None, option: str) -> Table:
    chosen, unit = _chosen(fits, opened, path, part, option)
    rows, start = int(unit.header["NAXIS2"]), int(unit.fileinfo()["datLoc"])
    promised = start + rows * int(unit.header["NAXIS1"])
    if promised > path.stat().st_size:
        raise DamagedError(
            f"{path} is damaged: it promises {promised:,} bytes and holds "
            f"{path.stat().st_size:,}; fetch or make it again"
        )
    described: dict[str, TableColumn | str] = {}
    nulls = {}
    for number, column in enumerate(unit.columns, start=1):
        # Pointers into the heap, bits, text and complex numbers are no columns of ours.
        letter = column.format.lstrip("0123456789")[:1]
        stored = unit.columns.dtype[column.name]
        scaled = column.bscale not in (None, "", 1)
        dtype = np.dtype("f8") if scaled else stored.base
        told = column.unit or unit_in(unit.header.get(f"TCOMM{number}"))
        if column.null not in (None, "") and letter in "BIJK":
            nulls[column.name] = int(column.null) * (column.bscale or 1) + (column.bzero or 0)
        if column.name in described:
            described[column.name] = NAMED_TWICE
        elif letter in "BIJKED":
            described[column.name] = column_of(dtype, stored.shape, told)
        else:
            described[column.name] = f"is of FITS type {column.format}"
    columns, unusable = sort_out(described)
    name = f"{path}, {chosen}"
    header = {**opened[0].header, **unit.header}
    about = {
        name: value
        for name, value in header.items()
        if not name.startswith(_LAYOUT) and name not in ("COMMENT", "HISTORY", "")
    }

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        _check_sum(path, opened, unit, name)
        for first in range(0, rows, at_once):
            # Of a part of the table astropy scales that part only.
            records = unit.data[first : first + at_once]
            chunk = {name: np.asarray(records.field(name)) for name in (*numbers, *integers)}
            for column in nulls.keys() & chunk.keys():
                lacking = chunk[column] == nulls[column]
                if column in integers and lacking.any():
                    raise UnreadableColumn(name, column, "has rows without a value")
                chunk[column] = mask_out(chunk[column], lacking)
            yield chunk

    return Table(name, chosen, columns, rows, read, plain_about(about), unusable)


def _check_sum(path: Path, opened: Any, unit: Any, name: str) -> None:
    """Refuse a catalogue of ours whose rows have not the sum that it tells."""
    told, where = opened[0].header.get(ROWS_SUM), unit.fileinfo()
    if told is None or unit is not opened[1]:
        return
    with path.open("rb") as file:
        file.seek(where["datLoc"])
        if told != fits_sum(file, where["datSpan"]):
            raise damaged(name, "a row")
