"""Places and speeds in halos of Navarro, Frenk & White (1997), in units of radius and velocity.

With u the distance from the centre over the scale radius, the mass within u goes as
m(u) = ln(1 + u) - u / (1 + u). A concentration is the radius over the scale radius.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.special import lambertw

from halokeras.cosmology.cosmology import Cosmology

Array = NDArray[np.float64]

_GRAVITY = 4.30091e-9
"""Newton's constant in Mpc (km/s)^2 / Msun."""
_LEAST_SHARE = 1e-12
"""Of the mass within a distance, where Lambert's function can still tell it from 0."""
_LOG_U = np.linspace(np.log(1e-6), np.log(1e6), 4001)
"""At which dispersions are integrated; a satellite is hardly ever nearer the centre."""


def enclosed(u: Array) -> Array:
    """Return m(u)."""
    return np.log1p(u) - u / (1 + u)


def distances(uniform: Array, concentration: Array) -> Array:
    """Return distances from the centre, over the radius, by which mass is distributed.

    Parameters
    ----------
    uniform
        (N,) the share of the mass within the distance, in [0, 1).
    concentration
        (N,) of each halo.

    Notes
    -----
    With w = 1 / (1 + u), m(u) = w - ln(w) - 1, which Lambert's function inverts.
    """
    mass = np.maximum(uniform, _LEAST_SHARE) * enclosed(concentration)
    w = -lambertw(-np.exp(-1 - mass)).real
    found: Array = np.minimum((1 / w - 1) / concentration, 1)
    return found


def dispersions(distance: Array, concentration: Array) -> Array:
    """Return velocity dispersions along one axis, over the circular velocity at the radius.

    They solve the Jeans equation of isotropic orbits (Lokas & Mamon 2001), as those of halotools.

    Parameters
    ----------
    distance
        (N,) from the centre, over the radius.
    concentration
        (N,) of each halo.
    """
    scale = np.sqrt(concentration / enclosed(concentration))
    u = np.log(np.maximum(distance * concentration, 1e-6))
    return scale * np.interp(u, _LOG_U, _scale_free_dispersions())


def circular_velocities(
    mass: NDArray[np.floating], radius: Array, cosmology: Cosmology, redshift: float
) -> Array:
    """Return the circular velocities [km/s] at the comoving radii [Mpc/h] of masses [Msun/h]."""
    physical = radius / (1 + redshift)
    return np.sqrt(_GRAVITY * mass.astype(np.float64) / physical)


@lru_cache(maxsize=1)
def _scale_free_dispersions() -> Array:
    """Return sqrt(u (1 + u)^2 integral from u of m(y) / (y^3 (1 + y)^2) dy) at the tabulated u."""
    u = np.exp(_LOG_U)
    integrand = enclosed(u) / (u**2 * (1 + u) ** 2)  # dy is y dln(y)
    beyond = cumulative_trapezoid(integrand[::-1], -_LOG_U[::-1], initial=0)[::-1]
    found: Array = np.sqrt(u * (1 + u) ** 2 * beyond)
    return found
