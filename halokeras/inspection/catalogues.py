"""What our catalogues of drawn halos and of galaxies, in whatever format, tell of themselves."""

from pathlib import Path
from typing import Any

from halokeras.errors import BoxError, DamagedError, HalopaintError
from halokeras.galaxies.listed_halos import check_listed_ids, halo_columns, listed_halos, sides_of
from halokeras.inspection.facts import Fact, Inspection, Section, cosmology_section
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.own import cosmology_told, told
from halokeras.sources.tables.table import OF_OURS, Table

_IDS = ("halo_id", "ID", "HaloID")
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
            ids = [name for name in _IDS if name in table.columns]
            painted = {"placed", "model_hash"} <= {*found} or "galaxy_seed" in found
            if not painted or not ids:
                return None
            return _inspection(path, table, found, ids[0])
    except DamagedError:
        raise
    except HalopaintError:
        return None


def _inspection(path: Path, table: Table, found: dict[str, Any], ids: str) -> Inspection:
    galaxies = "galaxy_seed" in found
    rows, wrong = _look(path, table, found, ids, galaxies)
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
    path: Path, table: Table, found: dict[str, Any], ids: str, galaxies: bool
) -> tuple[int | None, HalopaintError | None]:
    """Read all columns, so that their checksums are checked, and halos again by their meaning.

    Returns
    -------
    tuple
        The number of rows, None where it is not known, and what is wrong, if anything.
    """
    rows = 0
    try:
        for chunk in table.chunks([*table.columns]):
            rows += len(chunk[ids])
        if not galaxies:
            remedy = "draw the catalogue again, or give every halo its own"
            check_listed_ids(table, ids, str(path), remedy)
            sides = sides_of(found["box_size"], str(path))
            for _ in listed_halos(table, halo_columns(table), sides, str(path)):
                pass
    except HalopaintError as error:
        return table.rows or rows or None, error
    return rows, None
