"""The 2LPT matter of a box below its voxels: a finer density, and how halos move there.

All is made of the same modes as the density on the voxels: it tells where in its voxel a halo may
lie and how fast it moves there, as `halokeras.simulation.fine_matter.halo_motion` tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes
from halokeras.simulation.fine_matter.halo_motion import HaloMotion, halo_motion
from halokeras.simulation.fine_matter.infall import infall, whole_shares
from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.density import (
    Progress,
    estimate,
    held_bytes,
    lpt_particles,
    row_bytes,
)
from halokeras.simulation.lpt.recipe import PARTICLES
from halokeras.simulation.threads import in_threads, numba_threads
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory

SUB_VOXELS = PARTICLES
"""Sub-voxels along the side of a voxel, as many as particles."""
POINTS = 2
"""Points of the velocity along the side of a voxel."""
_SECONDS_PER_PARTICLE = 8e-8


@dataclass(frozen=True)
class FineFields:
    """The matter of a box below its voxels, all float32, in memory or to be read slab by slab.

    Attributes
    ----------
    density
        rho/mean, on `SUB_VOXELS` along the side of a voxel.
    velocity
        Mean velocity of halos [km/s], (3, nx, ny, nz), on `POINTS` along the side of a voxel.
    smoothed
        rho/mean smoothed by 2 Mpc/h, on the same points.
    motion
        How halos scatter about that velocity, by that density and their masses.
    layers
        Voxels along x that are to be read at a time, at most; None where all are in memory.
    """

    density: Grid
    velocity: Grid
    smoothed: Grid
    motion: HaloMotion
    layers: int | None = None


def fine_estimate(box: LptBox) -> LptEstimate:
    """Say what making the fields of a box, kept in memory, will take."""
    made = estimate(box)
    grids = 8 * prod(box.voxels)  # of the density on the voxels, where its particles are summed too
    meanwhile = max(row_bytes(box, velocity=True), transform_bytes(box))
    return LptEstimate(
        memory=max(made.memory, held_bytes(box) + kept_bytes(box) + meanwhile + grids),
        disk=0,
        seconds=made.seconds + fine_seconds(box),
    )


def fine_seconds(box: LptBox) -> float:
    """Return the time that the fields of particles take that are made."""
    return _SECONDS_PER_PARTICLE * PARTICLES**3 * prod(box.voxels)


def kept_bytes(box: LptBox) -> int:
    """Return the memory that the fields of a box take once they are made."""
    return 4 * (SUB_VOXELS**3 + 4 * POINTS**3) * prod(box.voxels)


def transform_bytes(box: LptBox) -> int:
    """Return what modes of the points of the velocity take, and three fields of them."""
    return 4 * 4 * POINTS**3 * prod(box.voxels)


def check_fine_memory(box: LptBox) -> None:
    """Raise `BoxError` if the machine has too little memory for the fields of a box."""
    refuse_beyond_memory(
        fine_estimate(box).memory,
        "the 2LPT density below the voxels",
        "place halos by a --sub-density of your own or choose --places uniform",
    )


class FineSums(NamedTuple):
    """Sums of the particles of a box, below its voxels.

    Attributes
    ----------
    density
        Of particles, on the sub-voxels.
    moving
        Of particles and of what they move along axes, in a last axis, on the points.
    """

    density: NDArray[np.float32]
    moving: NDArray[np.float32]

    @classmethod
    def empty(cls, voxels: Shape) -> "FineSums":
        """Return those of no particles, for a box of some voxels."""
        fine = np.zeros(_times(voxels, SUB_VOXELS), dtype=np.float32)
        return cls(fine, np.zeros((*_times(voxels, POINTS), 4), dtype=np.float32))


def make_fine_fields(
    box: LptBox, workers: int = 1, progress: Progress = lambda stage, fraction: None
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

    Raises
    ------
    BoxError
        If there is too little memory.
    """
    check_fine_memory(box)
    sums = FineSums.empty(box.voxels)
    with numba_threads(workers):
        particles = lpt_particles(box, workers, progress)
        particles.deposit(
            box.voxels,
            sums,
            workers,
            lambda done: progress("matter below the voxels", done),
        )
        return fine_fields_of(sums, particles.speed, box, workers)


def fine_fields_of(sums: FineSums, speed: float, box: LptBox, workers: int = 1) -> FineFields:
    """Return the fields as `make_fine_fields`, of sums of particles, which are overwritten.

    `speed` is that of `LptParticles`.
    """
    density, moving = sums
    x, y, z, _ = moving.shape
    modes = np.empty((x, y, z // 2 + 1), dtype=np.complex64)

    def transform(plane: int) -> None:
        modes[plane] = modes_of(moving[plane])

    in_threads(transform, range(x), workers)
    motion, side = halo_motion(box.cosmology, box.redshift), box.voxel_size / POINTS
    told = infall(modes, np.arange(x), slice(None), (x, y, z), side, whole_shares(motion), workers)

    def move(plane: int) -> None:
        to_halos(moving[plane], told.velocity(plane), told.smoothed(plane), speed, motion)

    in_threads(move, range(x), workers)
    return FineFields(density, velocity_in(moving), smoothed_in(moving), motion)


def modes_of(moving: NDArray[np.float32]) -> Modes:
    """Return modes of rho/mean, of sums of particles in a plane of points."""
    density = moving[..., 0] * np.float32((POINTS / PARTICLES) ** 3)
    modes: Modes = fft.rfft2(density)
    return modes


def to_halos(
    moving: NDArray[np.float32],
    fall: Sequence[NDArray[np.float32]],
    smoothed: NDArray[np.float32],
    speed: float,
    motion: HaloMotion,
) -> None:
    """Turn sums of particles in a plane of points into what halos move by.

    Parameters
    ----------
    moving
        (ny, nz, 4): the sums, whose place `velocity_in` and `smoothed_in` take.
    fall
        The velocity that halos fall together with, along x, y, z [km/s].
    smoothed
        The smoothed density, which noise may leave below 0.
    speed
        That of `LptParticles`.
    motion
        How halos move.
    """
    factor, share = np.float32(speed / PARTICLES), np.float32(motion.lpt_share)
    _to_halos(moving, *fall, smoothed, factor, share)


def velocity_in(moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the velocity of halos, (3, nx, ny, nz) [km/s], in the place of the momenta."""
    return np.moveaxis(moving[..., 1:], -1, 0)


def smoothed_in(moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the smoothed density, (nx, ny, nz), in the place of the particles' sum."""
    return moving[..., 0]


@numba.njit(cache=True, nogil=True)
def _to_halos(moving, along_x, along_y, along_z, smoothed, factor, share):  # type: ignore[no-untyped-def]
    for j in range(moving.shape[0]):
        for k in range(moving.shape[1]):
            sums = moving[j, k]
            speed = share * factor / sums[0] if sums[0] > 0 else np.float32(0)
            sums[1] = sums[1] * speed + along_x[j, k]
            sums[2] = sums[2] * speed + along_y[j, k]
            sums[3] = sums[3] * speed + along_z[j, k]
            sums[0] = max(smoothed[j, k], np.float32(0))


def _times(voxels: Shape, points: int) -> Shape:
    x, y, z = (points * side for side in voxels)
    return x, y, z
