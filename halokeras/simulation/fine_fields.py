"""The 2LPT matter of a box below its voxels: a finer density, and how halos move there.

All is made of the same modes as the density on the voxels: it tells where in its voxel a halo may
lie and how fast it moves there, as `halokeras.simulation.halo_motion` tells.
"""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape, coarsened
from halokeras.simulation.density import (
    LptParticles,
    Progress,
    estimate,
    held_bytes,
    lpt_particles,
    row_bytes,
)
from halokeras.simulation.halo_motion import HaloMotion, halo_motion
from halokeras.simulation.lpt_box import LptBox, LptEstimate
from halokeras.simulation.threads import numba_threads
from halokeras.storage.memory import refuse_beyond_memory

_SMOOTHED, _NEAR = 2.0, 1.0
"""Gaussian radii of the density that halos fall by [Mpc/h]."""
_LARGE = 256**3
"""Voxels of the largest box whose sub-voxels are as small as the particles' separation."""

PARTICLES_BELOW = 4
"""Particles along the side of a voxel."""
_SECONDS_PER_PARTICLE = 1.2e-7


@dataclass(frozen=True)
class FineFields:
    """The matter of a box below its voxels, all float32.

    Attributes
    ----------
    density
        rho/mean, on `finer` sub-voxels along the side of a voxel.
    velocity
        Mean velocity of halos [km/s], (3, nx, ny, nz), on half as many points.
    smoothed
        rho/mean smoothed by 2 Mpc/h, on the same points.
    motion
        How halos scatter about that velocity, by that density and their masses.
    """

    density: NDArray[np.float32]
    velocity: NDArray[np.float32]
    smoothed: NDArray[np.float32]
    motion: HaloMotion


def finer(voxels: Shape) -> int:
    """Return the sub-voxels along the side of a voxel."""
    return PARTICLES_BELOW if prod(voxels) <= _LARGE else PARTICLES_BELOW // 2


def fine_estimate(box: LptBox) -> LptEstimate:
    """Say what making the fields of a box, kept in memory, will take."""
    made = estimate(box)
    meanwhile = max(row_bytes(box, PARTICLES_BELOW, velocity=True), transform_bytes(box))
    return LptEstimate(
        memory=max(made.memory, held_bytes(box) + kept_bytes(box) + meanwhile),
        disk=0,
        seconds=made.seconds + _SECONDS_PER_PARTICLE * PARTICLES_BELOW**3 * prod(box.voxels),
    )


