"""Whether a density is 2LPT, Zel'dovich or N-body, told by the field itself.

Power does not tell: that of a Zel'dovich field is within 4 % of 2LPT's where k < 0.4 h/Mpc
(z = 0.3), less than sigma8 is uncertain by, and that of N-body is 1.4 times 2LPT's at
k = 0.3 h/Mpc but so is that of a sigma8 20 % higher. The shape of the distribution of densities
does. Two numbers, measured with the standard deviation of one box in brackets (z = 0.3, sigma8
0.83 where not stated):

======================  ==================================  ===================================
.                       skewness                            tail
voxels                  Zel'dovich  2LPT        N-body      Zel'dovich  2LPT        N-body
======================  ==========  ==========  ==========  ==========  ==========  ===========
64^3 of 4 Mpc/h         .12 (.02)   .57 (.01)   .59 (.01)   -.09 (.01)  -.23 (.01)  -.37 (.01)
32^3 of 4 Mpc/h         .11 (.05)   .55 (.05)   .60 (.05)   -.09 (.01)  -.23 (.02)  -.37 (.02)
64^3 of 2 Mpc/h         .25 (.01)   .76 (.02)   .89 (.02)   -.08 (.01)  -.23 (.01)  -.52 (.01)
64^3 of 8 Mpc/h         -.01 (.01)  .33 (.01)   .37 (.01)   -.08 (.01)  -.19 (.01)  -.24 (.01)
4 Mpc/h, sigma8 0.70    .09         .52         .53         -.10        -.24        -.33
4 Mpc/h, z = 1          .07         .46                     -.11        -.24
======================  ==========  ==========  ==========  ==========  ==========  ===========

Skewness is that of log(density + 0.1), smoothed by a Gaussian of 0.75 voxels, which hides the
window: 1 to 64 particles a voxel, nearest grid point to piecewise cubic deposits, a deconvolved
one and a half-voxel slip move it by 0.04 or less (0.1 for nearest grid point with one particle
a voxel). Tail is the log of the ratio of the rms log(density + 0.1) to that of a lognormal field
of the density's variance; those windows move that of 2LPT to -0.25 at the lowest, and deconvolution
up to -0.08. The references are made at the stated cosmology, redshift and voxel size, so that
neither number is taken from a table.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.cosmology.cosmology import Cosmology, growth
from halokeras.cosmology.power import lattice_power
from halokeras.fields.gridding import cloud_in_cell
from halokeras.simulation.lpt.lpt import first_order, lattice_positions, linear_modes, second_order

_REALISATIONS = 8
_LARGEST = 32
_SMALLEST = 12
"""Voxels a side of the references, at most, and of a density that is judged, at least."""
_POINTS = 2
"""Particles of the references along the side of a voxel."""

_SMOOTHING = 0.75
"""Of the Gaussian [voxels]: it hides how many particles made the density, and their window."""
_SOFTENING = 0.1
_TINY = 1e-30

_UNKNOWN_SKEWNESS, _UNKNOWN_TAIL = 0.03, 0.015
"""Uncertainty of what is expected: particles a voxel, and sigma8 off by 0.1."""
_DEVIATIONS = 4.0


@dataclass(frozen=True)
class DensityShape:
    """What tells densities apart.

    Attributes
    ----------
    skewness
        Of log(density + 0.1) once smoothed by 0.75 voxels.
    tail
        Log of rms log(density + 0.1) over that of a lognormal field of the same variance.
    amplitude
        Rms of the smoothed log(density + 0.1).
    """

    skewness: float
    tail: float
    amplitude: float


@dataclass(frozen=True)
class Scheme:
    """What a density looks like.

    Attributes
    ----------
    name
        ``2lpt``, ``zeldovich`` or ``nbody``; None where the field does not tell. On voxels above
        about 6 Mpc/h N-body passes for 2LPT.
    reason
        The measured and the expected numbers.
    amplitude
        Rms of its smoothed log over that of 2LPT, 1 where nothing was measured; N-body has 1.1, and
        sigma8 and the growth since another redshift enter as they are.
    """

    name: str | None
    reason: str
    amplitude: float = 1.0


def density_shape(density: NDArray[np.floating]) -> DensityShape:
    """Measure what tells densities over their mean apart."""
    variance = float(np.var(density, dtype=np.float64))
    log = np.log(np.maximum(density, 0) + np.float32(_SOFTENING))
    rms = float(np.std(log, dtype=np.float64))
    tail = np.log(max(rms, _TINY) / np.sqrt(np.log1p(max(variance, _TINY))))
    modes = fft.rfftn(density.astype(np.float32, copy=False))
    for axis, points in enumerate(density.shape):
        wavenumber = fft.rfftfreq(points) if axis == 2 else fft.fftfreq(points)
        smoothing = np.exp(-0.5 * (2 * np.pi * _SMOOTHING * wavenumber) ** 2).astype(np.float32)
        modes *= np.expand_dims(smoothing, [other for other in range(3) if other != axis])
    smooth = fft.irfftn(modes, s=density.shape, overwrite_x=True)
    log = np.log(np.maximum(smooth, 0) + np.float32(_SOFTENING))
    log -= log.mean(dtype=np.float64).astype(np.float32)
    spread = max(float(np.mean(log**2, dtype=np.float64)), _TINY)
    skewness = float(np.mean(log**3, dtype=np.float64)) / spread**1.5
    return DensityShape(skewness, float(tail), float(np.sqrt(spread)))


def recognise_scheme(
    density: NDArray[np.floating], voxel_size: float, cosmology: Cosmology, redshift: float
) -> Scheme:
    """Tell which approximation made a density.

    It is compared with 8 realisations of both kinds of Lagrangian perturbation theory on at most
    32^3 voxels. N-body is where the tail lies four deviations below that of 2LPT; the other two are
    told where the skewness is four deviations from the other one's and within four of its own.
    Takes about two seconds, and five times the density's memory.

    Parameters
    ----------
    density
        Cube of rho/mean.
    voxel_size
        [Mpc/h].
    cosmology, redshift
        Of the density.
    """
    side = density.shape[0]
    if side < _SMALLEST:
        return Scheme(None, f"{side} voxels a side are too few to tell")
    found = density_shape(density)
    zeldovich, second = _references(min(side, _LARGEST), voxel_size, cosmology, redshift)
    smaller = (min(side, _LARGEST) / side) ** 3
    expected = [
        _expected([one.skewness for one in kind], smaller, _UNKNOWN_SKEWNESS)
        for kind in (zeldovich, second)
    ]
    amplitude = found.amplitude / float(np.mean([one.amplitude for one in second]))
    tail, deviation = _expected([one.tail for one in second], smaller, _UNKNOWN_TAIL)
    if found.tail < tail - _DEVIATIONS * deviation:
        told = f"tail {found.tail:.2f}, 2LPT has {tail:.2f} +- {deviation:.2f}"
        return Scheme("nbody", told, amplitude)
    told = ", ".join(
        f"{name} has {mean:.2f} +- {deviation:.2f}"
        for name, (mean, deviation) in zip(("Zel'dovich", "2LPT"), expected, strict=True)
    )
    reason = f"skewness of the log-density {found.skewness:.2f}, {told}"
    away = [abs(found.skewness - mean) / deviation for mean, deviation in expected]
    if away[0] < _DEVIATIONS < away[1]:
        return Scheme("zeldovich", reason, amplitude)
    if away[1] < _DEVIATIONS < away[0]:
        return Scheme("2lpt", reason, amplitude)
    return Scheme(None, reason, amplitude)


@lru_cache(maxsize=4)
def _references(
    side: int, voxel_size: float, cosmology: Cosmology, redshift: float
) -> tuple[list[DensityShape], list[DensityShape]]:
    lattice, box_size = _POINTS * side, side * voxel_size
    power = lattice_power(cosmology, redshift, voxel_size / _POINTS)
    now = growth(1 / (1 + redshift), cosmology)
    ratio = np.float32(now.second[0] / now.first[0] ** 2)
    shapes: tuple[list[DensityShape], list[DensityShape]] = ([], [])
    for seed in range(_REALISATIONS):
        delta = linear_modes(seed, lattice, box_size, power)
        position = lattice_positions(lattice, box_size) + first_order(delta, box_size)
        for order in shapes:
            if order is shapes[1]:
                position += ratio * second_order(delta, box_size)
            density = cloud_in_cell(position.reshape(-1, 3), (side,) * 3, voxel_size)
            order.append(density_shape(density))
    return shapes


def _expected(values: list[float], smaller: float, unknown: float) -> tuple[float, float]:
    """Mean and standard deviation in a box of whose volume a reference is a part, `smaller`."""
    variance = float(np.var(values, ddof=1)) * (smaller + 1 / len(values))
    return float(np.mean(values)), float(np.sqrt(variance + unknown**2))
