"""The 2LPT density of any box as a product of its own, from a seed or a linear overdensity.

Painters learn densities of 64 particles per voxel whose modes reach four times the voxels' Nyquist
wavenumber, all to second order. Of these a box of any size has the modes up to twice the Nyquist
wavenumber, and 27 particles per voxel. Smaller scales only blur the voxels: they are those of a
small periodic box of the same power, repeated, and made larger where the box is dense, as the
second order makes them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from halokeras.fields.gridding import Shape, shape_text
from halokeras.fields.modes import Modes, lattice_of
from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.initial_modes import complete
from halokeras.simulation.lpt.lpt import Table
from halokeras.simulation.lpt.modes_check import check_modes
from halokeras.simulation.lpt.planes import fewest_passes, pass_count, work
from halokeras.simulation.lpt.recipe import (
    PARTICLES,
    drawn_modes,
    linear_theory,
    make_displacement_source,
    particle_lattice,
    products_lattice,
    small_modes,
    small_scales,
)
from halokeras.simulation.lpt.streamed import (
    GRADIENT,
    HESSIAN,
    DisplacementModes,
    deposit_particles,
    second_order_source,
)
from halokeras.simulation.threads import numba_threads
from halokeras.storage.memory import refuse_beyond_memory

_BYTES_AT_REST = 800_000_000
_SECONDS_AT_REST = 5.0
_SECONDS_PER_MODE = 2e-7
_SECONDS_PER_PARTICLE = 6e-8
_SECONDS_PER_PASS = 6e-9
"""Of each mode, beyond as few passes as memory asks for."""
_MANY = 4
"""Times as many passes as memory asks for are worth a warning."""

Progress = Callable[[str, float], None]


def estimate(box: LptBox) -> LptEstimate:
    """Say what making a density will take: memory counted, seconds from measured runs."""
    x, y, z = box.lattice
    voxels = prod(box.voxels)
    grids = 8 * (5 if box.velocity else 1) * voxels
    products = work(products_lattice(box.lattice)[0], HESSIAN * _layer_bytes(box))
    planes = _particle_planes(box, box.velocity)
    return LptEstimate(
        memory=held_bytes(box) + max(products, work(*planes) + grids),
        disk=4 * (1 + 3 * box.velocity) * voxels,
        seconds=seconds_at_best(box)
        + _SECONDS_PER_PASS * x * y * z * (pass_count(*planes) - fewest_passes(*planes)),
    )


def seconds_at_best(box: LptBox) -> float:
    """Return the time that making a density takes, in as few passes as its memory asks for."""
    modes, voxels = prod(box.lattice), prod(box.voxels)
    particles = PARTICLES**3 * voxels * (1 + 1.5 * box.velocity)
    return _SECONDS_AT_REST + _SECONDS_PER_MODE * modes + _SECONDS_PER_PARTICLE * particles


def slow_side(box: LptBox) -> str | None:
    """Say that the side along x has a large prime factor where that costs time; None elsewhere.

    Planes are made in passes over all modes, of equal numbers of planes.
    """
    planes = _particle_planes(box, box.velocity)
    passes, fewest = pass_count(*planes), fewest_passes(*planes)
    if passes <= _MANY * fewest:
        return None
    return (
        f"{box.voxels[0]} voxels along x have a large prime factor: all modes are gone through "
        f"{passes} times where {fewest} would do; a side such as {next_fast_len(box.voxels[0])} is "
        "much faster"
    )


def held_bytes(box: LptBox) -> int:
    """Return the memory of the libraries and of the modes that the particles of a box keep."""
    return _BYTES_AT_REST + 2 * box.lattice[0] * _layer_bytes(box)


def row_bytes(box: LptBox, velocity: bool) -> int:
    """Return the memory that planes of particles are made in."""
    return work(*_particle_planes(box, velocity))


def _particle_planes(box: LptBox, velocity: bool) -> tuple[int, int]:
    """Return how many planes of particles there are, and the bytes that each is made in."""
    fields = GRADIENT * (1 + velocity) + 1
    return box.voxels[0] * PARTICLES, fields * _layer_bytes(box)


def _layer_bytes(box: LptBox) -> int:
    _, y, z = box.lattice
    return 8 * y * (z // 2 + 1)


def check_memory(box: LptBox) -> None:
    """Raise `BoxError` if the machine has too little memory for a density."""
    refuse_beyond_memory(
        estimate(box).memory,
        f"the 2LPT density of {shape_text(box.voxels)} voxels",
        "choose fewer voxels or a larger machine",
    )


def make_density(
    box: LptBox, workers: int = 1, progress: Progress = lambda stage, fraction: None
) -> NDArray[np.float64]:
    """Make the density of a box.

    Parameters
    ----------
    box
        What to make.
    workers
        Threads.
    progress
        Called with the stage's name and the fraction of it that is done.

    Returns
    -------
    NDArray
        Density over its mean, cloud-in-cell about voxel centres.

    Raises
    ------
    BoxError
        If there is too little memory or the initial modes do not fit.
    """
    return make_fields(box, workers, progress)[0]


def make_fields(
    box: LptBox, workers: int = 1, progress: Progress = lambda stage, fraction: None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Make the density as `make_density` and, if the box asks for it, the velocity.

    Returns
    -------
    tuple
        The density; and (3, nx, ny, nz) [km/s], the mean peculiar velocity of the matter that is
        counted in each voxel, 0 where there is none, or None.
    """
    check_memory(box)
    with numba_threads(workers):
        particles = lpt_particles(box, workers, progress)
        return fields_of(particles, box.voxels, workers, progress, box.velocity)


