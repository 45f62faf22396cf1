"""Grids of numbers, as people have them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from halokeras.errors import BoxError


def real_grid(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return a grid of real numbers, (nx, ny, nz), or refuse what is none by its `name`.

    Raises
    ------
    BoxError
        If it is of another shape or type, or has masked voxels.
    """
    if np.ma.is_masked(values):
        raise BoxError(f"{name} has masked voxels; fill them, as every one is read")
    grid = np.asarray(values)
    if grid.ndim != 3 or grid.dtype.kind not in "fiu" or 0 in grid.shape:
        raise BoxError(
            f"{name} is {grid.dtype} of shape {grid.shape}; it must be a grid of real numbers "
            "(nx, ny, nz)"
        )
    return grid
