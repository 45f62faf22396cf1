"""The bispectrum of a periodic field, by Fourier transforms of its shells.

B(k1, k2, k3) is 1/V times the mean of delta_k1 delta_k2 delta_k3 over the triangles of modes,
k1 + k2 + k3 = 0, whose sides lie in three shells of wavenumber (Scoccimarro 2015,
arXiv:1506.02729, equation 40). Modes and powers are those of `halokeras.fields.spectra`:
nothing is deconvolved and no shot noise subtracted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.spectra import overdensity_modes, wavenumbers

Array = NDArray[np.float64]
Shell = tuple[float, float]

_COUNTED = 4096
"""Triangles whose number is remembered, a number each: some fifty for each shape of a box."""


@dataclass(frozen=True)
class Triangles:
    """The bispectrum of triangles of modes.

    Attributes
    ----------
    k
        Mean wavenumber of the modes of each side's shell [h/Mpc].
    power
        Power in each side's shell [(Mpc/h)^3].
    bispectrum
        B [(Mpc/h)^6]; NaN where no triangle of modes closes.
    triangles
        How many closed.
    """

    k: tuple[float, float, float]
    power: tuple[float, float, float]
    bispectrum: float
    triangles: int

    @property
    def reduced(self) -> float:
        """Q = B / (P1 P2 + P2 P3 + P3 P1), at tree level independent of the amplitude; or NaN."""
        first, second, third = self.power
        products = first * second + second * third + third * first
        return self.bispectrum / products if products > 0 else np.nan


class BispectrumEstimator:
    """Measures triangles of one field.

    A shell takes a grid, so only those of the last triangle are kept: measure triangles that share
    sides one after another.

    Parameters
    ----------
    field
        (nx, ny, nz), rho/mean or counts, of positive mean.
    voxel_size
        [Mpc/h].
    """

    def __init__(self, field: NDArray[np.floating], voxel_size: float) -> None:
        self._shape = field.shape
        self._voxel_size = voxel_size
        self._nyquist = np.pi / voxel_size
        self._wavenumber, self._weight = wavenumbers(field.shape, voxel_size)
        self._modes = overdensity_modes(field)
        self._shells: dict[Shell, tuple[Array, float, float]] = {}

    def measure(self, sides: Sequence[Shell]) -> Triangles:
        """Measure the triangles with one side in each of three shells.

        Parameters
        ----------
        sides
            Lower edge, which is outside, and upper edge, inside, of three shells [h/Mpc].

        Raises
        ------
        BoxError
            If the upper edges together exceed twice the Nyquist wavenumber: there triangles
            close that are none, by aliasing.
        """
        reach = sum(upper for _, upper in sides)
        if reach > 2 * self._nyquist * (1 + 1e-9):
            raise BoxError(
                f"triangles of k up to {reach:.3g} h/Mpc in all are aliased beyond "
                f"{2 * self._nyquist:.3g}, twice the Nyquist wavenumber; choose shorter sides"
            )
        sides = tuple((lower, upper) for lower, upper in sides)
        self._shells = {side: self._shells[side] for side in sides if side in self._shells}
        for side in sides:
            if side not in self._shells:
                self._shells[side] = self._shell(side)
        grids, k, power = zip(*(self._shells[side] for side in sides), strict=True)
        count = _closed(self._shape, self._voxel_size, sides)
        scale = self._voxel_size**6 / np.prod(self._shape)
        return Triangles(
            k=k,
            power=power,
            bispectrum=float(scale * _summed(grids) / count) if count else np.nan,
            triangles=count,
        )

    def _shell(self, side: Shell) -> tuple[Array, float, float]:
        """Return the field of a shell in real space, its mean k and power."""
        inside = _inside(self._wavenumber, side)
        weights = self._weight[inside]
        total = max(float(weights.sum()), 1.0)
        volume = self._voxel_size**3 / np.prod(self._shape)
        return (
            scipy.fft.irfftn(np.where(inside, self._modes, 0), self._shape, overwrite_x=True),
            float((weights * self._wavenumber[inside]).sum() / total),
            float((weights * np.abs(self._modes[inside]) ** 2).sum() / total * volume),
        )


@lru_cache(maxsize=_COUNTED)
def _closed(shape: tuple[int, ...], voxel_size: float, sides: tuple[Shell, ...]) -> int:
    """Count the triangles of modes that close, which are the same in all fields of one shape."""
    wavenumber, _ = wavenumbers(shape, voxel_size)
    grids = {
        side: scipy.fft.irfftn(
            _inside(wavenumber, side).astype(np.complex128), shape, overwrite_x=True
        )
        for side in set(sides)
    }
    return round(_summed([grids[side] for side in sides]))


def _inside(wavenumber: Array, side: Shell) -> NDArray[np.bool_]:
    lower, upper = (edge * (1 + 1e-9) for edge in side)
    return (wavenumber > lower) & (wavenumber <= upper)


def _summed(grids: Sequence[Array]) -> float:
    """Return the sum over triples of modes of what three shells hold in real space."""
    first, second, third = grids
    return float(np.sum(first * second * third)) * float(first.size) ** 2


def equilateral(field: NDArray[np.floating], voxel_size: float) -> list[Triangles]:
    """Measure equilateral triangles in shells two fundamental modes wide, up to 2/3 Nyquist."""
    width = 2 * _fundamental(field, voxel_size)
    highest = 2 * np.pi / voxel_size / 3
    estimator = BispectrumEstimator(field, voxel_size)
    starts = width * np.arange(0.5, highest / width - 0.99)
    return [estimator.measure([(float(k), float(k + width))] * 3) for k in starts]


def over_angle(
    field: NDArray[np.floating],
    voxel_size: float,
    first: float = 0.1,
    second: float = 0.2,
    angles: int = 9,
) -> tuple[Array, list[Triangles]]:
    """Measure triangles of two sides `first` and `second` [h/Mpc] over the angle between them.

    Returns
    -------
    tuple
        The angles [rad] between the two wavevectors, the third side being |k1 + k2|, from nearly
        0 to nearly pi; and the triangles at each, in shells two fundamental modes wide. Those
        that would be aliased on coarse voxels are left out.
    """
    width = 2 * _fundamental(field, voxel_size)
    estimator = BispectrumEstimator(field, voxel_size)
    cosines = np.linspace(1, -1, 2 * angles + 1)[1::2]
    third = np.sqrt(first**2 + second**2 + 2 * first * second * cosines)
    shells = [
        [(k - width / 2, k + width / 2) for k in (first, second, float(side))] for side in third
    ]
    fit = [sum(upper for _, upper in sides) < 2 * np.pi / voxel_size for sides in shells]
    measured = [estimator.measure(sides) for sides, fits in zip(shells, fit, strict=True) if fits]
    return np.arccos(cosines)[fit], measured


def _fundamental(field: NDArray[np.floating], voxel_size: float) -> float:
    return float(2 * np.pi / (max(field.shape) * voxel_size))
