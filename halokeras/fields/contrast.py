"""What the values of a density grid are, and the grid as rho/mean, larger than memory or not."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage.grid import Grid, survey

Contrast = Literal["1+delta", "delta", "rho"]
"""Values that are rho/mean, rho/mean - 1, or any multiple of rho, such as particle counts."""


_NO_OVERDENSITY = 0.01
"""Mean of an overdensity at most, as far from 0 as that of rho/mean may be from 1."""


class Scaled:
    """A grid whose values are those of another, multiplied and shifted as they are read.

    Parameters
    ----------
    grid
        The other, in memory or in a file.
    factor, shift
        The values become value x factor + shift, in float32.
    """

    def __init__(self, grid: Grid, factor: float, shift: float) -> None:
        self._grid, self._factor, self._shift = grid, factor, shift

    @property
    def shape(self) -> tuple[int, ...]:
        """As that of the other grid."""
        return self._grid.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """That of the values as they are read."""
        return np.dtype(np.float32)

    def __getitem__(self, place: Any, /) -> NDArray[np.float32]:
        values = np.asarray(self._grid[place], dtype=np.float64)
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            return (values * self._factor + self._shift).astype(np.float32)


def as_density(grid: Grid, contrast: Contrast, name: str) -> Grid:
    """Return a grid as rho/mean.

    Parameters
    ----------
    grid
        (nx, ny, nz) real numbers.
    contrast
        What they are.
    name
        What errors call the grid.

    Raises
    ------
    BoxError
        If the contrast is unknown, the mean of a ``rho`` is not positive, or that of a ``delta``
        is nothing like 0.
    """
    if contrast not in get_args(Contrast):
        known = ", ".join(get_args(Contrast))
        raise BoxError(f"{name}: contrast {contrast!r} is unknown; choose one of {known}")
    if contrast == "1+delta":
        return grid
    seen = survey(grid)
    mean = seen.mean
    if contrast == "delta":
        if not abs(mean) <= _NO_OVERDENSITY:
            raise BoxError(
                f"{name} has the mean {mean:.4g}, and an overdensity has 0; "
                + _other_than_overdensity(seen.minimum)
            )
        return Scaled(grid, 1.0, 1.0)
    if not (np.isfinite(mean) and mean > 0):
        raise BoxError(f"{name} has the mean {mean:.4g}; a rho has a positive one")
    if seen.minimum < -mean:  # further than a window that was divided out takes voids
        raise BoxError(
            f"{name} is negative (down to {seen.minimum:.4g}, with mean {mean:.4g}), which no rho "
            "is; the contrast of an overdensity is delta"
        )
    return Scaled(grid, 1 / mean, 0.0)


def _other_than_overdensity(minimum: float) -> str:
    """Say what a grid may be that is no overdensity, by its least value."""
    if minimum >= 0:
        return "the contrast of rho/mean is 1+delta, that of another rho is rho"
    if minimum < -1:
        return "of a logarithm take the exponential, and divide by its mean"
    return "of a part of a larger box paint the whole box, of a logarithm take the exponential"