@dataclass(frozen=True)
class LptParticles:
    """The 2LPT particles of a box: where they go, and how fast.

    Attributes
    ----------
    displacement
        Modes of what displaces them, and gives them velocities.
    small
        Modes of the box that is repeated: of the displacement's potential, and of what an
        overdensity of 1 adds to it.
    speed
        Factor that turns velocities by `displacement`, in voxels, into km/s: a H f2 times the side
        of a voxel.
    """

    displacement: DisplacementModes
    small: tuple[Modes, Modes]
    speed: float

    def deposit(
        self,
        voxels: Shape,
        grids: Sequence[NDArray[np.floating]],
        workers: int = 1,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> None:
        """Add the particles to grids over the box, as `deposit_particles`.

        Parameters
        ----------
        voxels
            Voxels of the box along x, y, z.
        grids, workers, progress
            As there.
        """
        small, particles = small_scales(self.small, PARTICLES, workers), particle_lattice(voxels)
        deposit_particles(self.displacement, particles, grids, small, workers, progress)


def lpt_particles(
    box: LptBox, workers: int = 1, progress: Progress = lambda stage, fraction: None
) -> LptParticles:
    """Make the modes of what displaces a box's particles.

    Raises
    ------
    BoxError
        If the initial modes do not fit.
    """
    progress("initial modes", 0.0)
    linear = linear_theory(box)
    small = small_modes(box, linear, workers)
    delta = _initial_modes(box, linear.power, workers)
    source = second_order_source(
        delta, workers, lambda done: progress("second order", done), products_lattice(box.lattice)
    )
    make_displacement_source(delta, linear.ratio, source)
    return LptParticles(DisplacementModes(source, delta, linear.share), small, linear.speed)


def fields_of(
    particles: LptParticles,
    voxels: Shape,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
    velocity: bool = True,
    beside: Sequence[NDArray[np.floating]] = (),
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return density and, if asked for, velocity as `make_fields`, of particles that are made.

    Velocity has the memory of the density beside its own. The same particles are added to the
    grids that are given `beside`.
    """
    fields = np.zeros((*voxels, 4) if velocity else voxels)
    particles.deposit(voxels, [fields, *beside], workers, lambda done: progress("particles", done))
    return from_sums(fields, particles.speed)


def from_sums(
    sums: NDArray[np.float64], speed: float
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return density and velocity by what `LptParticles.deposit` sums, which is overwritten."""
    if sums.ndim == 3:
        sums /= PARTICLES**3
        return sums, None
    density, moving = sums[..., 0].copy(), np.moveaxis(sums[..., 1:], -1, 0)
    np.divide(moving, density, out=moving, where=density > 0)
    moving *= speed / PARTICLES
    density /= PARTICLES**3
    return density, moving


def _initial_modes(box: LptBox, power: Table, workers: int) -> Modes:
    given = None
    if box.initial_modes is not None:
        given = box.initial_modes(box.lattice, workers)
        check_modes(given, box, power)
        if lattice_of(given) == box.lattice:
            return given
    drawn = drawn_modes(box, power)
    return drawn if given is None else complete(drawn, given)
