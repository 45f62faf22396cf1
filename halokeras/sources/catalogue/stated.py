"""What a table tells of its simulation: box, redshift and particle mass, by the names in use."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from halokeras.errors import BoxError

_PARTICLE_MASSES = ("particle_mass", "particlemasshmsun")
_SCALE_FACTORS = ("scale_factor", "scalingfactor", "time")


def stated_box_size(name: str, about: Mapping[str, Any], length_factor: float) -> float | None:
    """Return the side of the box [Mpc/h], where the file `name` tells it.

    ``Lbox`` and ``box_size`` are in Mpc/h, as halotools, Rockstar and our own files have them;
    ``BoxSize`` is in the unit of the positions, whose factor is `length_factor`.

    Raises
    ------
    BoxError
        If the box is no cube.
    """
    told = _numbers(about)
    for key, factor in (("lbox", 1.0), ("box_size", 1.0), ("boxsize", length_factor)):
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
        return float(sides[0])
    return None


def stated_redshift(about: Mapping[str, Any]) -> float | None:
    """Return the redshift, where the file tells it or the scale factor."""
    told = _numbers(about)
    redshift = told.get("redshift")
    if isinstance(redshift, int | float) and redshift > -1:
        return max(float(redshift), 0.0)  # snapshots of today are at -1e-16 and the like
    for key in _SCALE_FACTORS:
        scale = told.get(key)
        if isinstance(scale, int | float) and 0 < scale <= 1:
            return 1 / float(scale) - 1
    return None


def stated_particle_mass(about: Mapping[str, Any], mass_factor: float) -> float | None:
    """Return the mass of a particle [Msun/h], where the file tells it.

    Gadget's ``MassTable`` is in the unit of the masses, whose factor is `mass_factor`.
    """
    told = _numbers(about)
    for key in _PARTICLE_MASSES:
        value = told.get(key)
        if isinstance(value, int | float) and value > 0:
            return float(value)
    table = told.get("masstable")
    if isinstance(table, np.ndarray) and table.size > 1 and table[1] > 0:
        return float(table[1]) * mass_factor
    return None


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
