"""How many heavy halos a voxel holds where a painter expects one or more.

A voxel holds one heavy halo at most, or nearly so, as the halo has taken the matter of several
voxels. A painter that learned by the Poisson likelihood does not know: few voxels are peaks, so
where it expects 1.4 halos above 3e13 Msun/h there is 1.0, and where 0.6 there are 0.65.
"""

import numpy as np
from numpy.typing import NDArray

_EDGES = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.6, np.inf])
"""Of the bins of halos expected above a mass."""
KNOTS = np.array([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.12, 1.41, 1.85])
"""Halos expected above a mass, at which it is told how many there are: one in each bin."""
_PRIOR = 50.0
"""Halos, as expected, that a bin is taken to have besides: few tell little."""
_LEAST = 1e-12
"""Of a channel, so that it has a share everywhere."""


def fit_peaks(expected: NDArray[np.floating], counts: NDArray[np.floating]) -> NDArray[np.float64]:
    """Measure how many halos above each mass there are over what is expected.

    Parameters
    ----------
    expected, counts
        (..., channels) of the same voxels: halos that a painter expects, and those there are.

    Returns
    -------
    ndarray
        (channels, knots), at the `KNOTS` of the halos expected of a channel and all heavier ones;
        1 for all channels together, whose law is measured by itself.
    """
    channels = expected.shape[-1]
    found = np.ones((channels, KNOTS.size))
    means, held = expected.reshape(-1, channels), counts.reshape(-1, channels)
    for channel in range(1, channels):
        above = means[:, channel:].sum(axis=1, dtype=np.float64)
        there = held[:, channel:].sum(axis=1, dtype=np.float64)
        bins = np.digitize(above, _EDGES[1:-1])
        painted, counted = (np.bincount(bins, of, KNOTS.size) for of in (above, there))
        found[channel] = (counted + _PRIOR) / (painted + _PRIOR)
    return found


def at_peaks(expected: NDArray[np.floating], peaks: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the halos that are expected once it is known how many there are at peaks.

    Parameters
    ----------
    expected
        (..., channels) halos that a painter expects.
    peaks
        As `fit_peaks` returns.

    Returns
    -------
    ndarray
        Of the same shape; all channels together are as many as before.
    """
    channels = expected.shape[-1]
    above = expected.reshape(-1, channels)[:, ::-1].cumsum(axis=1, dtype=np.float64)[:, ::-1]
    known = above.copy()
    for channel in range(1, channels):
        known[:, channel] *= peaks[channel, 0]
        some = np.flatnonzero(above[:, channel] > KNOTS[0])  # few voxels
        there = above[some, channel]
        known[some, channel] = there * np.interp(there, KNOTS, peaks[channel])
    np.minimum.accumulate(known, axis=1, out=known)
    known[:, :-1] -= known[:, 1:].copy()
    found: NDArray[np.float32] = np.maximum(known, _LEAST).astype(np.float32)
    return found.reshape(expected.shape)
