"""Power spectra and what compares two fields mode by mode.

Convention, everywhere in halopaint: a periodic field of volume V on voxels of side `voxel_size`
[Mpc/h] has modes delta_k = sum(delta_x exp(-i k x)) * voxel volume, power P(k) =
<|delta_k|^2> / V in (Mpc/h)^3 and wavenumbers k = 2 pi m / L in h/Mpc, to the Nyquist frequency
pi / voxel_size. A field enters as what it is, rho/mean or counts, and is divided by its mean to
become an overdensity. A real field's modes come in conjugate pairs of which half are stored:
planes that hold both members (k_z = 0 and, for an even number of voxels, the Nyquist plane) count
once, the others twice, so all modes together hold the variance exactly. Bins run from their lower
edge, which is outside, to their upper edge, which is inside; k, P and every product are means over
the modes of a bin; k = 0 is in none, and bins without modes are left out. No window is
deconvolved and no shot noise subtracted.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EDGES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
_FINER = (0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0)


def default_edges(voxel_size: float) -> Array:
    """Edges in k [h/Mpc] of the bins that scorecards use, the last at the Nyquist frequency."""
    nyquist = np.pi / voxel_size
    inner = [edge for edge in (*_EDGES, *_FINER) if edge < 0.95 * nyquist]
    return np.array([0.0, *inner, nyquist])


@dataclass(frozen=True)
class Spectra:
    """Powers of two fields and of their product in bins of k; bins without modes are left out.

    Attributes
    ----------
    k
        Mean wavenumber of each bin's modes [h/Mpc].
    upper
        Upper edge of each bin [h/Mpc].
    modes
        Number of modes in each bin, both members of a pair counted.
    first, second, cross
        Power of the first field, of the second, and their real cross power [(Mpc/h)^3].
    """

    k: Array
    upper: Array
    modes: Array
    first: Array
    second: Array
    cross: Array

    @property
    def cross_correlation(self) -> Array:
        """r(k) = P_cross / sqrt(P_first P_second); 0 where a field has no power."""
        norm = np.sqrt(self.first * self.second)
        return np.divide(self.cross, norm, out=np.zeros_like(norm), where=norm > 0)

    @property
    def transfer_function(self) -> Array:
        """T(k) = sqrt(P_first / P_second); infinite where the second field has no power."""
        ratio = np.full_like(self.first, np.inf)
        np.divide(self.first, self.second, out=ratio, where=self.second > 0)
        return np.sqrt(ratio)

    @property
    def stochastic_power(self) -> Array:
        """P_second (1 - r^2) [(Mpc/h)^3]: what no linear filter of the first field explains.

        Where the second field is a Poisson sample of a filtered first one, this is its shot noise
        1 / nbar; more of it is scatter beyond Poisson.
        """
        return self.second * (1 - self.cross_correlation**2)


def measure(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    voxel_size: float,
    edges: Array | None = None,
) -> Spectra:
    """Measure the powers of two periodic fields of one shape and their cross power.

    Parameters
    ----------
    first, second
        (nx, ny, nz), rho/mean or counts, of positive mean.
    voxel_size
        [Mpc/h].
    edges
        Of the bins in k [h/Mpc], upper edge inclusive; `default_edges` if not given. Modes outside
        of them enter no bin.

    Notes
    -----
    One Fourier transform per field, in float64; a field given as both is transformed once.
    """
    edges = default_edges(voxel_size) if edges is None else edges
    wavenumber, weight = wavenumbers(first.shape, voxel_size)
    modes_first = overdensity_modes(first)
    modes_second = modes_first if second is first else overdensity_modes(second)
    # a mode that sits on the last edge, the Nyquist frequency of an axis, belongs inside
    inside = np.searchsorted(edges * (1 + 1e-9), wavenumber.ravel(), side="left") - 1
    use = (inside >= 0) & (inside < len(edges) - 1) & (wavenumber.ravel() > 0)
    bins, weights = inside[use], weight.ravel()[use]
    count: Array = np.bincount(bins, weights, minlength=len(edges) - 1).astype(np.float64)
    filled = count > 0
    scale = voxel_size**3 / first.size

    def average(values: Array) -> Array:
        total = np.bincount(bins, weights * values.ravel()[use], minlength=len(edges) - 1)
        mean: Array = total[filled] / count[filled]
        return mean

    return Spectra(
        k=average(wavenumber),
        upper=edges[1:][filled],
        modes=count[filled],
        first=scale * average(np.abs(modes_first) ** 2),
        second=scale * average(np.abs(modes_second) ** 2),
        cross=scale * average((modes_first * modes_second.conj()).real),
    )


def overdensity_modes(field: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Modes of a field of positive mean, rho/mean or counts, divided by its mean."""
    values = field.astype(np.float64)
    modes: NDArray[np.complex128] = scipy.fft.rfftn(values / values.mean() - 1)
    return modes


def wavenumbers(shape: tuple[int, ...], voxel_size: float) -> tuple[Array, Array]:
    """Return |k| [h/Mpc] of the modes of a real transform, and how often each counts."""
    axes = [2 * np.pi * scipy.fft.fftfreq(n, voxel_size) for n in shape[:-1]]
    axes.append(2 * np.pi * scipy.fft.rfftfreq(shape[-1], voxel_size))
    grid = np.meshgrid(*axes, indexing="ij", sparse=True)
    wavenumber = np.sqrt(sum(axis**2 for axis in grid))
    last = np.arange(shape[-1] // 2 + 1)
    weight = np.where((last == 0) | (2 * last == shape[-1]), 1.0, 2.0)
    return wavenumber, np.broadcast_to(weight, wavenumber.shape)
