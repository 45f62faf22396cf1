"""What a catalogue of drawn halos, in whatever format it was written, tells of itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.cosmology.cosmology import PARAMETERS
from halokeras.errors import HalopaintError
from halokeras.inspection.facts import Fact, Inspection, Section, cosmology_section
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.table import Table

_IDS = ("halo_id", "ID")
_UNITS = {
    "box_size": "Mpc/h",
    "voxel_size": "Mpc/h",
    "mass_min": "Msun/h",
    "mass_max": "Msun/h",
    "particle_mass": "Msun/h",
}
_SHOWN = ("box_size", "voxel_size", "redshift", "placed", "mass_min", "mass_max", "mass_definition")


def inspect_catalogue(path: Path) -> Inspection | None:
    """Tell what a catalogue of `halopaint paint --catalogue` is, or None if `path` is none."""
    try:
        with open_table(path) as table:
            told = _told(table.about)
            ids = [name for name in _IDS if name in table.columns]
            if "placed" not in told or "model_hash" not in told or not ids:
                return None
            return _inspection(path, table, told, _rows(table, ids[0]))
    except HalopaintError:
        return None


def _told(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what it tells by our names: FITS knows no small letters, BigFile other names."""
    known = {name.lower(): name for name in PARAMETERS}
    told: dict[str, Any] = {}
    for name, value in about.items():
        plain = value.item() if isinstance(value, np.generic) else value
        plain = plain.tolist() if isinstance(plain, np.ndarray) else plain
        told[known.get(name.lower(), name.lower())] = plain
    sides = [told.pop(name, None) for name in ("lbox_x", "lbox_y", "lbox_z")]
    size = told.pop("lbox", None) or told.pop("boxsize", None) or sides
    return {"box_size": size, **told}


def _rows(table: Table, ids: str) -> int:
    if table.rows is not None:
        return table.rows
    return sum(len(chunk[ids]) for chunk in table.chunks([], [ids]))


def _inspection(path: Path, table: Table, told: dict[str, Any], rows: int) -> Inspection:
    columns = list(table.columns)
    facts = [
        Fact("number", rows, text=f"{rows:,}"),
        Fact("columns", columns, text=", ".join(columns)),
        *(Fact(name, told.pop(name), _UNITS.get(name, "")) for name in _SHOWN if name in told),
    ]
    cosmology = {name: float(told.pop(name)) for name in PARAMETERS if name in told}
    rest = [Fact(name, value, _UNITS.get(name, "")) for name, value in sorted(told.items())]
    return Inspection(
        kind="halo catalogue",
        path=path,
        headline=f"catalogue of {rows:,} drawn halos",
        sections=[
            Section("halos", facts),
            cosmology_section(cosmology),
            Section("provenance", rest),
        ],
    )
