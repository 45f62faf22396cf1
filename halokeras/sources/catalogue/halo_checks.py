"""What is refused of a table of halos: that some are lost, or have no masses, parents or units."""

import numpy as np

from halokeras.boxes.halos import Halos
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns, unusable
from halokeras.sources.tables.table import Table

_LEAST_LARGEST_MASS = 1e8
"""Msun/h; a catalogue without a halo above it has its masses in another unit."""
_LOGARITHMS = 5.0, 20.0
"""Between which masses are the decimal logarithm of masses, if none is heavy as they are."""
_HEAVY = 1e12
"""Msun/h; every box of voxels as large as ours holds a heavier halo."""
_ENOUGH = 12
_TOTALS = {"Group": ("ngroups_total",), "Subhalo": ("nsubhalos_total", "nsubgroups_total")}
"""Rows that Gadget's headers promise of a group."""


def check_total(table: Table) -> None:
    """Refuse a catalogue of Gadget's kind that has lost halos."""
    told = {name.lower(): value for name, value in table.about.items()}
    for name in _TOTALS.get(table.part, ()):
        total = told.get(name)
        if isinstance(total, int) and table.rows is not None and table.rows != total:
            raise BoxError(
                f"{table.name} holds {table.rows:,} halos and its header promises {total:,}; give "
                "the folder of all files"
            )


def known_particle_mass(table: Table, columns: Columns, particle_mass: float | None) -> float:
    """Return the mass of a particle, where halos have their numbers and no masses."""
    if columns.particles is None:
        raise BoxError(
            f"{table.name} has no column that is known to be a mass; name it with --columns "
            "mass=NAME (catalogues that were painted have none: their counts are in the painted "
            "box)"
        )
    if particle_mass is None or not (np.isfinite(particle_mass) and particle_mass > 0):
        raise BoxError(
            f"{table.name} has the number of particles of a halo, {columns.particles}, and no "
            "mass; give the mass of a particle [Msun/h] with --particle-mass"
        )
    return particle_mass


def check_parents(table: Table, columns: Columns) -> None:
    """Refuse a table that does not tell the parents of subhalos."""
    if columns.parent is None:
        raise BoxError(
            f"{table.name} has no column that is known to hold the parents of subhalos"
            f"{unusable(table)}; name it with --columns parent=NAME, or leave --hosts-only out"
        )


def check_masses(name: str, halos: Halos, per_mass: float, unit: str) -> None:
    """Refuse masses that are those of no halos in the unit that they are said to be in."""
    mass = halos.mass
    if mass is None or not len(mass):
        return
    stored = mass.min() / per_mass, mass.max() / per_mass
    if (
        len(mass) >= _ENOUGH
        and mass.max() < _HEAVY
        and _LOGARITHMS[0] < stored[0] < stored[1] < _LOGARITHMS[1]
    ):
        raise BoxError(
            f"{name}: all masses are between {stored[0]:.4g} and {stored[1]:.4g}, as the decimal "
            "logarithm of masses is; give --mass-unit 'log10 Msun/h' if they are"
        )
    if mass.max() < _LEAST_LARGEST_MASS:
        raise BoxError(
            f"{name}: the largest mass is {mass.max():.4g} Msun/h with --mass-unit '{unit}'; "
            "Gadget's and FastPM's are in '1e10 Msun/h'"
        )
