"""What our catalogues of drawn halos and of galaxies, in whatever format, tell of themselves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from halokeras.errors import BoxError, DamagedError, HalopaintError
from halokeras.galaxies.listed_halos import check_ids, halo_columns, listed_halos, sides_of
from halokeras.inspection.facts import Fact, Inspection, Section, cosmology_section
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.own import cosmology_told, told
from halokeras.sources.tables.table import OF_OURS, Table

_GALAXY_IDS = ("halo_id", "HaloID")
_UNITS = {
    "box_size": "Mpc/h",
    "voxel_size": "Mpc/h",
    "mass_min": "Msun/h",
    "mass_max": "Msun/h",
    "particle_mass": "Msun/h",
    "least_mass": "Msun/h",
}
_SHOWN = ("box_size", "voxel_size", "redshift", "placed", "mass_min", "mass_max", "mass_definition")


def inspect_catalogue(path: Path) -> Inspection | None:
    """Tell what a catalogue of `paint --catalogue` or `galaxies` is, or None if `path` is none.

    Raises
    ------
    DamagedError
        If it is a table, whosever, that cannot be opened, as one that is cut short.
    """
    try:
        with open_table(path, options=OF_OURS) as table:
            found = told(table.about)
            galaxies = "galaxy_seed" in found
            named = _GALAXY_IDS if galaxies else halo_columns(table).get("id", ())
            painted = galaxies or {"placed", "model_hash"} <= {*found}
            if not painted or not {*named} & {*table.columns}:
                return None
            return _inspection(path, table, found, galaxies)
    except DamagedError:
        raise
    except HalopaintError:
        return None


def _inspection(path: Path, table: Table, found: dict[str, Any], galaxies: bool) -> Inspection:
    rows, wrong = _look(path, table, found, galaxies)
    problems = [] if wrong is None else [str(wrong)]
    number = "an unknown number of" if rows is None else f"{rows:,}"
    columns = list(table.columns)
    facts = [
        Fact("number", rows, text="unknown" if rows is None else f"{rows:,}"),
        Fact("columns", columns, text=", ".join(columns)),
        *(Fact(name, found.pop(name), _UNITS.get(name, "")) for name in _SHOWN if name in found),
    ]
    cosmology = None
    try:
        cosmology = cosmology_told(found, path)
    except BoxError as error:
        problems.append(str(error))
    rest = [Fact(name, value, _UNITS.get(name, "")) for name, value in sorted(found.items())]
    return Inspection(
        kind="galaxy catalogue" if galaxies else "halo catalogue",
        path=path,
        headline=f"catalogue of {number} " + ("galaxies" if galaxies else "drawn halos"),
        sections=[
            Section("galaxies" if galaxies else "halos", facts),
            cosmology_section(None if cosmology is None else cosmology.parameters),
            Section("provenance", rest),
        ],
        problems=problems,
        damaged=isinstance(wrong, DamagedError),
    )


def _look(
    path: Path, table: Table, found: dict[str, Any], galaxies: bool
) -> tuple[int | None, HalopaintError | None]:
    """Read all columns, so that their checksums are checked, and look at halos on the way.

    Returns
    -------
    tuple
        The number of rows, None where it is not known, and what is wrong, if anything.
    """
    rows, wrong = _read(table) if galaxies else _look_at_halos(path, table, found)
    if wrong is None:
        return rows, None
    if not galaxies:  # which may be what they cannot be by damage that is known at the end
        rows, damage = _read(table)
        wrong = damage or wrong
    return table.rows or rows or None, wrong


def _look_at_halos(
    path: Path, table: Table, found: dict[str, Any]
) -> tuple[int, HalopaintError | None]:
    """Read all columns; return the number of halos, and what is wrong with them or the file."""
    columns, rows = halo_columns(table), 0
    ours = {part for parts in columns.values() for part in parts}
    beside = [name for name in table.columns if name not in ours]

    def ids() -> Iterator[NDArray[Any]]:
        nonlocal rows
        rows = 0
        for halos in listed_halos(table, columns, sides, str(path), beside):
            rows += len(halos)
            assert halos.id is not None
            yield halos.id

    try:
        sides = sides_of(found["box_size"], str(path))
        called = f"{path}: {', '.join(columns['id'])}"
        check_ids(ids, called, "draw the catalogue again, or give every halo its own")
    except HalopaintError as error:
        return rows, error
    return rows, None


def _read(table: Table) -> tuple[int, HalopaintError | None]:
    """Read all columns; return the number of rows, and what is wrong with the file."""
    rows = 0
    try:
        for chunk in table.chunks([*table.columns]):
            rows += len(next(iter(chunk.values())))
    except HalopaintError as error:
        return rows, error
    return rows, None
