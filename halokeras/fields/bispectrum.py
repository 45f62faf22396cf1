"""The bispectrum of a periodic field, by Fourier transforms of its shells.

B(k1, k2, k3) is 1/V times the mean of delta_k1 delta_k2 delta_k3 over the triangles of modes,
k1 + k2 + k3 = 0, whose sides lie in three shells of wavenumber (Scoccimarro 2015,
arXiv:1506.02729, equation 40). Modes and powers are those of `halokeras.fields.spectra`:
nothing is deconvolved and no shot noise subtracted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.spectra import overdensity_modes, wavenumbers

Array = NDArray[np.float64]
Shell = tuple[float, float]


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
    """Measures triangles of one field, each shell transformed once.

    Parameters
    ----------
    field
        (nx, ny, nz), rho/mean or counts, of positive mean.
    voxel_size
        [Mpc/h].
    """

    def __init__(self, field: NDArray[np.floating], voxel_size: float) -> None:
        self._shape = field.shape
        self._voxel_volume = voxel_size**3
        self._nyquist = np.pi / voxel_size
        self._wavenumber, self._weight = wavenumbers(field.shape, voxel_size)
        self._modes = overdensity_modes(field)
        self._shells: dict[Shell, tuple[Array, Array, float, float]] = {}

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
        shells = [self._shell((lower, upper)) for lower, upper in sides]
        voxels = float(np.prod(self._shape))
        triangles = np.sum(shells[0][1] * shells[1][1] * shells[2][1]) * voxels**2
        product = np.sum(shells[0][0] * shells[1][0] * shells[2][0]) * voxels**2
        count = round(float(triangles))
        scale = self._voxel_volume**3 / (voxels * self._voxel_volume)
        return Triangles(
            k=(shells[0][2], shells[1][2], shells[2][2]),
            power=(shells[0][3], shells[1][3], shells[2][3]),
            bispectrum=float(scale * product / count) if count else np.nan,
            triangles=count,
        )

    def _shell(self, side: Shell) -> tuple[Array, Array, float, float]:
        """Return the field and the indicator of a shell in real space, its mean k and power."""
        if side not in self._shells:
            lower, upper = (edge * (1 + 1e-9) for edge in side)
            inside = (self._wavenumber > lower) & (self._wavenumber <= upper)
            weights = np.where(inside, self._weight, 0.0)
            total = max(float(weights.sum()), 1.0)
            volume = self._voxel_volume / np.prod(self._shape)
            self._shells[side] = (
                scipy.fft.irfftn(np.where(inside, self._modes, 0), self._shape),
                scipy.fft.irfftn(inside.astype(np.complex128), self._shape),
                float((weights * self._wavenumber).sum() / total),
                float((weights * np.abs(self._modes) ** 2).sum() / total * volume),
            )
        return self._shells[side]


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
