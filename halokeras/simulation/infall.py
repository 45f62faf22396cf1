"""How halos fall together: the velocity that the density around them tells, whole or by slabs.

Of a whole box it is of one transform of the density on points, two along the side of a voxel. A
slab of these points, with some around it, tells what is of near scales; what is of far ones is of
the density on the voxels of the box, an eighth as many.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from halokeras.simulation.halo_motion import HaloMotion
from halokeras.storage.grid import Grid, slab_ranges

_SMOOTHED, _NEAR = 2.0, 1.0
"""Gaussian radii of the density that halos fall by [Mpc/h]."""
_FAR = 1.5
"""Gaussian radius of the far scales, at least that above [voxels]."""
_REACH = 5.3
"""Times that radius from where on the near scales know of nothing: of a Gaussian, 2e-6.

The highest waves of the points are cut off sharply and ring further: of halos by 0.1 km/s along x.
"""
_QUARTER = np.array([77, -693, 6930, 2310, -495, 63], dtype=np.float32) / 8192
"""Lagrange's weights of six voxels, for a quarter of one from the third to the fourth."""

Array = NDArray[np.float32]
Modes = NDArray[np.complex64]


class _Waves(NamedTuple):
    """Wavenumbers along x, y, z [h/Mpc] of half of the modes, and below which they have a sign."""

    x: Array
    y: Array
    z: Array
    signed: Array


class _Shares(NamedTuple):
    """What makes a velocity of an overdensity: shares of it by Gaussian radius [km/s h/Mpc].

    Attributes
    ----------
    near
        Of what lies between `_NEAR` and `_SMOOTHED`.
    smoothed
        Of what is smoothed by `_SMOOTHED`.
    far
        Of what is smoothed by `radius`.
    radius
        The one of the far scales [Mpc/h].
    quarter
        A quarter of the side of a voxel [Mpc/h] where the density is that on voxels, whose clouds
        are twice those of the points; else 0.
    """

    near: float
    smoothed: float
    far: float = 0.0
    radius: float = 0.0
    quarter: float = 0.0


def far_radius(voxel_size: float) -> float:
    """Return the Gaussian radius of the far scales [Mpc/h]."""
    return max(_FAR * voxel_size, _SMOOTHED)


def near_margin(voxel_size: float) -> int:
    """Return the voxels around a slab that its near scales need."""
    return int(np.ceil(_REACH * far_radius(voxel_size) / voxel_size))


def add_infall(
    velocity: Array, smoothed: Array, density: Array, side: float, motion: HaloMotion, workers: int
) -> None:
    """Turn the 2LPT velocity on the points of a box into that of halos, in place.

    Parameters
    ----------
    velocity
        (3, nx, ny, nz) [km/s].
    smoothed
        (nx, ny, nz), which the density smoothed by 2 Mpc/h is written to.
    density
        rho/mean there.
    side
        Distance of the points [Mpc/h].
    motion
        How halos move.
    workers
        Threads.
    """
    shares = _Shares(motion.rate * motion.near_infall, motion.rate * motion.infall_share)
    velocity *= np.float32(motion.lpt_share)
    _add(velocity, smoothed, density, slice(None), side, shares, workers)


def add_near_infall(
    velocity: Array,
    smoothed: Array,
    density: Array,
    voxel_size: float,
    motion: HaloMotion,
    workers: int,
) -> None:
    """Do as `add_infall` in a slab of a box, but for the far scales.

    Parameters
    ----------
    velocity, smoothed
        As there, on the points of the slab.
    density
        rho/mean, on as many points more on either side along x: those of `near_margin` voxels.
    voxel_size
        Side of a voxel [Mpc/h], along which there are two points.
    motion, workers
        As there.
    """
    far = motion.rate * motion.infall_share
    shares = _Shares(motion.rate * motion.near_infall, far, -far, far_radius(voxel_size))
    beyond = (len(density) - len(smoothed)) // 2
    own = slice(beyond, beyond + len(smoothed))
    velocity *= np.float32(motion.lpt_share)
    _add(velocity, smoothed, density, own, voxel_size / 2, shares, workers)


def _add(
    velocity: Array,
    smoothed: Array,
    density: Array,
    own: slice,
    side: float,
    shares: _Shares,
    workers: int,
) -> None:
    waves = _waves(density.shape, side)
    modes = fft.rfftn(density, workers=workers)
    part = np.empty_like(modes)
    for axis, component in enumerate(velocity):
        _infall(modes, waves, axis, shares, part)
        component += _to_field(part, density.shape, workers)[own]
    _smooth(modes, waves, part)
    np.maximum(_to_field(part, density.shape, workers)[own], 0, out=smoothed)


