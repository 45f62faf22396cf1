"""Rows of tiles of a painted Zarr group that workers write, each its own, in whole chunks.

A worker that has its row on the disk writes a note of it, in a folder beside the group: where the
note is the row is done, for whoever goes on after a kill. Of what is told of all rows whoever
finishes the group has its checksums and its halos, and reads none of it.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.painting.tiles import Place
from halokeras.storage.checksums import block_sum
from halokeras.storage.files import write_text
from halokeras.storage.stores import shared_store

COUNTS, COUNTS_BY_MASS = "counts", "counts_by_mass"
"""The arrays of a painted file."""

Filled = Mapping[str, NDArray[Any]]
"""What the arrays of a painted file hold in a row of tiles, by their names."""


class WrittenRow(NamedTuple):
    """What is told of a row: the `block_sum` of each of its arrays, and its halos."""

    sums: Mapping[str, str]
    halos: float


def notes_folder(part: Path) -> Path:
    """Return where the notes of an unfinished group lie."""
    return part.with_name("rows")


def write_row(part: Path, number: int, place: Place, filled: Filled) -> WrittenRow:
    """Write a row of an unfinished group, and then its note; return what that tells.

    Raises
    ------
    BoxError
        If the group is not there.
    OutputError
        If the note cannot be written.
    """
    told = told_of(filled)
    shared_store(part).write(filled, place)
    write_text(_note(part, number), json.dumps(told._asdict()))
    return told


def told_of(filled: Filled) -> WrittenRow:
    """Return what is told of a row that holds such arrays."""
    halos = float(filled[COUNTS].sum(dtype=np.float64))
    return WrittenRow({name: block_sum(values) for name, values in filled.items()}, halos)


def written_rows(part: Path, rows: int, names: Iterable[str]) -> dict[int, WrittenRow]:
    """Return what notes tell of the rows of a group, by number; a note that is none is no matter.

    Parameters
    ----------
    part
        The unfinished group.
    rows
        How many rows it has in all.
    names
        Names of its arrays.
    """
    wanted = set(names)
    found = {number: _read(_note(part, number), wanted) for number in range(rows)}
    return {number: told for number, told in found.items() if told is not None}


def _note(part: Path, number: int) -> Path:
    return notes_folder(part) / f"{number:06d}.json"


def _read(note: Path, wanted: set[str]) -> WrittenRow | None:
    try:
        told: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        sums = {str(name): str(one) for name, one in told["sums"].items()}
        good = sums.keys() == wanted and all(len(bytes.fromhex(one)) == 32 for one in sums.values())
        return WrittenRow(sums, float(told["halos"])) if good else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
