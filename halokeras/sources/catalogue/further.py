"""Columns of a table beyond places and masses: taken where their unit is known, and told where not.

A file's own word on a unit goes first. Where it has none, halotools' names tell it, but not of
radii, which Rockstar's own files have in kpc/h; masses are in the unit that the user states.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from halokeras.boxes.box_file import FORMAT
from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns
from halokeras.sources.tables.table import Table
from halokeras.sources.tables.unit_text import parse_unit

_VELOCITIES = ("km/s", "kms-1", "kms^-1", "kms**-1", "km*s**-1", "kmsec-1", "km/sec")
_OF_THE_FILE = {"Msun/h": "mass_unit", "km/s": "velocity_unit"}
"""Where a file tells the unit of all columns of a kind."""


def with_known_units(
    table: Table, columns: Columns, named: Mapping[str, str], units: Mapping[str, str]
) -> tuple[Columns, list[str]]:
    """Leave out the further columns whose unit is not known, and say so.

    Parameters
    ----------
    table, columns
        The table, and what was chosen of it.
    named
        What the user named, whose unit is the one stated unless the file has another.
    units
        In which the user states what a box has in Mpc/h, Msun/h and km/s.

    Raises
    ------
    BoxError
        If the file's unit of a column that was named is another.
    """
    kept, said = {}, []
    for meaning, names in columns.further.items():
        unit = COLUMNS[meaning].unit
        stated = units.get(unit, unit)
        declared = _declared(table, names, unit)
        if meaning in named and declared and not _same(declared, stated):
            raise BoxError(
                f"{table.name} gives {','.join(names)} in {declared} and a {meaning} is read in "
                f"{stated}; leave it out with --columns {meaning}="
            )
        sure = meaning in named or not unit or _told_by_name(table, meaning, names)
        if _same(declared, stated) if declared else sure:
            kept[meaning] = names
        else:
            said.append(
                f"{','.join(names)} could be the {meaning} and was left out, as it is not known "
                f"to be in {stated}; --columns {meaning}={','.join(names)} reads it so."
            )
    return replace(columns, further=kept), said


def check_named(halos: Halos, named: Mapping[str, str], name: str) -> None:
    """Refuse a column that was named and holds what it may not."""
    for meaning, values in halos.columns().items():
        if meaning in named and not COLUMNS[meaning].fits(values):
            raise BoxError(
                f"{name}: --columns {meaning}={named[meaning]} {COLUMNS[meaning].check.refusal}; "
                f"correct it, or leave it out with --columns {meaning}="
            )


def _declared(table: Table, names: tuple[str, ...], unit: str) -> str | None:
    own = next(filter(None, (table.columns[name].unit for name in names)), None)
    told = own or table.about.get(_OF_THE_FILE.get(unit, ""))
    return told if isinstance(told, str) else None


def _same(declared: str, stated: str) -> bool:
    if stated == "km/s":
        plain = re.sub(r"physical|peculiar|[\s()]", "", declared.lower())
        return plain in _VELOCITIES
    meant, wanted = parse_unit(declared), parse_unit(stated)
    return meant is not None and wanted is not None and meant.same(wanted)


def _told_by_name(table: Table, meaning: str, names: tuple[str, ...]) -> bool:
    column = COLUMNS[meaning]
    if column.unit == "Msun/h" or table.about.get("format") == FORMAT:
        return True
    halotools = {name.lower() for name in column.parts()}
    return column.unit != "Mpc/h" and halotools == {name.lower() for name in names}
