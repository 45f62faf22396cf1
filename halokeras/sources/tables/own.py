"""What the catalogues that halopaint writes tell of themselves, whatever their format."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.cosmology.cosmology import PARAMETERS, Cosmology
from halokeras.errors import BoxError, DamagedError, HalopaintError
from halokeras.readable import differences_told, in_ascii
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.table import Table
from halokeras.storage.files import DAMAGED, Found, refusal_of_other

_SAME = 1e-12
"""Relative difference of numbers that were written into a file and read again."""


def told(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what it tells by our names: FITS knows no small letters, BigFile other names."""
    known = {
        name.lower(): name for name in (*PARAMETERS, "logMmin", "sigma_logM", "logM0", "logM1")
    }
    plainly: dict[str, Any] = {}
    for name, value in about.items():
        plain = value.item() if isinstance(value, np.generic) else value
        plain = plain.tolist() if isinstance(plain, np.ndarray) else plain
        plainly[known.get(name.lower(), name.lower())] = plain
    sides = [plainly.pop(name, None) for name in ("lbox_x", "lbox_y", "lbox_z")]
    size = plainly.pop("lbox", None) or plainly.pop("boxsize", None) or sides
    return {"box_size": size, **plainly}


def cosmology_told(about: dict[str, Any], path: Path) -> Cosmology | None:
    """Take a cosmology out of what a catalogue tells by our names, if it tells one.

    Raises
    ------
    BoxError
        If it tells a part of one, or what is none.
    """
    parameters = {name: about.pop(name) for name in PARAMETERS if name in about}
    if not parameters:
        return None
    lacking = [name for name in PARAMETERS[:5] if name not in parameters]
    if lacking or not all(map(is_number, parameters.values())):
        what = f"it lacks {', '.join(lacking)}" if lacking else f"{parameters} are not all numbers"
        raise BoxError(
            f"{path} tells no whole cosmology: {what}; remove {', '.join(parameters)} from it and "
            "give --cosmology FILE"
        )
    try:
        return Cosmology(**{name: float(value) for name, value in parameters.items()})
    except BoxError as error:
        raise BoxError(f"{path}: {error}") from None


def found_catalogue(
    path: Path, about: Mapping[str, Any], name_tells: bool, read: bool = True
) -> Found:
    """Say what there is of a catalogue that is to be written, or refuse to replace another one.

    Parameters
    ----------
    path
        Where it is to be.
    about
        What the one that is to be written tells.
    name_tells
        Whether its name tells what it holds, so that one which is cut, and no longer does, is
        known by it.
    read
        Whether its columns are read; where not, one that is damaged in them is taken for whole.

    Raises
    ------
    OutputError
        If it is no catalogue that tells all that `about` does.
    """
    if not path.exists():
        return "absent"
    try:
        with open_table(path) as table:
            other = _otherwise(told(table.about), told(about))
            if not other:
                return "whole" if not read or _is_whole(table) else "damaged"
    except DamagedError:
        if name_tells:
            return "damaged"
        other = DAMAGED
    except HalopaintError:
        other = "it cannot be read as a catalogue"
    raise refusal_of_other(path, other)


def is_number(value: Any) -> bool:
    """Whether what a catalogue tells is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def _otherwise(held: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Say what a catalogue tells otherwise than asked; nothing if that is nothing."""
    wanted = {name: value for name, value in asked.items() if value != [None] * 3}
    others = [
        name for name, value in wanted.items() if name not in held or not _equal(held[name], value)
    ]
    return differences_told(others, held, wanted)


def _is_whole(table: Table) -> bool:
    """Whether all columns of a catalogue can be read, and are what their checksums say."""
    try:
        for _ in table.chunks([*table.columns]):
            pass
    except HalopaintError:
        return False
    return True


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) or isinstance(held, str):
        return in_ascii(str(held)) == in_ascii(str(wanted))  # as FITS has it
    return bool(np.allclose(held, wanted, rtol=_SAME, atol=0))
