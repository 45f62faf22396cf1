"""How halos fall together: the velocity that the density around them tells, whole or by slabs.

The density on points, two along the side of a voxel, is transformed plane by plane along y and z,
and what is of one wavenumber along y then along x. So a slab needs of the planes around it, which
tell what is of near scales, no more than their transforms, made once for all slabs. What is of far
scales is of the density on the voxels of the box, an eighth as many, as
`halokeras.simulation.fine_matter.far_infall` makes it.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes
from halokeras.simulation.fine_matter.halo_motion import HaloMotion
from halokeras.simulation.threads import in_threads

_SMOOTHED, _NEAR = 2.0, 1.0
"""Gaussian radii of the density that halos fall by [Mpc/h]."""
_FAR = 1.5
"""Gaussian radius of the far scales, at least that above [voxels]."""
_REACH = 5.3
"""Times that radius from where on the near scales know of nothing: of a Gaussian, 2e-6.

The highest waves of the points are cut off sharply and ring further: of halos by 0.1 km/s along x.
"""

Array = NDArray[np.float32]


class Shares(NamedTuple):
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


class _Axis(NamedTuple):
    """Wavenumbers along an axis [h/Mpc].

    Attributes
    ----------
    wave
        The wavenumbers.
    direction
        The same, but 0 at the Nyquist frequency, which tells no direction.
    smooth
        What the radii of `Shares` leave of each: the near one, the next and the far one.
    """

    wave: Array
    direction: Array
    smooth: Array


class _Kernel(NamedTuple):
    """What modes of an overdensity are multiplied by.

    Attributes
    ----------
    x, y, z
        Their wavenumbers.
    shares
        Shares of what the radii leave.
    """

    x: _Axis
    y: _Axis
    z: _Axis
    shares: Array


class Infall(NamedTuple):
    """What an overdensity tells of some planes, in modes along y and z.

    Attributes
    ----------
    modes
        (fields, planes, ny, modes along z): of the velocity along x, of its potential and, where it
        is wanted, of the density smoothed by 2 Mpc/h.
    y, z
        Wavenumbers that the potential is multiplied by for the other velocities.
    points
        Points along y and z.
    """

    modes: Modes
    y: Array
    z: Array
    points: tuple[int, int]

    def velocity(self, plane: int) -> list[Array]:
        """Return the velocity in a plane along x, y, z [km/s]."""
        along_x, potential = self.modes[:2, plane]
        along_y, along_z = potential * self.y[:, np.newaxis], potential * self.z
        return [self._field(modes) for modes in (along_x, along_y, along_z)]

    def smoothed(self, plane: int) -> Array:
        """Return the smoothed density in a plane, rho/mean."""
        return self._field(self.modes[2, plane])

    def _field(self, modes: Modes) -> Array:
        field: Array = fft.irfft2(modes, s=self.points)
        return field


def far_radius(voxel_size: float) -> float:
    """Return the Gaussian radius of the far scales [Mpc/h]."""
    return max(_FAR * voxel_size, _SMOOTHED)


def near_margin(voxel_size: float) -> int:
    """Return the voxels around a slab that its near scales need."""
    return int(np.ceil(_REACH * far_radius(voxel_size) / voxel_size))


def whole_shares(motion: HaloMotion) -> Shares:
    """Return what makes the velocity that halos fall together with."""
    return Shares(motion.rate * motion.near_infall, motion.rate * motion.infall_share)


def near_shares(motion: HaloMotion, voxel_size: float) -> Shares:
    """Return what makes that velocity but for its far scales."""
    near, smoothed = whole_shares(motion)[:2]
    return Shares(near, smoothed, -smoothed, far_radius(voxel_size))


def infall(  # noqa: PLR0913  (modes and where they lie, what is made of them, and threads)
    modes: Modes,
    around: NDArray[np.int64],
    own: slice,
    points: Shape,
    side: float,
    shares: Shares,
    workers: int,
    smoothed: bool = True,
) -> Infall:
    """Tell of the overdensity around some planes what halos there fall by.

    Parameters
    ----------
    modes
        Modes along y and z of planes of rho/mean.
    around
        Which of them, in their order along x, they are told of: those of a whole box, or a slab of
        it, which is taken to repeat.
    own
        Which of these it is told for.
    points
        Points along x, y, z of the planes `around`.
    side
        Their distance [Mpc/h].
    shares
        What makes the velocity.
    workers
        Threads.
    smoothed
        Whether the smoothed density is wanted too.
    """
    kernel = _kernel(points, side, shares)
    fields, planes = 3 if smoothed else 2, len(around[own])
    made = np.empty((fields, planes, *modes.shape[1:]), dtype=np.complex64)

    def column(y: int) -> None:
        along_x = fft.fft(modes[around, y], axis=0, overwrite_x=True)
        parts = np.empty((fields, *along_x.shape), dtype=np.complex64)
        _fall(along_x.view(np.float32), kernel, y, parts.view(np.float32))
        made[:, :, y] = fft.ifft(parts, axis=1, overwrite_x=True)[:, own]

    in_threads(column, range(modes.shape[1]), workers)
    return Infall(made, kernel.y.direction, kernel.z.direction, points[1:])


def _kernel(points: Shape, side: float, shares: Shares) -> _Kernel:
    x, y, z = (_axis(length, side, shares) for length in points)
    half = points[2] // 2 + 1
    near, smoothed, far = shares[:3]
    return _Kernel(
        x,
        y,
        _Axis(z.wave[:half], z.direction[:half], z.smooth[:, :half].copy()),
        np.array([near, smoothed - near, far], dtype=np.float32),
    )


def _axis(length: int, side: float, shares: Shares) -> _Axis:
    wave = 2 * np.pi * fft.fftfreq(length, side)
    smooth = np.exp(-np.outer([_NEAR**2, _SMOOTHED**2, shares.radius**2], wave**2 / 2))
    smooth[2] /= np.cos(wave * shares.quarter) ** 2
    direction = wave.copy()
    if length % 2 == 0:
        direction[length // 2] = 0
    return _Axis(*(values.astype(np.float32) for values in (wave, direction, smooth)))


# Numbers are real, those of each mode beside each other: numba multiplies complex ones more slowly.


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fall(modes, kernel, j, parts):  # type: ignore[no-untyped-def]
    """Write the fields of `Infall` of modes (x, z) of wavenumber j along y."""
    x, y, z, shares = kernel
    for i in range(modes.shape[0]):
        across = x.wave[i] ** 2 + y.wave[j] ** 2
        near = shares[0] * x.smooth[0, i] * y.smooth[0, j]
        smoothed = x.smooth[1, i] * y.smooth[1, j]
        next_share = shares[1] * smoothed
        far = shares[2] * x.smooth[2, i] * y.smooth[2, j]
        for k in range(len(z.wave)):
            real, imaginary = modes[i, 2 * k], modes[i, 2 * k + 1]
            share = near * z.smooth[0, k] + next_share * z.smooth[1, k] + far * z.smooth[2, k]
            square = across + z.wave[k] ** 2
            share = share / square if square > 0 else np.float32(0)
            parts[1, i, 2 * k] = -imaginary * share
            parts[1, i, 2 * k + 1] = real * share
            share *= x.direction[i]
            parts[0, i, 2 * k] = -imaginary * share
            parts[0, i, 2 * k + 1] = real * share
            if len(parts) > 2:
                parts[2, i, 2 * k] = smoothed * z.smooth[1, k] * real
                parts[2, i, 2 * k + 1] = smoothed * z.smooth[1, k] * imaginary
