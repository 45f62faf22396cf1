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

from halokeras.fields.gridding import Shape
from halokeras.simulation.density import (
    Progress,
    estimate,
    held_bytes,
    lpt_particles,
    row_bytes,
)
from halokeras.simulation.halo_motion import HaloMotion, halo_motion
from halokeras.simulation.infall import add_infall
from halokeras.simulation.lpt_box import LptBox, LptEstimate
from halokeras.simulation.lpt_recipe import PARTICLES
from halokeras.simulation.threads import numba_threads
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory

SUB_VOXELS = PARTICLES
"""Sub-voxels along the side of a voxel, as many as particles."""
POINTS = 2
"""Points of the velocity along the side of a voxel."""
_SECONDS_PER_PARTICLE = 1.2e-7


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
        seconds=made.seconds + _SECONDS_PER_PARTICLE * PARTICLES**3 * prod(box.voxels),
    )


def kept_bytes(box: LptBox) -> int:
    """Return the memory that the fields of a box take once they are made."""
    return 4 * (SUB_VOXELS**3 + 4 * POINTS**3) * prod(box.voxels)


def transform_bytes(box: LptBox) -> int:
    """Return what transforms of the points of the velocity take, a copy that scipy makes too."""
    return 5 * 4 * POINTS**3 * prod(box.voxels)


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
    on_points = density_of(moving)
    to_velocity(moving, speed)
    # The velocity lies in the last three, and the smoothed density takes the place of its density.
    velocity, smoothed = np.moveaxis(moving[..., 1:], -1, 0), moving[..., 0]
    motion = halo_motion(box.cosmology, box.redshift)
    add_infall(velocity, smoothed, on_points, box.voxel_size / POINTS, motion, workers)
    return FineFields(density, velocity, smoothed, motion)


def density_of(moving: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rho/mean on the points that particles were summed on with what they move."""
    density: NDArray[np.float32] = moving[..., 0] * np.float32((POINTS / PARTICLES) ** 3)
    return density


def to_velocity(moving: NDArray[np.float32], speed: float) -> None:
    """Turn sums of particles, with what they move along axes, into velocities [km/s]."""
    _to_velocity(moving, np.float32(speed / PARTICLES))


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


def _times(voxels: Shape, points: int) -> Shape:
    x, y, z = (points * side for side in voxels)
    return x, y, z
