"""Powers of two fields, as people have them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from halokeras.errors import BoxError
from halokeras.fields import spectra
from halokeras.fields.spectra import Spectra
from halokeras.front.grids import real_grid

_LEAST_MEAN = 1e-3
"""Of a field over the rms about it: an overdensity has less, and rounding for a mean."""


def measure(
    first: ArrayLike, second: ArrayLike, voxel_size: float, edges: ArrayLike | None = None
) -> Spectra:
    """Measure the powers of two periodic fields of one shape and their cross power.

    Parameters
    ----------
    first, second
        (nx, ny, nz), rho/mean or counts, of positive mean.
    voxel_size
        [Mpc/h].
    edges
        Of the bins in k [h/Mpc], ascending, upper edge inclusive; those of scorecards if not given.
        Modes outside of them enter no bin.

    Raises
    ------
    BoxError
        If a field is none, the two are of different shapes, or the size or the edges cannot be.
    """
    one = _field(first, "the first field")
    other = one if second is first else _field(second, "the second field")
    if one.shape != other.shape:
        raise BoxError(
            f"the fields have shapes {one.shape} and {other.shape}; both must cover the same voxels"
        )
    if not (np.isfinite(voxel_size) and voxel_size > 0):
        raise BoxError(f"voxel_size must be positive, in Mpc/h, not {voxel_size}")
    bounds = None if edges is None else np.asarray(edges, dtype=np.float64)
    if bounds is not None and not (
        bounds.ndim == 1 and len(bounds) > 1 and bounds[0] >= 0 and np.all(np.diff(bounds) > 0)
    ):
        raise BoxError("edges must be two or more ascending wavenumbers [h/Mpc], from 0 on")
    return spectra.measure(one, other, voxel_size, bounds)


def _field(values: ArrayLike, name: str) -> NDArray[np.floating]:
    field = real_grid(values, name)
    if not np.isfinite(field).all():
        raise BoxError(f"{name} holds NaN or infinite values; fill them first")
    mean = field.mean(dtype=np.float64)
    if not mean > _LEAST_MEAN * field.std(dtype=np.float64):
        raise BoxError(
            f"{name} has the mean {mean:.3g}; add 1 to an overdensity, as powers are of rho/mean "
            "or counts"
        )
    return field.astype(np.float64, copy=False)
