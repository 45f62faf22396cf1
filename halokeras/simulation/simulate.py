"""Boxes of our own making: 2LPT densities and N-body halos of the same initial modes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from halokeras.boxes.box import SOFTWARE, Box, Provenance
from halokeras.boxes.halos import Halos
from halokeras.boxes.precision import rounded_box
from halokeras.cosmology.cosmology import CRITICAL_DENSITY, Cosmology, growth
from halokeras.cosmology.power import check_side, lattice_power
from halokeras.errors import BoxError
from halokeras.seeds import check_seed
from halokeras.simulation.halo_finding.finder import find_halos
from halokeras.simulation.lpt.lpt import displaced_density, displacement, linear_modes
from halokeras.simulation.nbody.checkpoint import check_room, states_on_disk
from halokeras.simulation.nbody.engine import (
    FORGOTTEN,
    MESH_FACTOR,
    START,
    STEP,
    Snapshot,
    evolve,
    step_edges,
)
from halokeras.storage.memory import refuse_beyond_memory

LINKING = 0.2
"""Linking length over the mean separation of particles."""

LEAST_MEMBERS = 20

_FEWEST_A_VOXEL = 2
"""Particles along the side of a voxel: of one the density has twice the power on its scale."""

_BYTES_AT_REST = 300_000_000
_BYTES_PER_PARTICLE = 110
_MOST_PARTICLES = 1290
"""Along a side: of more, 32 bits do not number them all."""
_SECONDS_AT_REST = 5.0
_SECONDS_PER_PARTICLE = 1e-6
_SECONDS_PER_STEP = 1.25e-7
"""For each particle; a snapshot takes a step and its halos another."""

Progress = Callable[[str, float], None]
Look = Callable[[Snapshot, Box], None]


@dataclass(frozen=True)
class Estimate:
    """What a simulation will take on one core.

    Attributes
    ----------
    memory
        Peak [bytes].
    work
        Disk that its checkpoint takes until it is done [bytes].
    seconds
        Time [s].
    """

    memory: int
    work: int
    seconds: float


def estimate(particles: int, redshifts: Sequence[float] = (0.3,)) -> Estimate:
    """Say what a simulation of `particles` a side will take, from measured runs."""
    total = particles**3
    steps = len(step_edges(1 / (1 + min(redshifts)))) - 1 + 2 * len(redshifts)
    return Estimate(
        memory=_BYTES_AT_REST + _BYTES_PER_PARTICLE * total,
        work=states_on_disk(particles),
        seconds=_SECONDS_AT_REST + (_SECONDS_PER_PARTICLE + _SECONDS_PER_STEP * steps) * total,
    )


@dataclass(frozen=True)
class Simulation:
    """A run to make, and the redshifts at which it gives boxes.

    Attributes
    ----------
    cosmology
        Cosmology of the modes and of their growth.
    seed
        Realisation, up to `LARGEST_SEED`: equal seeds give equal phases in every cosmology.
    size
        Side of the box [Mpc/h].
    particles
        Particles a side.
    voxel_size
        Side of the density's voxels [Mpc/h].
    redshifts
        Redshifts of the boxes, in any order.
    box_id
        Name of the cosmology, if it has one.

    Raises
    ------
    BoxError
        If the box is not a whole number of voxels, is too small or too large for its modes to be
        known, there are fewer particles than voxels, or a redshift is asked twice, is negative or
        before the start.
    """

    cosmology: Cosmology
    seed: int = 1
    size: float = 256.0
    particles: int = 256
    voxel_size: float = 4.0
    redshifts: tuple[float, ...] = (0.3,)
    box_id: str | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        told = [f"{redshift:g}" for redshift in self.redshifts]
        for redshift in self.redshifts:
            if not 0 <= redshift < 1 / START - 1:
                raise BoxError(
                    f"redshift {redshift} must lie between 0 and the start, {1 / START - 1:.0f}"
                )
            if told.count(f"{redshift:g}") > 1:  # as names of files tell them
                raise BoxError(f"redshift {redshift:g} is asked twice; name it once")
        if not self.redshifts:
            raise BoxError("a simulation needs a redshift to give a box at; name one or more")
        if self.particles > _MOST_PARTICLES:
            raise BoxError(
                f"particles {self.particles} a side are more than the halo finder can number; "
                f"choose {_MOST_PARTICLES} or fewer"
            )
        check_side(self.size, self.particles, "a box")
        check_side(self.voxel_size, what="a voxel")
        voxels = self.voxels
        if self.particles < voxels:
            raise BoxError(
                f"particles {self.particles} a side are fewer than the {voxels} voxels a "
                f"side; choose particles of {voxels} or more"
            )

    @property
    def voxels(self) -> int:
        """Voxels a side."""
        return _voxels(self.size, self.voxel_size)

    @property
    def particle_mass(self) -> float:
        """Mass of a particle [Msun/h]."""
        return CRITICAL_DENSITY * self.cosmology.omega_m * (self.size / self.particles) ** 3


def simulate(
    wanted: Simulation,
    workers: int = 1,
    keep: Path | None = None,
    progress: Progress = lambda stage, fraction: None,
    look: Look | None = None,
) -> Iterator[Box]:
    """Run a simulation and yield a box at each redshift, from the earliest to the last.

    A box has the same bits whatever other redshifts are asked for.

    Parameters
    ----------
    wanted
        The run.
    workers
        Threads.
    keep
        Checkpoint file, by which a run that was killed goes on; removed at the end.
    progress
        Called with the stage's name and the fraction of it that is done.
    look
        Called with the particles of each box, which are then let go, and the box.

    Yields
    ------
    Box
        With the 2LPT density, the friends-of-friends halos, as `find_halos` tells, and their
        provenance, rounded as `halokeras.boxes.precision.rounded_box` rounds them.

    Raises
    ------
    BoxError
        If there is too little memory, or `keep` is of another run.
    OutputError
        If there is too little disk for `keep`, or it cannot be written.
    """
    cosmology, size = wanted.cosmology, wanted.size
    check_memory(wanted)
    if keep is not None:
        check_room(wanted.particles, [keep], keep.parent)
    progress("initial conditions", 0.0)
    power = lattice_power(cosmology, 0.0, size / wanted.particles)
    delta = linear_modes(wanted.seed, wanted.particles, size, power)
    moved = displacement(delta, size, workers)
    del delta
    progress("2LPT density", 0.0)
    redshifts = sorted(wanted.redshifts, reverse=True)
    outputs = growth(1 / (1 + np.array(redshifts)), cosmology)
    densities = [
        displaced_density(moved, size, wanted.voxels, growth(a, cosmology)) for a in outputs.a
    ]
    progress("N-body", 0.0)
    steps = growth(step_edges(outputs.a[-1]), cosmology)
    snapshots = evolve(
        moved, size, steps, outputs, workers, keep, lambda done: progress("N-body", done)
    )
    del moved
    for redshift, density in zip(redshifts, densities, strict=True):
        particles = next(snapshots)
        progress("halos", 0.0)
        halos = _halos(particles, wanted, redshift, workers)
        progress("halos", 1.0)
        box = rounded_box(
            Box(
                wanted.voxel_size,
                redshift,
                cosmology,
                density,
                halos,
                provenance=_provenance(wanted),
            )
        )
        if look is not None:
            look(particles, box)
        del particles
        yield box
    next(snapshots, None)  # lets the engine put away its checkpoint


def check_memory(wanted: Simulation) -> None:
    """Refuse a simulation that needs more memory than there is."""
    what = f"a simulation of {wanted.particles}^3 particles"
    remedy = "choose fewer particles or a larger machine"
    refuse_beyond_memory(estimate(wanted.particles, wanted.redshifts).memory, what, remedy)


def lattice_warning(wanted: Simulation) -> str | None:
    """Say that the lattice of the particles shows in the density, where it does."""
    times, rest = divmod(wanted.particles, wanted.voxels)
    if times >= _FEWEST_A_VOXEL and not rest:
        return None
    better = max(times + (rest > 0), _FEWEST_A_VOXEL) * wanted.voxels
    return (
        f"particles {wanted.particles} a side are {wanted.particles / wanted.voxels:.3g} along the "
        f"side of a voxel, so that the density shows a pattern of their lattice; choose particles "
        f"of {better}, or larger voxels"
    )


def _halos(particles: Snapshot, wanted: Simulation, redshift: float, workers: int) -> Halos:
    return find_halos(
        particles.position,
        particles.velocity,
        wanted.size,
        wanted.particle_mass,
        wanted.cosmology,
        redshift,
        LINKING * wanted.size / wanted.particles,
        LEAST_MEMBERS,
        workers,
    )


def _provenance(wanted: Simulation) -> Provenance:
    named = {} if wanted.box_id is None else {"box_id": wanted.box_id}
    return {
        **named,
        "seed": wanted.seed,
        "density_scheme": "2lpt",
        "halo_finder": f"friends-of-friends b={LINKING} nmin={LEAST_MEMBERS}",
        "mass_definition": "particle_mass N (1 - N^-0.6) of the N members (Warren et al. 2006)",
        "particle_mass": wanted.particle_mass,
        "particles": wanted.particles,
        **SOFTWARE,
        **engine_of(wanted),
    }


def engine_of(wanted: Simulation) -> Provenance:
    """Return what the boxes of a run tell of the engine."""
    return {
        "engine": "particle mesh, 2LPT start, BullFrog steps",
        "step": STEP,
        "start_redshift": 1 / START - 1,
        "force_mesh": MESH_FACTOR * wanted.particles,
        "lattice_forgotten": FORGOTTEN,
    }


def _voxels(size: float, voxel_size: float) -> int:
    voxels = round(size / voxel_size)
    if voxels < 1 or abs(voxels * voxel_size - size) > 1e-6 * size:
        raise BoxError(
            f"size {size} Mpc/h is not a whole number of voxels of {voxel_size} Mpc/h; "
            f"choose size {max(voxels, 1) * voxel_size}"
        )
    return voxels
