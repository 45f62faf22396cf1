"""What a table tells of its simulation, by the names in use, compared with what else is said."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.sources.tables.table import About

_PARTICLE_MASSES = ("particle_mass", "particlemasshmsun")
_SCALE_FACTORS = ("scale_factor", "scalefactor", "scale-factor", "scalingfactor", "aexp")
_TIME = "time"
"""Gadget's scale factor, but SWIFT's age of the universe, so that it is the last to be asked."""
_COSMOLOGY: Mapping[str, Sequence[str]] = {
    "h": ("hubbleparam", "h", "hval", "hubble", "littleh", "hubbleparameter", "h0"),
    "omega_m": ("omegam", "omega0", "om0", "om", "omegamatter", "omegam0"),
    "omega_b": ("omegab", "omegabaryon", "ob0", "omegab0"),
    "sigma8": ("sigma8",),
    "n_s": ("ns", "nspec", "primordialindex", "spectralindex"),
    "w0": ("w0",),
    "wa": ("wa",),
}
"""Names of parameters without case and divisions."""
_RANGES = {
    "h": (0.2, 2.0),
    "omega_m": (0.01, 1.0),
    "omega_b": (1e-3, 0.5),
    "sigma8": (0.2, 2.0),
    "n_s": (0.3, 2.0),
    "w0": (-3.0, -0.1),
    "wa": (-3.0, 3.0),
}
"""Beyond which a number of such a name is another quantity, or means that it is left out."""

_SAME_SCALE = 1e-3
_SAME_SIZE = 1e-4
_SAME_PARTICLE = 1e-3
_SAME_COSMOLOGY = 5e-3
"""Relative differences that rounding explains, the last of 0.3142 and 0.3147."""


def stated_box_size(name: str, about: About, length_factor: float) -> float | None:
    """Return the side of the box [Mpc/h], where the file `name` tells it.

    ``Lbox`` and ``box_size`` are in Mpc/h, as halotools, Rockstar and our own files have them;
    ``BoxSize`` is in the unit of the positions, whose factor is `length_factor`.

    Raises
    ------
    BoxError
        If the box is no cube, or two sides are told.
    """
    told = _numbers(about)
    found: dict[str, float] = {}
    names = [("lbox", 1.0), ("box_size", 1.0), ("boxsize", length_factor)]
    names += [("period", length_factor)] if "length_unit_to_kpc" in told else []  # VELOCIraptor's
    for key, factor in names:
        value = told.get(key)
        if value is None and f"{key}_x" in told:  # in FITS a number has a card of its own
            value = np.array([told.get(f"{key}_{axis}", np.nan) for axis in "xyz"])
        if not isinstance(value, int | float | np.ndarray):
            continue
        sides = np.atleast_1d(np.asarray(value, dtype=np.float64)) * factor
        if not (sides.size and np.isfinite(sides).all() and (sides > 0).all()):
            continue
        if np.ptp(sides) > 1e-6 * sides[0]:
            raise BoxError(f"{name} is of a box of {sides.tolist()} Mpc/h; it must be a cube")
        found[key] = float(sides[0])
    return _agreed(name, "a box", found, _SAME_SIZE, "Mpc/h")


def stated_redshift(about: About, name: str = "the file") -> float | None:
    """Return the redshift, where the file `name` tells it or the scale factor.

    Raises
    ------
    BoxError
        If it tells two.
    """
    told = _numbers(about)
    scales: dict[str, float] = {}
    redshift = told.get("redshift")
    if isinstance(redshift, int | float) and redshift > -1:
        scales["redshift"] = 1 / (1 + max(float(redshift), 0.0))  # today is at -1e-16 and the like
    for key in _SCALE_FACTORS:
        scale = told.get(key)
        if isinstance(scale, int | float) and 0 < scale <= 1 + _SAME_SCALE:
            scales[key] = float(scale)
    if scales:
        _agreed(name, "scale factor", scales, _SAME_SCALE)
        if isinstance(redshift, int | float) and "redshift" in scales:
            return max(float(redshift), 0.0)
        return max(1 / next(iter(scales.values())) - 1, 0.0)
    time = told.get(_TIME)
    return 1 / float(time) - 1 if isinstance(time, int | float) and 0 < time <= 1 else None


def stated_particle_mass(about: About, mass_factor: float) -> float | None:
    """Return the mass of a particle [Msun/h], where the file tells it.

    Gadget's ``MassTable`` is in the unit of the masses, whose factor is `mass_factor`.
    """
    told = _numbers(about)
    for key in _PARTICLE_MASSES:
        value = told.get(key)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    table = told.get("masstable")
    if isinstance(table, np.ndarray) and table.ndim == 1 and table.size > 1 and table[1] > 0:
        return float(table[1]) * mass_factor
    return None


def stated_cosmology(about: About) -> dict[str, float]:
    """Return what a file tells of h, and of omega_m to wa by the names of `Cosmology`."""
    told = {re.sub(r"[\W_]", "", name): value for name, value in _numbers(about).items()}
    found: dict[str, float] = {}
    for parameter, names in _COSMOLOGY.items():
        low, high = _RANGES[parameter]
        for name in names:
            value = told.get(name)
            if name in ("h0", "hubble") and isinstance(value, int | float) and 20 < value < 200:
                value /= 100  # km/s/Mpc
            if isinstance(value, int | float) and low <= value <= high:
                found.setdefault(parameter, float(value))
    return found


def check_cosmology(name: str, told: Mapping[str, float], cosmology: Cosmology) -> str | None:
    """Refuse a cosmology that is not what the file `name` tells of its own.

    Returns
    -------
    str or None
        A sentence on what agrees, None where the file tells nothing.

    Raises
    ------
    BoxError
        If a parameter differs by more than rounding.
    """
    ours = {
        "h": cosmology.H0 / 100,
        "omega_m": cosmology.omega_m,
        "omega_b": cosmology.omega_b,
        "sigma8": cosmology.sigma8,
        "n_s": cosmology.n_s,
        "w0": cosmology.w0,
        "wa": cosmology.wa,
    }
    for parameter, value in told.items():
        if abs(value - ours[parameter]) > _SAME_COSMOLOGY * (abs(ours[parameter]) or 1.0):
            raise BoxError(
                f"{name} says that {parameter} is {value:g} and the cosmology given has "
                f"{ours[parameter]:g}; give the file's own with --cosmology"
            )
    if not told:
        return None
    agreed = ", ".join(f"{parameter} {value:g}" for parameter, value in told.items())
    return f"{name} itself tells {agreed}, as the cosmology given has."


def check_hubble(name: str, about: About, hubble: float | None) -> None:
    """Refuse a ``--hubble`` that is not the file's own, if it tells one."""
    told = stated_cosmology(about).get("h")
    if hubble is not None and told is not None and abs(hubble / told - 1) > _SAME_SCALE:
        raise BoxError(
            f"{name} says that h is {told:g} and --hubble is {hubble:g}; leave --hubble out, or "
            "correct the file"
        )