def kept_bytes(box: LptBox) -> int:
    """Return the memory that the fields of a box take once they are made."""
    points, voxels = finer(box.voxels), prod(box.voxels)
    density, coarser = points**3 * voxels, (points // 2) ** 3 * voxels
    return 4 * (density + 4 * coarser)


def transform_bytes(box: LptBox) -> int:
    """Return what transforms of the points of the velocity take, a copy that scipy makes too."""
    return 5 * 4 * int((finer(box.voxels) // 2) ** 3 * prod(box.voxels))


def check_fine_memory(box: LptBox) -> None:
    """Raise `BoxError` if the machine has too little memory for the fields of a box."""
    refuse_beyond_memory(
        fine_estimate(box).memory,
        "the 2LPT density below the voxels",
        "place halos by a --sub-density of your own or choose --places uniform",
    )


def make_fine_fields(
    box: LptBox,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
    particles: LptParticles | None = None,
) -> FineFields:
    """Make the density of a box below its voxels, and the velocities of halos there.

    Parameters
    ----------
    box
        The box whose density on the voxels is known.
    workers
        Threads.
    progress
        Called with the stage's name and the fraction of it that is done.
    particles
        The particles of the box, where they are made.

    Raises
    ------
    BoxError
        If there is too little memory.
    """
    if particles is None:
        check_fine_memory(box)
    with numba_threads(workers):
        particles = particles or lpt_particles(box, workers, progress)
        return fine_fields_of(particles, box, workers, progress)


def fine_fields_of(
    particles: LptParticles,
    box: LptBox,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
) -> FineFields:
    """Return the fields as `make_fine_fields`, of particles that are made."""
    points = finer(box.voxels)
    density = np.zeros(_times(box.voxels, points), dtype=np.float32)
    moving = np.zeros((*_times(box.voxels, points // 2), 4), dtype=np.float32)
    particles.deposit(
        box.voxels,
        PARTICLES_BELOW,
        [density, moving],
        workers,
        lambda done: progress("matter below the voxels", done),
    )
    to_density(density, points)
    to_velocity(moving, particles.speed)
    # The velocity lies in the last three, and the smoothed density takes the place of its density.
    velocity, smoothed = np.moveaxis(moving[..., 1:], -1, 0), moving[..., 0]
    motion = add_infall(velocity, smoothed, coarsened(density, 2), box, workers)
    return FineFields(density, velocity, smoothed, motion)


def to_density(sums: NDArray[np.float32], points: int) -> None:
    """Divide sums of particles by their mean, on some sub-voxels along the side of a voxel."""
    sums /= np.float32((PARTICLES_BELOW // points) ** 3)


def to_velocity(moving: NDArray[np.float32], speed: float) -> None:
    """Turn sums of particles, with what they move along axes, into velocities [km/s]."""
    _to_velocity(moving, np.float32(speed / PARTICLES_BELOW))


@numba.njit(cache=True, nogil=True, parallel=True)
def _to_velocity(moving, factor):  # type: ignore[no-untyped-def]
    """Divide momenta, the last three, by the density before them, and multiply by `factor`."""
    for i in numba.prange(moving.shape[0]):
        for j in range(moving.shape[1]):
            for k in range(moving.shape[2]):
                density = moving[i, j, k, 0]
                if density > 0:
                    for axis in range(1, 4):
                        moving[i, j, k, axis] *= factor / density


class _Waves(NamedTuple):
    """Wavenumbers along x, y, z [h/Mpc] of half of the modes."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]


def _waves(shape: Shape, side: float) -> _Waves:
    x, y, z = ((2 * np.pi * fft.fftfreq(length, side)).astype(np.float32) for length in shape)
    return _Waves(x, y, z[: shape[2] // 2 + 1])


def add_infall(
    velocity: NDArray[np.float32],
    smoothed: NDArray[np.float32],
    density: NDArray[np.float32],
    box: LptBox,
    workers: int,
) -> HaloMotion:
    """Turn the 2LPT velocity into that of halos, in place, and write the smoothed density."""
    side = box.voxel_size * box.voxels[0] / len(density)
    motion = halo_motion(box.cosmology, box.redshift)
    far, near = (
        np.float32(motion.rate * share) for share in (motion.infall_share, motion.near_infall)
    )
    waves = _waves(density.shape, side)
    modes = fft.rfftn(density, workers=workers)
    part = np.empty_like(modes)
    velocity *= np.float32(motion.lpt_share)
    for axis, component in enumerate(velocity):
        _infall(modes, waves, axis, far, near, part)
        component += _to_field(part, density.shape, workers)
    _smooth(modes, waves, part)
    np.maximum(_to_field(part, density.shape, workers), 0, out=smoothed)
    return motion


def _to_field(
    modes: NDArray[np.complex64], shape: tuple[int, ...], workers: int
) -> NDArray[np.float32]:
    field: NDArray[np.float32] = fft.irfftn(modes, s=shape, workers=workers, overwrite_x=True)
    return field


@numba.njit(cache=True, nogil=True, parallel=True)
def _infall(modes, waves, axis, far, near, part):  # type: ignore[no-untyped-def]
    """Write the modes of the velocity, along an axis, that halos fall together with."""
    # the modes at the Nyquist frequency have no direction
    highest = np.array([-waves.x.min(), -waves.y.min(), np.abs(waves.z).max()])
    for i in numba.prange(modes.shape[0]):
        for j in range(modes.shape[1]):
            for k in range(modes.shape[2]):
                along = (waves.x[i], waves.y[j], waves.z[k])
                square = along[0] ** 2 + along[1] ** 2 + along[2] ** 2
                smooth = np.exp(-square * np.float32(_SMOOTHED**2 / 2))
                between = np.exp(-square * np.float32(_NEAR**2 / 2)) - smooth
                share = far * smooth + near * between
                if square > 0 and abs(along[axis]) < highest[axis]:
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


def _times(voxels: Shape, points: int) -> Shape:
    x, y, z = (points * side for side in voxels)
    return x, y, z
