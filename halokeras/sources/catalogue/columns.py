"""Which columns of a table are positions, masses, ids and parents, by the names in use.

Names are compared without regard to case, where an exact name goes first and of two that differ in
case only neither is guessed. Known are those of `column_names`, and our own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from halokeras.boxes.box_file import FORMAT
from halokeras.boxes.halos import COLUMNS
from halokeras.errors import BoxError
from halokeras.sources.catalogue.column_names import (
    FURTHER,
    IDS,
    MASSES_IN_ORDER,
    PARENTS,
    PARTICLES,
    POSITIONS,
)
from halokeras.sources.tables.table import OF_HALOS, Table, listed

MEANINGS = tuple(COLUMNS)


@dataclass(frozen=True)
class Columns:
    """The columns of a table by their meaning.

    Attributes
    ----------
    position
        One of three numbers in a row, or x, y and z.
    mass
        Of the halo or particle; or, where there is no mass,
    particles
        number of particles of a halo.
    id, parent
        Integers: of the halo, and of the halo that it lies in, -1 where it lies in none.
    other_masses
        Further columns that could be the mass.
    other_positions
        And the position.
    further
        What there is of the other columns of halos, by our name of each.
    """

    position: tuple[str, ...]
    mass: str | None = None
    particles: str | None = None
    id: str | None = None
    parent: str | None = None
    other_masses: tuple[str, ...] = ()
    other_positions: tuple[str, ...] = ()
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def sentence(self) -> str:
        """Say what was chosen, for the report."""
        chosen = [f"position = {','.join(self.position)}"]
        chosen += [
            f"{meaning} = {name}"
            for meaning in ("mass", "particles", "id", "parent")
            if (name := getattr(self, meaning)) is not None
        ]
        chosen += [f"{meaning} = {','.join(names)}" for meaning, names in self.further.items()]
        others = [
            f"{listed(names)} could be the {meaning} too"
            for meaning, names in (("position", self.other_positions), ("mass", self.other_masses))
            if names
        ]
        told = f" ({'; '.join(others)})" if others else ""
        return f"Columns read: {'; '.join(chosen)}{told}."


def choose_columns(table: Table, given: Mapping[str, str] | None = None) -> Columns:
    """Guess the columns of a table by their names.

    Parameters
    ----------
    table
        Opened.
    given
        Columns that the user names, by meaning: ``{"mass": "m200c", "position": "x,y,z"}``. An
        empty name leaves the meaning out.

    Returns
    -------
    Columns
        Of several masses the first in the order virial, unspecified, 200b, 200c, others; the mass
        is None where there is none, which is for the caller to judge.

    Raises
    ------
    BoxError
        If a named column is not there, no column is known to be a position, or the names of two
        that could be meant differ in case only.
    """
    named = _named(table, given or {})
    ours = table.about.get("format") == FORMAT
    position, other_positions = named.get("position"), []
    if position is None:
        position, *other_positions = _positions(table)
    single = [name for name, one in table.columns.items() if one.width == 1]
    # A number of particles is an integer by type; what text holds is told when it is read.
    whole = [name for name in single if table.columns[name].kind in ("", "i", "u")]
    guessed = "mass" not in named and not named.get("particles")
    masses = _present(table, MASSES_IN_ORDER, single, "mass", guessed)
    parents = ("parent",) * ours + PARENTS
    found = {
        "mass": masses,
        "particles": [] if masses else _present(table, PARTICLES, whole, "particles"),
        "id": _present(table, IDS, single, "id", "id" not in named),
        "parent": _present(table, parents, single, "parent", "parent" not in named),
    }
    found |= {meaning: names for meaning, names in named.items() if meaning in found}
    if named.get("particles") and "mass" not in named:
        found["mass"] = []
    chosen = {meaning: names[0] if names else None for meaning, names in found.items()}
    others = tuple(name for name in masses if chosen["mass"] and name != chosen["mass"])
    further = _further(table, named, ours)
    if chosen["particles"]:
        further.pop("particles", None)
    return Columns(
        tuple(position),
        **chosen,
        other_masses=others,
        other_positions=tuple(",".join(names) for names in other_positions),
        further=further,
    )


def parse_columns(
    given: Sequence[str], meanings: Sequence[str] = MEANINGS, option: str = OF_HALOS.columns
) -> dict[str, str]:
    """Read what `--columns` names, such as ``mass=m200c`` and ``position=x,y,z``.

    Parameters
    ----------
    given
        Each a meaning and a name.
    meanings
        Those that there are.
    option
        Which names them, for the message.

    Raises
    ------
    BoxError
        If a meaning is unknown or named twice.
    """
    columns: dict[str, str] = {}
    for one in given:
        meaning, equals, name = one.partition("=")
        if not equals or meaning not in meanings or meaning in columns:
            raise BoxError(
                f"{option} {one!r} does not name a column; write MEANING=NAME, each of "
                f"{', '.join(meanings)} at most once, such as mass=m200c or position=x,y,z"
            )
        columns[meaning] = name
    return columns


def _named(table: Table, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the names of the file for those of the user."""
    named: dict[str, list[str]] = {}
    for meaning, names in given.items():
        parts = [name.strip() for name in names.split(",") if name.strip()]
        vector = bool(COLUMNS[meaning].shape)
        none = not parts and meaning != "position"
        if len(parts) not in ((1, 3) if vector else (1,)) and not none:
            wanted = "one of three numbers or three of one" if vector else "one"
            raise BoxError(
                f"{table.options.columns} {meaning}={names} names {len(parts)} columns; a "
                f"{meaning} has {wanted}"
            )
        named[meaning] = [_as_written(table, part) for part in parts]
    _check_widths(table, named)
    return named


