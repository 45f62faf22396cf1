"""A halo catalogue as statistics see it, and how many galaxies its halos are expected to hold."""

from collections.abc import Callable
from dataclasses import dataclass
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from halokeras.fields.gridding import count
from halokeras.statistics.statistic import Array, Result, Sample


class Catalogue(Sample):
    """Halos in a periodic box; what several statistics need of them is measured once.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h] in [0, box_size).
    shape, voxel_size
        Voxels of the box, and their side [Mpc/h].
    mass
        (N,) [Msun/h].
    velocity
        (N, 3) [km/s].
    distance
        1 / (a H) [Mpc/h per km/s]; None where the cosmology is not known.
    """

    def __init__(
        self,
        position: NDArray[np.floating],
        shape: tuple[int, int, int],
        voxel_size: float,
        mass: NDArray[np.floating] | None = None,
        velocity: NDArray[np.floating] | None = None,
        distance: float | None = None,
    ) -> None:
        super().__init__(count(position, shape, voxel_size), voxel_size)
        self.position, self.shape = position, shape
        self.mass, self.velocity, self.distance = mass, velocity, distance

    @property
    def box_size(self) -> tuple[float, float, float]:
        """Sides [Mpc/h]."""
        x, y, z = (side * self.voxel_size for side in self.shape)
        return x, y, z

    @property
    def columns(self) -> set[str]:
        """What is known of the halos beside their positions."""
        known = {"mass": self.mass, "velocity": self.velocity}
        found = {name for name, column in known.items() if column is not None}
        return found if self.distance is not None else found - {"velocity"}

    def listed(self, measure: Callable[..., Result], *others: Any) -> Result:
        """Return `measure` of this catalogue and of what else it is told."""
        return self._once((measure, *others), lambda: measure(self, *others))


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

    def mean(self, mass: NDArray[np.floating]) -> Array:
        """Return the galaxies that halos of some masses [Msun/h] are expected to hold."""
        masses = np.asarray(mass, dtype=np.float64)
        central = 0.5 * (1 + erf((np.log10(masses) - self.log_least) / self.scatter))
        beyond = np.maximum(masses - 10**self.log_none, 0) / 10**self.log_one
        found: Array = central * (1 + beyond**self.slope)
        return found


OCCUPATIONS = (
    Occupation(-19.5, 11.75, 0.28, 11.69, 13.01, 1.06),
    Occupation(-21.0, 12.79, 0.39, 11.92, 13.94, 1.15),
)
"""Faint and bright galaxies; of the faint ones only what sits in halos of the catalogue is seen."""

MASS_EDGES = (0.0, 4e12, 1e13, 3e13, np.inf)
"""Four bins of mass [Msun/h] whose clustering is compared."""
LEAST_MASS, MOST_MASS, MASS_STEP = 12.0, 15.2, 0.2
"""Bins of the mass function, log10 of Msun/h."""


def mass_edges() -> Array:
    """Edges of the bins of the mass function [Msun/h]."""
    bins = round((MOST_MASS - LEAST_MASS) / MASS_STEP)
    edges: Array = np.power(10.0, LEAST_MASS + MASS_STEP * np.arange(bins + 1))
    return edges


def mass_words(mass: float) -> str:
    """Return a mass [Msun/h] as the power of ten that it is."""
    return f"{log10(mass):.1f}"