def write_far_infall(
    density: Grid, voxel_size: float, motion: HaloMotion, target: Array, workers: int
) -> None:
    """Write the velocity of far scales on the voxels of a box.

    Parameters
    ----------
    density
        rho/mean on voxels, which is read slab by slab.
    voxel_size
        Side of a voxel [Mpc/h].
    motion, workers
        As in `add_infall`.
    target
        (3, nx, ny, nz) [km/s].
    """
    x, y, z = density.shape
    far = _Shares(0, 0, motion.rate * motion.infall_share, far_radius(voxel_size), voxel_size / 4)
    modes = np.empty((x, y, z // 2 + 1), dtype=np.complex64)
    parts = [slice(part.start, part.stop) for part in slab_ranges(density.shape)]
    for part in parts:
        plane = np.asarray(density[part], dtype=np.float32)
        modes[part] = fft.rfft2(plane, axes=(1, 2), workers=workers)
    modes = fft.fft(modes, axis=0, overwrite_x=True, workers=workers)
    component = np.empty_like(modes)
    for axis in range(3):
        _infall(modes, _waves(density.shape, voxel_size), axis, far, component)
        rows = fft.ifft(component, axis=0, overwrite_x=True, workers=workers)
        for part in parts:
            target[axis, part] = fft.irfft2(rows[part], s=(y, z), axes=(1, 2), workers=workers)


def on_points(voxels: Array) -> Array:
    """Interpolate a smooth field on voxels to points, two along the side of each.

    Parameters
    ----------
    voxels
        (nx, ny, nz), periodic along y and z, with three voxels more on either side along x.
    """
    points = voxels
    for axis in range(3):
        lower, upper = (
            ndimage.correlate1d(points, weights, axis=axis, mode="wrap", origin=origin)
            for weights, origin in ((_QUARTER[::-1], 0), (_QUARTER, -1))
        )
        if axis == 0:
            lower, upper = lower[3:-3], upper[3:-3]
        points = np.stack([lower, upper], axis=axis + 1)
        shape = list(lower.shape)
        shape[axis] *= 2
        points = points.reshape(shape)
    return points


def _waves(shape: tuple[int, ...], side: float) -> _Waves:
    x, y, z = ((2 * np.pi * fft.fftfreq(length, side)).astype(np.float32) for length in shape)
    # the modes at the Nyquist frequency, which an odd number of points has not, have no direction
    signed = [-wave.min() if len(wave) % 2 == 0 else np.inf for wave in (x, y, z)]
    return _Waves(x, y, z[: shape[2] // 2 + 1], np.array(signed, dtype=np.float32))


def _to_field(modes: Modes, shape: tuple[int, ...], workers: int) -> Array:
    field: Array = fft.irfftn(modes, s=shape, workers=workers, overwrite_x=True)
    return field


@numba.njit(cache=True, nogil=True, parallel=True)
def _infall(modes, waves, axis, shares, part):  # type: ignore[no-untyped-def]
    """Write the modes of the velocity, along an axis, that halos fall together with."""
    for i in numba.prange(modes.shape[0]):
        for j in range(modes.shape[1]):
            for k in range(modes.shape[2]):
                along = (waves.x[i], waves.y[j], waves.z[k])
                square = along[0] ** 2 + along[1] ** 2 + along[2] ** 2
                smooth = np.exp(-square * np.float32(_SMOOTHED**2 / 2))
                between = np.exp(-square * np.float32(_NEAR**2 / 2)) - smooth
                share = np.float32(shares.smoothed) * smooth + np.float32(shares.near) * between
                if shares.far != 0:
                    far = np.exp(-square * np.float32(shares.radius**2 / 2))
                    for one in along:
                        far /= np.cos(one * np.float32(shares.quarter)) ** 2
                    share += np.float32(shares.far) * far
                if square > 0 and abs(along[axis]) < waves.signed[axis]:
                    share *= along[axis] / square
                    part[i, j, k] = modes[i, j, k] * np.complex64(1j) * share
                else:
                    part[i, j, k] = 0


@numba.njit(cache=True, nogil=True, parallel=True)
def _smooth(modes, waves, part):  # type: ignore[no-untyped-def]
    """Write the modes smoothed by the larger radius."""
    for i in numba.prange(modes.shape[0]):
        for j in range(modes.shape[1]):
            for k in range(modes.shape[2]):
                square = waves.x[i] ** 2 + waves.y[j] ** 2 + waves.z[k] ** 2
                part[i, j, k] = modes[i, j, k] * np.exp(-square * np.float32(_SMOOTHED**2 / 2))
