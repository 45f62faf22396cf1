"""Units of lengths and masses: stated by the user, compared with what a file declares."""

import numpy as np

from halokeras.errors import BoxError
from halokeras.sources.tables.table import OF_HALOS
from halokeras.sources.tables.unit_text import GRAMS, Unit, parse_unit

LENGTHS = ("Mpc/h", "kpc/h", "Mpc", "kpc", "pc", "Gpc", "cm")
MASSES = ("Msun/h", "1e10 Msun/h", "Msun", "1e10 Msun", "log10 Msun/h")
"""What is named where another is stated; any of them may have or lack its ``/h``, and its power."""


def length_factor(unit: str, hubble: float | None, option: str = OF_HALOS.length_unit) -> float:
    """Return what a length in `unit` is multiplied by to be in Mpc/h.

    Parameters
    ----------
    unit
        Such as `LENGTHS`.
    hubble
        H0 / (100 km/s/Mpc), which units without 1/h need.
    option
        By which the unit is stated, for messages.

    Raises
    ------
    BoxError
        If the unit is unknown, or `hubble` is missing or absurd.
    """
    return _factor(unit, "length", LENGTHS, hubble, option)


def mass_factor(unit: str, hubble: float | None) -> float:
    """Return what a mass in `unit`, such as `MASSES`, is multiplied by to be in Msun/h.

    As `length_factor`; of a logarithm, what 10 to its power is multiplied by.
    """
    return _factor(unit, "mass", MASSES, hubble, "--mass-unit")


def check_unit(
    name: str, column: str, declared: object, unit: str, option: str, redshift: float | None = None
) -> str | None:
    """Refuse a unit that contradicts the file's own.

    Parameters
    ----------
    name, column
        Of the file and of the column, for messages.
    declared
        As the file writes it, if that is text.
    unit, option
        As the user states it, and with which option.
    redshift
        At 0 physical lengths are comoving ones.

    Returns
    -------
    str or None
        A sentence, where the file's own unit is not understood.

    Raises
    ------
    BoxError
        If both are known and differ.
    """
    if not isinstance(declared, str) or not declared.strip():
        return None
    meant, stated = parse_unit(declared), parse_unit(unit)
    if meant is None or stated is None:
        return f"{name} gives {column} in {declared!r}, which was taken to be {unit}."
    if meant.physical and redshift != 0:
        raise BoxError(
            f"{name} gives {column} in {declared}, which is physical; divide positions by the "
            "scale factor, as they must be comoving"
        )
    comoving = Unit(meant.dimension, meant.size, meant.per_h, logarithm=meant.logarithm)
    if not comoving.same(stated):
        raise BoxError(
            f"{name} gives {column} in {declared} and {option} is {unit}; give {option} "
            f"'{comoving.name}', or correct the file"
            if comoving.dimension == stated.dimension
            else f"{name} gives {column} in {declared}, which is no {stated.dimension}; name "
            "another column, or correct the file"
        )
    return None


def _factor(
    unit: str, dimension: str, known: tuple[str, ...], hubble: float | None, option: str
) -> float:
    meant = parse_unit(unit)
    if meant is None or meant.dimension != dimension or meant.physical:
        raise BoxError(f"{option} {unit!r} is unknown; choose one of {', '.join(known)}")
    if dimension == "mass" and "sun" not in unit.lower() and "sol" not in unit.lower():
        raise BoxError(
            f"{option} {unit!r} is no exact part of a solar mass; divide masses by {GRAMS:g} g and "
            "give Msun"
        )
    if meant.per_h:
        return meant.size
    if hubble is None:
        raise BoxError(f"{option} {unit} needs h; give H0 / (100 km/s/Mpc) with --hubble")
    if not (np.isfinite(hubble) and 0.2 < hubble < 2):
        raise BoxError(f"--hubble {hubble} must be H0 / (100 km/s/Mpc), such as 0.67")
    return meant.size * hubble
