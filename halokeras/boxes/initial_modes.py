"""A user's own initial conditions: the linear overdensity of a box, from a ``.npy`` file.

The grid is delta(x) in linear theory at the redshift of the box, in real space, real numbers of
mean 0, with 2 points along the side of a voxel (4 in a box of up to 128^3 voxels). Point i lies at
i times the spacing: the first is the corner of the first voxel. Modes at the Nyquist frequency of
the grid are left out.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.gridding import Shape
from halokeras.boxes.lpt import Modes, Table
from halokeras.boxes.streamed_lpt import modes_of_planes
from halokeras.errors import BoxError

_MEAN = 1e-3
"""Largest mean over the standard deviation."""
_POWER = 2.0
"""Largest factor between the power of the large scales and that of the cosmology."""


def read_initial_modes(
    path: Path, lattice: Shape, voxels: Shape, voxel_size: float, power: Table, workers: int = 1
) -> Modes:
    """Read a linear overdensity and give its modes, a plane in memory at a time.

    Parameters
    ----------
    path
        A ``.npy`` file as the module says.
    lattice
        Points that it must have along x, y, z.
    voxels, voxel_size
        Of the box; side of a voxel [Mpc/h].
    power
        Linear power that it should show: wavenumbers [h/Mpc] and power [(Mpc/h)^3].
    workers
        Threads.

    Raises
    ------
    BoxError
        If it is no such grid: another shape, not finite, a mean that is not 0, or large scales
        whose power is not that of the cosmology within a factor of 2.
    """
    grid = _mapped(path)
    if grid.dtype.kind != "f" or grid.shape != lattice:
        raise BoxError(
            f"initial modes {path} are {grid.dtype} of shape {grid.shape}; the box needs a linear "
            f"overdensity, real numbers of shape {lattice}"
        )
    total, squares = 0.0, 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for plane in grid:
            total += float(plane.sum(dtype=np.float64))
            squares += float(np.square(plane, dtype=np.float64).sum())
    mean, deviation = total / grid.size, np.sqrt(squares / grid.size)
    if not np.isfinite(deviation):
        raise BoxError(f"initial modes {path} hold NaN or infinite values; make them again")
    if not abs(mean) <= _MEAN * deviation or deviation == 0:
        raise BoxError(
            f"initial modes {path} have mean {mean:.3g} and standard deviation {deviation:.3g}; "
            "give a linear overdensity, which has mean 0 and is not constant"
        )
    modes = modes_of_planes(iter(grid), lattice, workers)
    found = _large_scales(modes, voxels, voxel_size, power)
    if not 1 / _POWER < found < _POWER:
        raise BoxError(
            f"initial modes {path} have {found:.3g} times the large-scale power of the cosmology; "
            "give the linear overdensity at the redshift of the box, not white noise"
        )
    return modes


def _mapped(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise BoxError(f"there is no file {path} of initial modes; check the path")
    try:
        mapped: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise BoxError(
            f"initial modes {path} are not a numeric .npy array ({error}); save them with numpy"
        ) from error
    return mapped


def _large_scales(modes: Modes, voxels: Shape, voxel_size: float, power: Table) -> float:
    """Mean power of the modes up to 8 along each axis over what is expected there."""
    reach = [min(8, points // 2 - 1) for points in (*modes.shape[:2], 2 * modes.shape[2] - 2)]
    along = [np.arange(-reach[0], reach[0] + 1), np.arange(-reach[1], reach[1] + 1)]
    along.append(np.arange(1, reach[2] + 1))
    corner = modes[np.ix_(*along)]
    sides = np.array(voxels) * voxel_size
    k = [2 * np.pi * n / side for n, side in zip(along, sides, strict=True)]
    magnitude = np.sqrt(k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2)
    expected = np.exp(np.interp(np.log(magnitude), np.log(power[0]), np.log(power[1])))
    return float((np.abs(corner) ** 2 / expected).mean() * np.prod(sides))
