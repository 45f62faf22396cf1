"""What a painter has to beat: halo counts as a function of the density in their voxel alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS = 200
_LEAST_VOXELS = 8
"""Voxels in a bin, at least: small boxes have fewer bins."""


@dataclass(frozen=True)
class LocalBias:
    """Mean counts as a function of density: linear between knots, constant beyond the last.

    Attributes
    ----------
    density
        Knots, rho/mean, ascending.
    counts
        Mean halos per voxel there.
    """

    density: NDArray[np.float64]
    counts: NDArray[np.float64]

    def paint(self, density: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean counts of every voxel of `density` (rho/mean)."""
        return np.asarray(np.interp(density, self.density, self.counts))


def fit_local_bias(
    density: NDArray[np.floating], counts: NDArray[np.floating] | NDArray[np.integer]
) -> LocalBias:
    """Fit the mean counts in 200 bins of density that hold equally many voxels.

    Voxels of equal density share a bin, so many empty ones make fewer bins.

    Parameters
    ----------
    density
        rho/mean, (nx, ny, nz).
    counts
        Halos per voxel on the same voxels.
    """
    order = np.argsort(density, axis=None, kind="stable")
    ascending = density.ravel()[order].astype(np.float64)
    bins = min(_BINS, max(1, density.size // _LEAST_VOXELS))
    quantiles = ascending[np.linspace(0, density.size, bins, endpoint=False).astype(int)]
    starts = np.searchsorted(ascending, np.unique(quantiles))
    voxels = np.diff(starts, append=density.size)
    return LocalBias(
        density=np.add.reduceat(ascending, starts) / voxels,
        counts=np.add.reduceat(counts.ravel()[order].astype(np.float64), starts) / voxels,
    )
