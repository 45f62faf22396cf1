"""Modes of periodic fields, half of them, as `scipy.fft.rfftn` keeps them.

The mode of the integer wavevector (n_x, n_y, n_z) has k = 2 pi n / L along each axis; negative
n_x and n_y stand at the end of their axes, and n_z is never negative. With ``norm="forward"`` a
mode is the same number on every lattice fine enough to hold it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape

Modes = NDArray[np.complex64]

_MEAN = 1e-3
"""Largest mean of an overdensity over its standard deviation."""


def lattice_of(modes: Modes) -> Shape:
    """Points along x, y, z of the even lattice that modes belong to."""
    return modes.shape[0], modes.shape[1], 2 * (modes.shape[2] - 1)


def integers(points: int) -> NDArray[np.int64]:
    """Integer wavenumbers of a whole axis in the order of its modes."""
    found: NDArray[np.int64] = np.rint(fft.fftfreq(points, 1 / points)).astype(np.int64)
    return found


def both_signs(highest: int) -> tuple[slice, slice]:
    """Places of the wavenumbers 0 to `highest` and -`highest` to -1, on an axis of any length."""
    return slice(0, highest + 1), slice(-highest, None) if highest else slice(0, 0)


def up_to(highest: Shape) -> Iterator[tuple[slice, slice, slice]]:
    """Places of the modes up to `highest` along x, y, z, the same ones on any lattice."""
    for along_x in both_signs(highest[0]):
        for along_y in both_signs(highest[1]):
            yield along_x, along_y, slice(0, highest[2] + 1)


class Moments:
    """The mean and standard deviation of a field that comes plane by plane."""

    def __init__(self) -> None:
        self._total, self._squares, self._size = 0.0, 0.0, 0

    def add(self, plane: NDArray[np.floating]) -> None:
        """Take one more plane in."""
        with np.errstate(invalid="ignore", over="ignore"):
            self._total += float(plane.sum(dtype=np.float64))
            self._squares += float(np.square(plane, dtype=np.float64).sum())
        self._size += plane.size

    @property
    def mean(self) -> float:
        """The mean so far."""
        return self._total / self._size

    @property
    def deviation(self) -> float:
        """The root mean square so far; not finite once a value was not."""
        return float(np.sqrt(self._squares / self._size))

    @property
    def are_of_overdensity(self) -> bool:
        """Whether the mean is 0, as far as numbers tell, of a field that is not constant."""
        return self.deviation > 0 and abs(self.mean) <= _MEAN * self.deviation
