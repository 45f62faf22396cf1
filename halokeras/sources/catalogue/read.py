"""A halo catalogue from a table of any known format, in our units and from the box's corner."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns, choose_columns
from halokeras.sources.catalogue.further import check_named, with_known_units
from halokeras.sources.catalogue.halo_rows import HaloRows
from halokeras.sources.catalogue.stated import (
    stated_box_size,
    stated_particle_mass,
    stated_redshift,
)
from halokeras.sources.catalogue.units import check_unit, length_factor, mass_factor
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.table import About, Table

Origin = Literal["corner", "centre"] | tuple[float, float, float]

_LEAST_LARGEST_MASS = 1e8
"""Msun/h; a catalogue without a halo above it has its masses in another unit."""


@dataclass(frozen=True)
class Catalogue:
    """A halo catalogue, read.

    Attributes
    ----------
    halos
        In our units.
    columns
        What was read as what.
    box_size
        Side of the box [Mpc/h], where the file or the caller tells it.
    redshift, particle_mass
        Where the file, or for the mass [Msun/h] the caller, tells it.
    about
        All that the file tells of itself.
    assumed
        Sentences on what was assumed, for the report.
    """

    halos: Halos
    columns: Columns
    box_size: float | None
    redshift: float | None
    particle_mass: float | None
    about: About
    assumed: tuple[str, ...]


def read_halos(
    path: Path,
    *,
    part: str | None = None,
    columns: Mapping[str, str] | None = None,
    length_unit: str = "Mpc/h",
    mass_unit: str = "Msun/h",
    hubble: float | None = None,
    origin: Origin = "corner",
    box_size: float | None = None,
    particle_mass: float | None = None,
    hosts_only: bool = False,
    drop_invalid: bool = False,
) -> Catalogue:
    """Read the halos of a table.

    Parameters
    ----------
    path, part
        As `halokeras.sources.tables.formats.open_table`.
    columns
        Names for what is not guessed right, as `choose_columns`.
    length_unit, mass_unit
        Of the positions and masses: of `units.LENGTHS` and `units.MASSES`.
    hubble
        H0 / (100 km/s/Mpc), which units without 1/h need.
    origin
        Where the corner of the box is in the file's coordinates: at 0, at minus half the box
        (``"centre"``: coordinates are from the centre), or at a point [length_unit].
    box_size
        Side of the box [Mpc/h], if the file does not tell it; needed from the centre.
    particle_mass
        [Msun/h], where the table has numbers of particles and no masses.
    hosts_only
        Leave out halos that lie in another halo.
    drop_invalid
        Leave out rows with a mass that is 0 or less, or with a number that is not finite.

    Raises
    ------
    BoxError
        If the table cannot be read, a unit contradicts the file's, or a row is no halo.
    """
    per_length, per_mass = length_factor(length_unit, hubble), mass_factor(mass_unit, hubble)
    with open_table(path, part) as table:
        units = {"Mpc/h": length_unit, "Msun/h": mass_unit}
        chosen, left_out = with_known_units(
            table, choose_columns(table, columns), columns or {}, units
        )
        assumed = [chosen.sentence(), *_check_units(table, chosen, length_unit, mass_unit)]
        assumed += left_out
        factors = {
            name: {"Mpc/h": per_length, "Msun/h": per_mass}.get(COLUMNS[name].unit, 1.0)
            for name in COLUMNS
        }
        stated = stated_box_size(table.name, table.about, per_length)
        if box_size and stated and abs(box_size / stated - 1) > 1e-4:
            raise BoxError(
                f"{table.name} is of a box of {stated:g} Mpc/h and box_size is {box_size:g}; check "
                "the size and --length-unit"
            )
        box_size = box_size or stated
        particle_mass = particle_mass or stated_particle_mass(table.about, per_mass)
        if chosen.mass is None:
            _check_particles(table, chosen, particle_mass)
            factors["mass"] = particle_mass or np.nan
            assumed.append(f"Masses are {chosen.particles} x {factors['mass']:.6g} Msun/h.")
        if hosts_only and chosen.parent is None:
            raise BoxError(
                f"{table.name} has no column that is known to hold the parents of subhalos; name "
                "it with --columns parent=NAME, or leave --hosts-only out"
            )
        corner = corner_of(origin, box_size, per_length, table.name)
        kept = HaloRows(chosen, factors, corner, hosts_only, drop_invalid)
        kept.read(table)
        assumed += kept.sentences()
    place = f"the {origin}" if isinstance(origin, str) else f"{tuple(origin)}"
    assumed.append(f"Positions are comoving, in {length_unit} from {place}; masses in {mass_unit}.")
    halos = kept.halos()
    _check_masses(table.name, halos, mass_unit)
    check_named(halos, columns or {}, table.name)
    return Catalogue(
        halos=halos,
        columns=chosen,
        box_size=box_size,
        redshift=stated_redshift(table.about),
        particle_mass=particle_mass,
        about=table.about,
        assumed=tuple(assumed),
    )


def corner_of(
    origin: Origin, box_size: float | None, per_length: float, name: str
) -> NDArray[np.float64]:
    """Return where the corner of the box is in a file's coordinates [Mpc/h].

    Raises
    ------
    BoxError
        If it is no place, or half the box is needed and its size unknown.
    """
    if origin == "corner":
        return np.zeros(3)
    if origin == "centre":
        if box_size is None:
            raise BoxError(
                f"{name} does not tell the size of its box, which positions from the centre need; "
                "give it [Mpc/h] with --box-size"
            )
        return np.full(3, -box_size / 2)
    if isinstance(origin, str) or len(origin) != 3 or not np.isfinite(origin).all():
        raise BoxError(f"--origin {origin} is no place; give corner, centre or three numbers")
    return np.array(origin, dtype=np.float64) * per_length


def _check_units(table: Table, columns: Columns, length_unit: str, mass_unit: str) -> list[str]:
    wanted = [(name, "length_unit", length_unit) for name in columns.position]
    if columns.mass is not None:
        wanted.append((columns.mass, "mass_unit", mass_unit))
    said = []
    for name, general, unit in wanted:
        declared = table.columns[name].unit or table.about.get(general)
        option = f"--{general.replace('_', '-')}"
        said.append(check_unit(table.name, name, declared, unit, option))
    return [sentence for sentence in said if sentence]


def _check_particles(table: Table, columns: Columns, particle_mass: float | None) -> None:
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


def _check_masses(name: str, halos: Halos, unit: str) -> None:
    mass = halos.mass
    if mass is not None and len(mass) and mass.max() < _LEAST_LARGEST_MASS:
        raise BoxError(
            f"{name}: the largest mass is {mass.max():.4g} Msun/h with --mass-unit '{unit}'; "
            "Gadget's and FastPM's are in '1e10 Msun/h'"
        )