def agreed_box_size(name: str, told: float | None, given: float | None) -> float | None:
    """Return the side of the box [Mpc/h] that the file tells or the user gives, if either.

    Raises
    ------
    BoxError
        If they differ by more than rounding.
    """
    if given and told and abs(given / told - 1) > _SAME_SIZE:
        raise BoxError(
            f"{name} is of a box of {told:g} Mpc/h and box_size is {given:g}; check the size and "
            "--length-unit"
        )
    return given or told


def agreed_particle_mass(name: str, told: float | None, given: float | None) -> float | None:
    """Return the mass of a particle [Msun/h] that the file tells or the user gives, if either.

    Raises
    ------
    BoxError
        If they differ by more than rounding.
    """
    if given and told and abs(given / told - 1) > _SAME_PARTICLE:
        raise BoxError(
            f"{name} says that a particle has {told:.6g} Msun/h and --particle-mass is "
            f"{given:.6g}; leave it out, or correct the file"
        )
    return given or told


def check_pieces(pieces: Sequence[tuple[str, About]], folder: str) -> None:
    """Refuse files as the pieces of one catalogue that tell of different simulations or epochs.

    Parameters
    ----------
    pieces
        Name of each file, and what it tells.
    folder
        That holds them, for the message.

    Raises
    ------
    BoxError
        With the first difference, in redshift, box, mass of a particle or cosmology.
    """
    first: dict[str, tuple[str, float]] = {}
    for piece, about in pieces:
        for quantity, value in _identity(piece, about).items():
            before, expected = first.setdefault(quantity, (piece, value))
            same = _SAME_SCALE * (1 + expected if quantity == "redshift" else abs(expected))
            if abs(value - expected) > same:
                raise BoxError(
                    f"{folder} holds files of different simulations or epochs: {quantity} is "
                    f"{expected:g} in {before} and {value:g} in {piece}; name one file, or a "
                    "folder of the files of one catalogue"
                )


def _identity(name: str, about: About) -> dict[str, float]:
    """Return the numbers that all pieces of a catalogue share."""
    told = {
        "redshift": stated_redshift(about, name),
        "the box": stated_box_size(name, about, 1.0),
        "the mass of a particle": stated_particle_mass(about, 1.0),
    }
    return {key: value for key, value in told.items() if value is not None} | stated_cosmology(
        about
    )


def _agreed(
    name: str, what: str, told: Mapping[str, float], same: float, unit: str = ""
) -> float | None:
    """Return the first of the values that a file tells, or raise `BoxError` if they differ."""
    if not told:
        return None
    (first, value), *others = told.items()
    for other, found in others:
        if abs(found / value - 1) > same:
            raise BoxError(
                f"{name} tells {what} of {value:.6g} {unit} by {first} and {found:.6g} by {other}; "
                "correct the file"
            )
    return value


def _numbers(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return by lower-case name what is told, text that is a number as that number."""
    told = {}
    for name, value in about.items():
        if isinstance(value, int) and abs(value) >= 2**64:
            continue
        try:  # halotools keeps redshifts as text
            told[name.lower()] = float(value) if isinstance(value, str) else value
        except ValueError:
            told[name.lower()] = value
    return told