def _as_written(table: Table, name: str) -> str:
    if name in table.columns:
        return name
    alike = [one for one in table.columns if one.lower() == name.lower()]
    if len(alike) != 1:
        table.check(name)
    return alike[0]


def _check_widths(table: Table, named: Mapping[str, Sequence[str]]) -> None:
    for meaning, names in named.items():
        wanted = 3 if COLUMNS[meaning].shape and len(names) == 1 else 1
        for name in names:
            width = table.columns[name].width
            if width != wanted:
                raise BoxError(
                    f"{table.name}: column {name} has {width} numbers in a row and a {meaning} "
                    f"needs {wanted}; choose another with {table.options.columns}"
                )


def _positions(table: Table) -> list[list[str]]:
    """Return all columns that are known to be a position, the best first."""
    found = [
        columns
        for names in POSITIONS
        if (columns := _spelled(table, names, 3 if len(names) == 1 else 1))
    ]
    if found:
        return found
    refused = unusable(table, [name for names in POSITIONS for name in names])
    raise BoxError(
        f"{table.name} has no column that is known to be a position{refused}; name it with "
        f"{table.options.columns} position=x,y,z (there are {listed(table.columns)})"
    )


def _spelled(table: Table, names: Sequence[str], width: int, ask: bool = True) -> list[str]:
    """Return the columns of these names in one and the same case, or in any; none if one lacks.

    Where names differ in case only they are asked for, or none is returned.
    """
    usable = [name for name, column in table.columns.items() if column.width == width]
    for spell in (str.lower, str.upper, str.title):
        if all(spell(name) in usable for name in names):
            return [spell(name) for name in names]
    found = [[one for one in usable if one.lower() == name.lower()] for name in names]
    if not all(found) or (not ask and any(len(alike) > 1 for alike in found)):
        return []
    _refuse_equals(table, found, "position")
    return [one for (one,) in found]


def _further(
    table: Table, named: Mapping[str, Sequence[str]], ours: bool
) -> dict[str, tuple[str, ...]]:
    """Find the columns of halos that no rule of its own finds, by name; ours are known by ours."""
    found: dict[str, tuple[str, ...]] = {}
    for meaning, column in COLUMNS.items():
        if meaning in ("position", "mass", "id", "parent"):
            continue
        alike = [tuple(column.parts()), *FURTHER.get(meaning, ()), *[(meaning,)] * ours]
        there = (
            columns
            for names in alike
            if (columns := _spelled(table, names, _width(column.shape, names), ask=False))
        )
        chosen = named[meaning] if meaning in named else next(there, [])
        if chosen:
            found[meaning] = tuple(chosen)
    return found


def _width(shape: tuple[int, ...], names: Sequence[str]) -> int:
    """Return the numbers in a row that each of the columns of a vector or number has."""
    return 3 if shape and len(names) == 1 else 1


def _refuse_equals(table: Table, found: Sequence[Sequence[str]], meaning: str) -> None:
    """Refuse to choose among columns whose names differ in case only."""
    if equals := next((names for names in found if len(names) > 1), None):
        name = "x,y,z" if meaning == "position" else equals[0]
        raise BoxError(
            f"{table.name} has columns {' and '.join(equals)}, which differ in case only; choose "
            f"with {table.options.columns} {meaning}={name}"
        )


def unusable(table: Table, names: Sequence[str] = PARENTS) -> str:
    """Say why columns of known names, by default of parents, cannot be read, for a message."""
    reasons = ((name, why) for name, why in table.unusable.items() if name.lower() in names)
    return "".join(f"; {name} {why}" for name, why in reasons)


def _present(
    table: Table,
    names: Sequence[str],
    usable: Sequence[str],
    meaning: str,
    guessed: bool = True,
) -> list[str]:
    """Return the usable columns of these names in their order, an exact name before other cases."""
    found: list[str] = []
    for name in names:
        alike = [name] if name in usable else [one for one in usable if one.lower() == name]
        if len(alike) > 1 and guessed and not found:
            _refuse_equals(table, [alike], meaning)
        found += alike
    return found
