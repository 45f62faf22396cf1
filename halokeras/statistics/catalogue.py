"""A halo catalogue as statistics see it, and what of it they compare."""

from collections.abc import Callable
from math import log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import count
from halokeras.statistics.occupation import ZHENG07
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


OCCUPATIONS = (ZHENG07[-19.5], ZHENG07[-21.0])
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
