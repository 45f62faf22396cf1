"""Initial conditions that are not ours: the linear overdensity of a box, and modes that it lacks.

A ``.npy`` file holds delta(x) in linear theory at the redshift of the box, in real space, real
numbers of mean 0 on an even number of points, no fewer than the box has voxels. Point i lies at i
times the spacing: the first is the corner of the first voxel. Modes at the Nyquist frequency of
the grid are left out.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, Moments, lattice_of, up_to
from halokeras.simulation.lpt.streamed import modes_of_planes
from halokeras.storage.grid_file import mapped

InitialModes = Callable[[Shape, int], Modes]
"""Linear overdensity of a source at its redshift.

Called with the lattice that a box wants and a number of threads, it returns the modes of
`halokeras.simulation.lpt.lpt`'s convention (point i at i times the spacing, the first on the corner
of the first voxel, Nyquist modes zero) on that lattice or, where the source has fewer points along
a side, on the source's own.
"""


def modes_of_file(path: Path) -> InitialModes:
    """Return the modes of a linear overdensity in a file, read a plane at a time when asked for.

    Raises
    ------
    BoxError
        Now or then, if it is no such grid: of another shape, not finite, or with a mean that is
        not 0.
    """
    grid = _mapped(path)
    if grid.dtype.kind != "f" or grid.ndim != 3 or any(side % 2 or not side for side in grid.shape):
        raise BoxError(
            f"initial modes {path} are {grid.dtype} of shape {grid.shape}; give a linear "
            "overdensity, real numbers on an even number of points along x, y and z"
        )

    def modes(lattice: Shape, workers: int) -> Modes:
        common = tuple(min(sides) for sides in zip(lattice, grid.shape, strict=True))
        if any(
            side * lattice[0] != other * grid.shape[0]
            for side, other in zip(grid.shape, lattice, strict=True)
        ):
            raise BoxError(
                f"initial modes {path} of shape {grid.shape} are of a box of other proportions; "
                f"its sides are as {lattice}"
            )
        _check_overdensity(grid, path)
        return modes_of_planes(iter(grid), grid.shape, (common[0], common[1], common[2]), workers)

    return modes


def complete(drawn: Modes, given: Modes) -> Modes:
    """Overwrite drawn modes by those that are given, as far as both lattices have them.

    Parameters
    ----------
    drawn
        Modes of the lattice wanted, which are changed.
    given
        Modes that are known; those at the Nyquist frequency are not.
    """
    both = zip(lattice_of(drawn), lattice_of(given), strict=True)
    x, y, z = (min(sides) // 2 - 1 for sides in both)
    for part in up_to((x, y, z)):
        drawn[part] = given[part]
    drawn[0, 0, 0] = 0
    return drawn


def _check_overdensity(grid: NDArray[np.floating], path: Path) -> None:
    found = Moments()
    for plane in grid:
        found.add(plane)
    if not np.isfinite(found.deviation):
        raise BoxError(f"initial modes {path} hold NaN or infinite values; make them again")
    if not found.are_of_overdensity:
        raise BoxError(
            f"initial modes {path} have mean {found.mean:.3g} and standard deviation "
            f"{found.deviation:.3g}; give a linear overdensity, which has mean 0 and is not "
            "constant"
        )


def _mapped(path: Path) -> NDArray[Any]:
    if not path.is_file():
        raise BoxError(f"there is no file {path} of initial modes; check the path")
    return mapped(path)
