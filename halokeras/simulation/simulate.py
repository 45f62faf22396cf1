"""A box of our own making: the 2LPT density and the N-body halos of the same initial modes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE, Box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import CRITICAL_DENSITY, box_cosmology, growth, linear_power
from halokeras.errors import BoxError
from halokeras.simulation.friends_of_friends import find_groups
from halokeras.simulation.lpt import displaced_density, displacement, linear_modes
from halokeras.simulation.nbody import MESH_FACTOR, START, STEP, evolve, step_edges
from halokeras.storage.memory import refuse_beyond_memory

LINKING = 0.2
"""Linking length over the mean separation of particles."""

LEAST_MEMBERS = 20

_BYTES_AT_REST = 300_000_000
_BYTES_PER_PARTICLE = 110
_SECONDS_AT_REST = 5.0
_SECONDS_PER_PARTICLE = 5e-6

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Estimate:
    """What a simulation will take: peak `memory` [bytes] and, on one core, `seconds`."""

    memory: int
    seconds: float


def estimate(particles: int) -> Estimate:
    """Say what a simulation of `particles` a side will take, from measured runs."""
    total = particles**3
    return Estimate(
        memory=_BYTES_AT_REST + _BYTES_PER_PARTICLE * total,
        seconds=_SECONDS_AT_REST + _SECONDS_PER_PARTICLE * total,
    )


def simulate(  # noqa: PLR0913  (a box in the field's words)
    box_id: str,
    seed: int,
    size: float = 256.0,
    particles: int = 256,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
) -> Box:
    """Simulate a realisation of an AbacusCosmos cosmology.

    Parameters
    ----------
    box_id
        Cosmology, ``00`` to ``04``.
    seed
        Realisation, not negative: equal seeds give equal phases in every cosmology.
    size
        Side of the box [Mpc/h].
    particles
        Particles a side.
    voxel_size
        Side of the density's voxels [Mpc/h].
    redshift
        Redshift of density and halos.
    workers
        Threads.
    progress
        Called with the stage's name and the fraction of it that is done.

    Returns
    -------
    Box
        With the 2LPT density, the friends-of-friends halos and their provenance. Halo masses are
        m_p N (1 - N^-0.6), the correction of Warren et al. (2006) for groups of few particles N.

    Raises
    ------
    BoxError
        If the box id is unknown, the box is not a whole number of voxels, there are fewer
        particles than voxels, or there is too little memory.
    """
    cosmology = box_cosmology(box_id)
    voxels = _voxels(size, voxel_size)
    _check(seed, particles, voxels, redshift)
    progress("initial conditions", 0.0)
    delta = linear_modes(seed, particles, size, linear_power(cosmology))
    moved = displacement(delta, size, workers)
    del delta
    progress("2LPT density", 0.0)
    now = growth(1 / (1 + redshift), cosmology.omega_m)
    density = displaced_density(moved, size, voxels, now)
    progress("N-body", 0.0)
    steps = growth(step_edges(now.a[0]), cosmology.omega_m)
    snapshots = evolve(
        moved, size, steps, now, workers, progress=lambda done: progress("N-body", done)
    )
    del moved
    position = next(snapshots).position
    progress("halos", 0.0)
    separation = size / particles
    particle_mass = CRITICAL_DENSITY * cosmology.omega_m * separation**3
    centre, members = find_groups(position, size, LINKING * separation, LEAST_MEMBERS)
    progress("halos", 1.0)
    return Box(
        voxel_size=voxel_size,
        redshift=redshift,
        cosmology=cosmology,
        density=density,
        halos=Halos(centre, _corrected_mass(members, particle_mass)),
        provenance={
            "box_id": box_id,
            "seed": seed,
            "density_scheme": "2lpt",
            "halo_finder": f"friends-of-friends b={LINKING} nmin={LEAST_MEMBERS}",
            "mass_definition": "particle_mass N (1 - N^-0.6) of the N members (Warren et al. 2006)",
            "particle_mass": particle_mass,
            "particles": particles,
            **SOFTWARE,
            "engine": "particle mesh, 2LPT start, BullFrog steps",
            "step": STEP,
            "start_redshift": 1 / START - 1,
            "force_mesh": MESH_FACTOR * particles,
        },
    )


def _corrected_mass(members: NDArray[np.int64], particle_mass: float) -> NDArray[np.float32]:
    corrected = members * (1 - members**-0.6) * particle_mass
    return corrected.astype(np.float32)


def _voxels(size: float, voxel_size: float) -> int:
    if not (np.isfinite(size) and size > 0 and np.isfinite(voxel_size) and voxel_size > 0):
        raise BoxError(f"size {size} and voxel_size {voxel_size} Mpc/h must both be positive")
    voxels = round(size / voxel_size)
    if voxels < 1 or abs(voxels * voxel_size - size) > 1e-6 * size:
        raise BoxError(
            f"size {size} Mpc/h is not a whole number of voxels of {voxel_size} Mpc/h; "
            f"choose size {max(voxels, 1) * voxel_size}"
        )
    return voxels


def _check(seed: int, particles: int, voxels: int, redshift: float) -> None:
    if seed < 0:
        raise BoxError(f"seed {seed} is negative; choose 0 or more")
    if not 0 <= redshift < 1 / START - 1:
        raise BoxError(f"redshift {redshift} must lie between 0 and the start, {1 / START - 1:.0f}")
    if particles < voxels:
        raise BoxError(
            f"particles {particles} a side are fewer than the {voxels} voxels a side; "
            f"choose particles of {voxels} or more"
        )
    what = f"a simulation of {particles}^3 particles"
    remedy = "choose fewer particles or a larger machine"
    refuse_beyond_memory(estimate(particles).memory, what, remedy)
