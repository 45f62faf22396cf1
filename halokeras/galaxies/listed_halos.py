"""The halos that a catalogue of ours lists, checked as they are read, and their ids."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.columns import Column
from halokeras.boxes.halos import COLUMNS, Halos, check_halos
from halokeras.errors import BoxError
from halokeras.sources.tables.own import is_number
from halokeras.sources.tables.table import Table
from halokeras.storage.memory import refuse_beyond_memory

ROWS = 2**18
"""Halos at a time."""

Sides = tuple[float, float, float]


def halo_columns(table: Table) -> dict[str, tuple[str, ...]]:
    """Return the columns of a table that are ours, by the names of the fields of `Halos`."""
    names = {name: _names(table, column) for name, column in COLUMNS.items()}
    return {name: columns for name, columns in names.items() if columns}


def sides_of(told: Any, name: str) -> Sides:
    """Return the three sides of a box [Mpc/h] of which a catalogue tells one or three.

    Raises
    ------
    BoxError
        If they are none.
    """
    sizes = tuple(told) if isinstance(told, list) else (told,) * 3
    if len(sizes) != 3 or not all(is_number(side) and side > 0 for side in sizes):
        raise BoxError(f"{name}: Lbox is {told!r}; it must be one side or three, in Mpc/h")
    return sizes[0], sizes[1], sizes[2]


def listed_halos(
    table: Table,
    columns: Mapping[str, tuple[str, ...]],
    sides: Sides,
    name: str,
    beside: Sequence[str] = (),
) -> Iterator[Halos]:
    """Read halos, `ROWS` or fewer at a time.

    Parameters
    ----------
    table
        Of the catalogue.
    columns
        Those that are read, as `halo_columns` returns them.
    sides
        Of the box [Mpc/h].
    name
        Of the file, for messages.
    beside
        Further columns that are read with them, so that their checksums are checked.

    Raises
    ------
    BoxError
        If there are no positions, a value is none that its column may have, or a halo lies outside
        the box.
    """
    if "position" not in columns:
        raise BoxError(f"{name} has no positions of its halos; draw the catalogue again")
    whole = [part for field in ("id", "parent", "particles") for part in columns.get(field, ())]
    real = [part for parts in columns.values() for part in parts if part not in whole]
    told = {field: ", ".join(parts) for field, parts in columns.items()}
    for chunk in table.chunks([*real, *beside], whole, ROWS):
        halos = Halos(
            **{
                field: COLUMNS[field].stored(chunk[parts[0]])
                if len(parts) == 1
                else np.stack([chunk[part] for part in parts], axis=1)
                for field, parts in columns.items()
            }
        )
        check_halos(halos, sides, name, told)
        yield halos


def check_listed_ids(table: Table, column: str, name: str, remedy: str) -> None:
    """Refuse ids, in a column of a catalogue, of which one stands twice; as `check_ids`."""
    check_ids(
        lambda: (chunk[column] for chunk in table.chunks([], [column], ROWS)),
        f"{name}: {column}",
        remedy,
    )


def check_ids(pieces: Callable[[], Iterable[NDArray[Any]]], name: str, remedy: str) -> None:
    """Refuse ids of which one stands twice.

    Parameters
    ----------
    pieces
        Gives the ids from the first on, at every call.
    name
        Of the file and the column.
    remedy
        What helps, for the message.

    Raises
    ------
    BoxError
        If ids repeat; the message says how many.
    """
    # Those that halopaint draws ascend, so that only others need to be in memory.
    number, last, ascending = 0, None, True
    for ids in pieces():
        number += len(ids)
        if len(ids):
            ascending &= bool((ids[1:] > ids[:-1]).all()) and (last is None or ids[0] > last)
            last = ids[-1]
    if ascending:
        return
    refuse_beyond_memory(
        2 * 8 * number, f"{name}: comparing {number:,} ids", "sort the halos by id"
    )
    ordered = np.sort(np.concatenate(list(pieces())))
    again = int(np.count_nonzero(ordered[1:] == ordered[:-1]))
    if again:
        raise BoxError(f"{name}: {again:,} of {number:,} ids repeat an earlier one; {remedy}")


def _names(table: Table, column: Column) -> tuple[str, ...]:
    """Return the columns of a table that are one of ours, or none."""
    parts = tuple(column.parts())
    if all(part in table.columns for part in parts):
        return parts
    bigfile = "ID" if column.name == "id" else column.name.title().replace("_", "")
    return (bigfile,) if bigfile in table.columns else ()
