"""Units of lengths and masses: stated by the user, compared with what a file declares."""

import re

import numpy as np

from halokeras.errors import BoxError

_LENGTHS = {"Mpc/h": (1.0, False), "kpc/h": (1e-3, False), "Mpc": (1.0, True), "kpc": (1e-3, True)}
_MASSES = {
    "Msun/h": (1.0, False),
    "1e10 Msun/h": (1e10, False),
    "Msun": (1.0, True),
    "1e10 Msun": (1e10, True),
}
LENGTHS = tuple(_LENGTHS)
MASSES = tuple(_MASSES)

_PER_H = r"(?:/h|h-1|/littleh|littleh-1|/h0)"
_LENGTH = re.compile(rf"({_PER_H})?c?([mk])pc({_PER_H})?")
_MASS = re.compile(
    rf"(1(?:\.0*)?e\+?10|1010)?({_PER_H})?(?:msun|msol|solmass|solarmass(?:es)?|m☉|m⊙)({_PER_H})?"
)


def length_factor(unit: str, hubble: float | None) -> float:
    """Return what a length in `unit` is multiplied by to be in Mpc/h.

    Parameters
    ----------
    unit
        One of `LENGTHS`.
    hubble
        H0 / (100 km/s/Mpc), which units without 1/h need.

    Raises
    ------
    BoxError
        If the unit is unknown, or `hubble` is missing or absurd.
    """
    return _factor(unit, _LENGTHS, "--length-unit", hubble)


def mass_factor(unit: str, hubble: float | None) -> float:
    """Return what a mass in `unit`, one of `MASSES`, is multiplied by to be in Msun/h.

    As `length_factor`.
    """
    return _factor(unit, _MASSES, "--mass-unit", hubble)


def declared_unit(text: str) -> str | None:
    """Return the unit of `LENGTHS` or `MASSES` that a file means by `text`, or None for others."""
    short = re.sub(r"comoving|[\s*^_{}()$\\.·]", "", text.lower().replace("1.0e", "1e"))
    short = short.replace("10^10", "1010").removeprefix("[").removesuffix("]")
    if length := _LENGTH.fullmatch(short):
        per_h = bool(length[1] or length[3])
        return f"{'M' if length[2] == 'm' else 'k'}pc{'/h' if per_h else ''}"
    if mass := _MASS.fullmatch(short):
        per_h = bool(mass[2] or mass[3])
        return f"{'1e10 ' if mass[1] else ''}Msun{'/h' if per_h else ''}"
    return None


def check_unit(name: str, column: str, declared: object, unit: str, option: str) -> str | None:
    """Refuse a unit that contradicts the file's own.

    Parameters
    ----------
    name, column
        Of the file and of the column, for messages.
    declared
        As the file writes it, if that is text.
    unit, option
        As the user states it, and with which option.

    Returns
    -------
    str or None
        A sentence, where the file's own unit is not understood.

    Raises
    ------
    BoxError
        If both are known and differ.
    """
    if not isinstance(declared, str) or not declared:
        return None
    meant = declared_unit(declared)
    if meant is None:
        return f"{name} gives {column} in {declared!r}, which was taken to be {unit}."
    if meant != unit:
        raise BoxError(
            f"{name} gives {column} in {declared} and {option} is {unit}; give {option} '{meant}', "
            "or correct the file"
        )
    return None


def _factor(
    unit: str, known: dict[str, tuple[float, bool]], option: str, hubble: float | None
) -> float:
    if unit not in known:
        raise BoxError(f"{option} {unit!r} is unknown; choose one of {', '.join(known)}")
    factor, needs_hubble = known[unit]
    if not needs_hubble:
        return factor
    if hubble is None:
        raise BoxError(f"{option} {unit} needs h; give H0 / (100 km/s/Mpc) with --hubble")
    if not (np.isfinite(hubble) and 0.2 < hubble < 2):
        raise BoxError(f"--hubble {hubble} must be H0 / (100 km/s/Mpc), such as 0.67")
    return factor * hubble
