"""How counts are distributed, one voxel or cell at a time."""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.floating] | NDArray[np.integer]


def count_histogram(counts: Counts) -> NDArray[np.int64]:
    """Number of voxels that hold 0, 1, 2, ... halos, up to the fullest.

    A field that is not of whole numbers, such as painted means, is rounded to the nearest whole
    number, halves to the even one: a voxel of 0.4 counts as empty.

    Parameters
    ----------
    counts
        Of any shape, finite and not negative.
    """
    return np.bincount(np.rint(counts).astype(np.int64).ravel())


def cell_variance(counts: Counts, voxel_size: float, side: float) -> float | None:
    """Variance of the overdensity of counts in disjoint cubic cells, <N^2> / <N>^2 - 1.

    Shot noise is not subtracted: Poisson counts unrelated to position give 1 / <N>.

    Parameters
    ----------
    counts
        (nx, ny, nz), of positive mean.
    voxel_size, side
        Of a voxel and of a cell [Mpc/h].

    Returns
    -------
    float or None
        None where the cells are not whole voxels or not even two of them fit. Voxels that remain
        beyond the last whole cell are left out.
    """
    width = round(side / voxel_size)
    cells = [n // width for n in counts.shape] if width else [0]
    if abs(width * voxel_size - side) > 1e-6 * side or np.prod(cells) < 2:
        return None
    used = counts[tuple(slice(n * width) for n in cells)].astype(np.float64)
    nx, ny, nz = cells
    totals = used.reshape(nx, width, ny, width, nz, width).sum(axis=(1, 3, 5))
    return float(totals.var() / totals.mean() ** 2)
