"""How many galaxies a halo of some mass holds on average."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from halokeras.statistics.statistic import Array


@dataclass(frozen=True)
class Occupation:
    """Mean galaxies of a halo of a mass M by Zheng, Coil & Zehavi (2007), equations 2 and 3.

    Attributes
    ----------
    magnitude
        Galaxies brighter than this in r, their table 1.
    log_least, scatter
        log10 of the mass [Msun/h] at which half of the halos have a central galaxy, and the width
        of the step.
    log_none, log_one, slope
        Satellites are ((M - 10^log_none) / 10^log_one)^slope where there is a central galaxy.
    """

    magnitude: float
    log_least: float
    scatter: float
    log_none: float
    log_one: float
    slope: float

    def centrals(self, mass: NDArray[np.floating]) -> Array:
        """Return the share of halos of some masses [Msun/h] that hold a central galaxy."""
        masses = np.asarray(mass, dtype=np.float64)
        found: Array = 0.5 * (1 + erf((np.log10(masses) - self.log_least) / self.scatter))
        return found

    def satellites(self, mass: NDArray[np.floating]) -> Array:
        """Return the satellites that halos of some masses [Msun/h] are expected to hold."""
        masses = np.asarray(mass, dtype=np.float64)
        beyond = np.maximum(masses - 10**self.log_none, 0) / 10**self.log_one
        found: Array = self.centrals(masses) * beyond**self.slope
        return found

    def mean(self, mass: NDArray[np.floating]) -> Array:
        """Return the galaxies that halos of some masses [Msun/h] are expected to hold."""
        return self.centrals(mass) + self.satellites(mass)


ZHENG07: Mapping[float, Occupation] = {
    row[0]: Occupation(*row)
    for row in (
        (-18.0, 11.35, 0.25, 11.20, 12.40, 0.83),
        (-18.5, 11.46, 0.24, 10.59, 12.68, 0.97),
        (-19.0, 11.60, 0.26, 11.49, 12.83, 1.02),
        (-19.5, 11.75, 0.28, 11.69, 13.01, 1.06),
        (-20.0, 12.02, 0.26, 11.38, 13.31, 1.06),
        (-20.5, 12.30, 0.21, 11.84, 13.58, 1.12),
        (-21.0, 12.79, 0.39, 11.92, 13.94, 1.15),
        (-21.5, 13.38, 0.51, 13.94, 13.91, 1.04),
        (-22.0, 14.22, 0.77, 14.00, 14.69, 0.87),
    )
}
"""SDSS galaxies brighter than a magnitude, M_r - 5 log10 h, as table 1 of the paper has them."""
