"""Columns in the binary tables of FITS files, by astropy."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.errors import BoxError
from halokeras.sources.tables.table import (
    Chunk,
    Table,
    choose_part,
    column_of,
    listed,
    needs,
    plain_about,
    sort_out,
    unit_in,
)
from halokeras.storage.unreadable import UNREADABLE, unreadable

_LAYOUT = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "TFIELDS")


@contextmanager
def open_fits(path: Path, part: str | None) -> Iterator[Table]:
    """Open a binary table of a FITS file, by the name or the number of its extension.

    Raises
    ------
    BoxError
        If the file is no FITS or shorter than it says, or holds several tables and `part` names
        none, or astropy is missing.
    """
    fits = needs("astropy.io.fits", "catalogues", str(path))
    damaged = (*UNREADABLE, fits.VerifyError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of what is refused here, or harmless
        try:
            opened = fits.open(path, memmap=True, disable_image_compression=True)
        except damaged as error:
            raise unreadable(str(path), error) from error
        with opened:
            try:
                table = _table(fits, opened, path, part)
            except damaged as error:
                raise unreadable(str(path), error) from error
            yield table


def _table(fits: Any, opened: Any, path: Path, part: str | None) -> Table:
    extensions = {
        unit.name or str(number): unit
        for number, unit in enumerate(opened)
        if isinstance(unit, fits.BinTableHDU)
    }
    if not extensions:
        raise BoxError(f"{path} holds no binary table; check the file")
    chosen = choose_part(list(extensions), path) if part is None else part
    if chosen not in extensions:
        raise BoxError(f"{path} has no table {part}; choose --table from {listed(extensions)}")
    unit = extensions[chosen]
    rows, start = int(unit.header["NAXIS2"]), int(unit.fileinfo()["datLoc"])
    promised = start + rows * int(unit.header["NAXIS1"])
    if promised > path.stat().st_size:
        raise BoxError(
            f"{path} promises {promised:,} bytes and holds {path.stat().st_size:,}; fetch it again"
        )
    described = {}
    for number, column in enumerate(unit.columns, start=1):
        # Pointers into the heap, bits, text and complex numbers are no columns of ours.
        letter = column.format.lstrip("0123456789")[:1]
        stored = unit.columns.dtype[column.name]
        scaled = column.bscale not in (None, "", 1)
        dtype = np.dtype("f8") if scaled else stored.base
        told = column.unit or unit_in(unit.header.get(f"TCOMM{number}"))
        described[column.name] = (
            column_of(dtype, stored.shape, told)
            if letter in "BIJKED"
            else f"is of FITS type {column.format}"
        )
    columns, unusable = sort_out(described)
    header = {**opened[0].header, **unit.header}
    about = {
        name: value
        for name, value in header.items()
        if not name.startswith((*_LAYOUT, "NAXIS", "TTYPE", "TFORM", "TUNIT", "TCOMM", "TDIM"))
        and name not in ("COMMENT", "HISTORY", "")
    }

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        for first in range(0, rows, at_once):
            # Of a part of the table astropy scales that part only.
            records = unit.data[first : first + at_once]
            yield {name: np.asarray(records.field(name)) for name in (*numbers, *integers)}

    name = f"{path}, {chosen}"
    return Table(name, chosen, columns, rows, read, plain_about(about), unusable)
