"""The rows of a table in one meaning: logarithms raised, hosts of parent -1, halos of one epoch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import COLUMNS
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns
from halokeras.sources.tables.table import Chunk, Table

_EPOCHS = ("scale", "halo_scale_factor", "halo_scale")
"""Columns in which merger trees, and what is made of them, tell the scale factor of a halo."""
_NO_HOST = ("hosthalo", "hosthaloid")
"""Columns of finders that write 0 or -1 for a halo that lies in none."""
_SAME = 1e-4


def plain_rows(table: Table, columns: Columns, logarithm: bool) -> Table:
    """Return a table whose rows are to be taken as `halokeras.sources.catalogue.halo_rows` does.

    Parameters
    ----------
    table
        Opened.
    columns
        What is read of it.
    logarithm
        Whether the column of masses holds their decimal logarithm.

    Returns
    -------
    Table
        When it is read it raises `BoxError` if halos of two epochs are in it.
    """
    epoch = next((name for name in table.columns if name.lower() in _EPOCHS), None)
    none = None
    if columns.parent is not None and columns.parent.lower() in _NO_HOST:
        none = _no_host(table, columns.parent, columns.id)
    masses = _masses(columns) if logarithm else set()
    if epoch is None and none is None and not masses:
        return table
    seen: list[float] = []

    def read(numbers: Sequence[str], integers: Sequence[str], rows: int) -> Iterator[Chunk]:
        wanted = [*numbers, *([] if epoch is None or epoch in numbers else [epoch])]
        for chunk in table.read(wanted, integers, rows):
            plain = {name: chunk[name] for name in (*numbers, *integers)}
            if epoch is not None and len(chunk[epoch]):
                _check_epoch(chunk[epoch], seen, table.name)
            for name in masses & plain.keys():
                plain[name] = np.power(10.0, plain[name].astype(np.float64))
            if none is not None and columns.parent in plain:
                plain[columns.parent] = _told_hosts(plain[columns.parent], none)
            yield plain

    return replace(table, read=read)


def _masses(columns: Columns) -> set[str]:
    """Return the columns that hold masses."""
    named = {name: parts for name, parts in columns.further.items() if name in COLUMNS}
    further = [parts for name, parts in named.items() if COLUMNS[name].unit == "Msun/h"]
    return {name for parts in further for name in parts} | {*filter(None, [columns.mass])}


def _check_epoch(scales: NDArray[Any], seen: list[float], name: str) -> None:
    seen[:] = seen or [float(scales[0])]
    others = scales[np.abs(scales - seen[0]) > _SAME]
    if len(others):
        raise BoxError(
            f"{name} holds halos of several epochs, of scale factor {seen[0]:g} and {others[0]:g}; "
            "name a list of one epoch"
        )


def _no_host(table: Table, parent: str, id: str | None) -> int:
    """Return the value that stands for no host, 0 or -1.

    AHF writes 0, but -1 where its ids count from 0. Unsigned, -1 may be a halo's id; it is taken
    for one where 0 is there too.
    """
    ids = [] if id is None else [id]
    zero = minus_one = zero_is_id = minus_one_is_id = False
    for chunk in table.chunks([], [*ids, parent]):
        zero |= bool((chunk[parent] == 0).any())
        minus_one |= chunk[parent].dtype.kind == "i" and bool((chunk[parent] == -1).any())
        for name in ids:
            own = chunk[name].astype(np.int64, copy=False)
            zero_is_id |= bool((own == 0).any())
            minus_one_is_id |= bool((own == -1).any())
    if zero_is_id or (minus_one and not minus_one_is_id):
        return -1
    return 0 if zero else -1


def _told_hosts(parents: NDArray[Any], none: int) -> NDArray[Any]:
    """Return parents of which -1, and no other, means that a halo lies in none."""
    if none == -1:
        return parents
    told = parents.astype(np.int64)
    hosts = told == none
    told[told == -1] = 0  # the halo of the last unsigned id
    told[hosts] = -1
    return told
