"""Densities, radii and concentrations of halos whose mass lies within a sphere."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import CRITICAL_DENSITY, Cosmology, matter_fraction
from halokeras.cosmology.mass_function import in_colossus
from halokeras.sections import MassDefinition

CONCENTRATIONS = "median of Diemer & Joyce (2019), diemer19 of colossus"
"""The relation that `concentrations` returns."""

_COLOSSUS = {"virial": "vir", "200b": "200m", "200c": "200c"}
_MASSES = np.geomspace(1e9, 1e16, 141)
"""At which colossus is asked; in between, logarithms of concentrations are all but linear."""


def overdensities(cosmology: Cosmology, redshift: float) -> dict[str, float]:
    """Return the densities within halos, over the mean matter density, by the name of each.

    ``200b`` and ``200c`` are 200 times the mean and the critical density; ``virial`` is that of
    Bryan & Norman (1998), 18 pi^2 + 82 x - 39 x^2 times the critical with x = Omega_m(z) - 1.
    """
    omega = matter_fraction(redshift, cosmology)
    x = omega - 1
    return {
        "virial": (18 * np.pi**2 + 82 * x - 39 * x**2) / omega,
        "200b": 200.0,
        "200c": 200.0 / omega,
    }


def radii(
    mass: NDArray[np.floating], definition: MassDefinition, cosmology: Cosmology, redshift: float
) -> NDArray[np.float64]:
    """Return the comoving radii [Mpc/h] of the spheres that hold masses [Msun/h].

    ``definition`` is one of `overdensities`.
    """
    density = overdensities(cosmology, redshift)[definition] * cosmology.omega_m * CRITICAL_DENSITY
    found: NDArray[np.float64] = np.cbrt(3 / (4 * np.pi * density) * mass.astype(np.float64))
    return found


def concentrations(
    mass: NDArray[np.floating], definition: MassDefinition, cosmology: Cosmology, redshift: float
) -> NDArray[np.float64]:
    """Return the concentrations of NFW halos, radius over scale radius, by `CONCENTRATIONS`.

    Parameters are those of `radii`; masses are 1e9 to 1e16 Msun/h.
    """
    known = _logarithms(definition, cosmology, redshift)
    found: NDArray[np.float64] = np.exp(np.interp(np.log(mass), np.log(_MASSES), known))
    return found


@lru_cache(maxsize=8)
def _logarithms(
    definition: MassDefinition, cosmology: Cosmology, redshift: float
) -> NDArray[np.float64]:
    """Return the logarithms of the concentrations at `_MASSES`."""
    from colossus.halo.concentration import concentration

    with in_colossus(cosmology):
        found = concentration(_MASSES, _COLOSSUS[definition], redshift, model="diemer19")
    logarithms: NDArray[np.float64] = np.log(found)
    return logarithms
