"""A halo catalogue from a table of any known format, in our units and from the box's corner."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import COLUMNS, Halos
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns, choose_columns
from halokeras.sources.catalogue.further import check_named, with_known_units
from halokeras.sources.catalogue.halo_checks import (
    check_masses,
    check_parents,
    check_total,
    known_particle_mass,
)
from halokeras.sources.catalogue.halo_rows import HaloRows
from halokeras.sources.catalogue.plain_rows import plain_rows
from halokeras.sources.catalogue.units import check_unit, length_factor, mass_factor
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.stated import (
    agreed_box_size,
    agreed_particle_mass,
    check_hubble,
    stated_box_size,
    stated_cosmology,
    stated_particle_mass,
    stated_redshift,
)
from halokeras.sources.tables.table import OF_HALOS, About, Table, UnreadableColumn
from halokeras.sources.tables.unit_text import parse_unit

Origin = Literal["corner", "centre"] | tuple[float, float, float]


@dataclass(frozen=True)
class HaloCatalogue:
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


def read_halos(  # noqa: PLR0913  (what a table does not tell)
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
) -> HaloCatalogue:
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
        H0 / (100 km/s/Mpc), which units without 1/h need; by default the file's own, if it tells
        it.
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
        If the table cannot be read, a unit or h contradicts the file's, or a row is no halo.
    """
    named = columns or {}
    needed = {*named, *(["parent"] if hosts_only else [])}
    with open_table(path, part) as table:
        units = _units_of(table, length_unit, mass_unit, hubble)
        check_total(table)
        chosen, left_out = with_known_units(
            table,
            choose_columns(table, columns),
            named,
            {"Mpc/h": length_unit, "Msun/h": mass_unit},
        )
        redshift = stated_redshift(table.about, table.name)
        units_told = _check_units(table, chosen, length_unit, mass_unit, redshift)
        box_size = _box_size(table, units, box_size)
        particle_mass = _particle_mass(table, units, particle_mass)
        factors = _factors(table, chosen, units, particle_mass)
        if hosts_only:
            check_parents(table, chosen)
        corner = corner_of(origin, box_size, units.per_length, table.name)
        rows, chosen, unread = _read_rows(
            table,
            chosen,
            lambda columns: HaloRows(columns, factors, corner, hosts_only, drop_invalid),
            needed,
            units.are_logarithms,
        )
    halos = rows.halos()
    if not units.are_logarithms:
        check_masses(table.name, halos, factors["mass"], mass_unit)
    check_named(halos, named, table.name)
    if chosen.mass is None:
        units_told.append(f"Masses are {chosen.particles} x {factors['mass']:.6g} Msun/h.")
    return HaloCatalogue(
        halos=halos,
        columns=chosen,
        box_size=box_size,
        redshift=redshift,
        particle_mass=particle_mass,
        about=table.about,
        assumed=(
            *(chosen.sentence(), *left_out, *unread, *units_told, *rows.sentences()),
            f"Positions are comoving, in {length_unit} from {place_of(origin)}; masses in "
            f"{mass_unit}.",
        ),
    )


def corner_of(
    origin: Origin,
    box_size: float | None,
    per_length: float,
    name: str,
    option: str = OF_HALOS.origin,
) -> NDArray[np.float64]:
    """Return where the corner of the box is in a file's coordinates [Mpc/h].

    Messages name the file, and the `option` that tells its origin.

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
        raise BoxError(f"{option} {origin} is no place; give corner, centre or three numbers")
    return np.array(origin, dtype=np.float64) * per_length


def place_of(origin: Origin) -> str:
    """Say where positions are from."""
    return f"the {origin}" if isinstance(origin, str) else f"{tuple(origin)}"


@dataclass(frozen=True)
class _Units:
    """What lengths and masses of a file are multiplied by to be in Mpc/h and Msun/h."""

    per_length: float
    per_mass: float
    are_logarithms: bool


def _units_of(table: Table, length_unit: str, mass_unit: str, hubble: float | None) -> _Units:
    check_hubble(table.name, table.about, hubble)
    hubble = hubble or stated_cosmology(table.about).get("h")
    return _Units(
        length_factor(length_unit, hubble),
        mass_factor(mass_unit, hubble),
        getattr(parse_unit(mass_unit), "logarithm", False),
    )


def _box_size(table: Table, units: _Units, given: float | None) -> float | None:
    stated = stated_box_size(table.name, table.about, units.per_length)
    return agreed_box_size(table.name, stated, given)


def _particle_mass(table: Table, units: _Units, given: float | None) -> float | None:
    stated = stated_particle_mass(table.about, units.per_mass)
    return agreed_particle_mass(table.name, stated, given)


def _factors(
    table: Table, columns: Columns, units: _Units, particle_mass: float | None
) -> dict[str, float]:
    """Return what the values of each column of halos are multiplied by to be in its unit."""
    known = {"Mpc/h": units.per_length, "Msun/h": units.per_mass}
    factors = {name: known.get(column.unit, 1.0) for name, column in COLUMNS.items()}
    if columns.mass is None:
        factors["mass"] = known_particle_mass(table, columns, particle_mass)
    return factors


def _read_rows(
    table: Table,
    columns: Columns,
    begin: Callable[[Columns], HaloRows],
    needed: Collection[str],
    are_logarithms: bool,
) -> tuple[HaloRows, Columns, list[str]]:
    """Read the rows, from the start again without a column that proves to be unreadable.

    Parameters
    ----------
    table, columns
        The table, and what is wanted of it.
    begin
        Makes the rows of some columns, none of them read yet.
    needed
        Meanings of columns that must be readable, beside positions and masses.
    are_logarithms
        Whether masses are.

    Returns
    -------
    HaloRows, Columns, list of str
        What was read, of which columns, and sentences on those that were left out.
    """
    left_out = []
    while True:
        rows = begin(columns)
        try:
            rows.read(plain_rows(table, columns, are_logarithms))
        except UnreadableColumn as error:
            columns = _without(error, columns, needed)
            left_out.append(f"Column {error.column} {error.reason} and was left out.")
        else:
            return rows, columns, left_out


def _without(error: UnreadableColumn, columns: Columns, needed: Collection[str]) -> Columns:
    """Return the columns without one that cannot be read, or raise the error if it is needed."""
    read = {"id": (columns.id,), "parent": (columns.parent,), **columns.further}
    lost = [meaning for meaning, names in read.items() if error.column in names]
    halos = {*columns.position, columns.mass or columns.particles}
    if error.column in halos or {*lost} & {*needed}:
        raise error
    return replace(
        columns,
        id=None if "id" in lost else columns.id,
        parent=None if "parent" in lost else columns.parent,
        further={name: parts for name, parts in columns.further.items() if name not in lost},
    )


def _check_units(
    table: Table, columns: Columns, length_unit: str, mass_unit: str, redshift: float | None
) -> list[str]:
    wanted = [(name, "length_unit", length_unit) for name in columns.position]
    if columns.mass is not None:
        wanted.append((columns.mass, "mass_unit", mass_unit))
    said = []
    agreed = []
    for name, general, unit in wanted:
        declared = table.columns[name].unit or table.about.get(general)
        option = f"--{general.replace('_', '-')}"
        unknown = check_unit(table.name, name, declared, unit, option, redshift)
        if unknown is not None:
            said.append(unknown)
        elif isinstance(declared, str) and declared.strip():
            agreed.append(f"{name} in {declared}")
    if agreed:
        said.append(f"The file itself gives {', '.join(agreed)}.")
    return said
