"""How halos move through the 2LPT matter of the same modes, at any epoch and in any cosmology.

2LPT particles stream through each other where halos fall together, the more the matter has
clustered. So halos get a part of their velocity from the density instead, and a scatter about it
that grows with the density and is less for a halo that is itself most of the matter around it.

All numbers were fitted on N-body halos: their form at the halos' own places, what they are at the
reference, cosmology 00 at z = 0.3, on the halos of seeds 1 to 3 put again into their voxels; how
they change, on 21 cosmologies at five redshifts from 0 to 1.5 (`docs/experiments.md`).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import CRITICAL_DENSITY, Cosmology, growth
from halokeras.cosmology.power import linear_power

_SMOOTHED = 1.0
"""Gaussian radius at which the amplitude of the linear density is taken [Mpc/h]."""
_REFERENCE = 1.526
"""The rms of that density in cosmology 00 at z = 0.3."""

_LPT_SHARE, _LPT_SLOPE = 0.55, 0.6
"""At the reference, and what it loses for a unit of the logarithm of the amplitude."""
_NEAR_INFALL = 1.7
"""At the reference; it grows with the amplitude."""
_LEAST_SCATTER, _SCATTER = 0.42, 0.93
"""Displacements [Mpc/h] that tell the scatter where the density is low, and for each unit of it."""
_KNEE = 1.7
"""Density, over the mean, up to which scatter grows faster than in proportion."""
_SCATTER_GROWTH = 1.1
"""Power of the amplitude that scatter goes with."""
_NEIGHBORHOOD = 46.0
"""Volume whose matter a halo's mass is compared with [(Mpc/h)^3]."""
_MEAN_SHARE = 0.73
"""What that comparison leaves of the scatter of halos of unknown mass."""
_SHARPNESS_POWER = -0.75
"""Power of the amplitude that the sharpness of places goes with."""

Array = NDArray[np.floating]


@dataclass(frozen=True)
class HaloMotion:
    """How halos of an epoch move.

    Attributes
    ----------
    amplitude
        The rms of the linear density, smoothed by 1 Mpc/h, over that of the reference.
    rate
        a H f [km/s per Mpc/h], the velocity that a linear displacement of 1 Mpc/h tells.
    mean_density
        Mean density of matter [Msun/h per (Mpc/h)^3].
    """

    amplitude: float
    rate: float
    mean_density: float

    @property
    def lpt_share(self) -> float:
        """What halos have of the 2LPT velocity."""
        share = _LPT_SHARE - _LPT_SLOPE * np.log(self.amplitude)
        return float(np.clip(share, 0, 1))

    @property
    def infall_share(self) -> float:
        """What they have of the linear velocity that the density has beyond 2 Mpc/h."""
        return 1 - self.lpt_share

    @property
    def near_infall(self) -> float:
        """What they have of the linear velocity that the density has between 1 and 2 Mpc/h."""
        return _NEAR_INFALL * self.amplitude

    @property
    def sharpening(self) -> float:
        """What the power of the density that halos lie by is, over that of the reference."""
        # beyond it a weaker power would be likelier, and leave halos too little power at k > 0.2
        return float(min(self.amplitude, 1.0) ** _SHARPNESS_POWER)

    def scatter(self, density: Array, mass: Array | None = None) -> Array:
        """Return the standard deviation of halos about that velocity, along one axis [km/s].

        Parameters
        ----------
        density
            rho/mean where they are, smoothed by 2 Mpc/h.
        mass
            [Msun/h], if they have any.
        """
        share: Array | float = _MEAN_SHARE
        if mass is not None:
            around = np.maximum(density, 1e-6) * (_NEIGHBORHOOD * self.mean_density)
            share = 1 / (1 + mass / around)
        growing = share * _SCATTER * density**2 / (density + _KNEE)
        unit = self.rate * self.amplitude**_SCATTER_GROWTH
        found: Array = unit * np.sqrt(_LEAST_SCATTER**2 + growing**2)
        return found


@lru_cache(maxsize=8)
def halo_motion(cosmology: Cosmology, redshift: float) -> HaloMotion:
    """Return how halos move at a redshift."""
    # these arguments are those that the modes of boxes are drawn by, which are kept
    k, power = linear_power(cosmology, redshift, 20.0)
    each = k**3 * power * np.exp(-((k * _SMOOTHED) ** 2)) / (2 * np.pi**2)
    return HaloMotion(
        amplitude=float(np.sqrt(np.trapezoid(each, np.log(k)))) / _REFERENCE,
        rate=float(growth(1 / (1 + redshift), cosmology).velocity_rate[0]),
        mean_density=CRITICAL_DENSITY * cosmology.omega_m,
    )
