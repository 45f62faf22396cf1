"""The 2LPT density of any box as a product of its own, from a seed or a linear overdensity.

Painters learn densities of 64 particles per voxel whose modes reach four times the voxels' Nyquist
wavenumber, all to second order. Of these a box of any size has the modes up to twice the Nyquist
wavenumber, and 27 particles per voxel. Smaller scales only blur the voxels: they are those of a
small periodic box of the same power, repeated, and made larger where the box is dense, as the
second order makes them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import lcm, prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE
from halokeras.boxes.box_file import Header, header_attributes
from halokeras.cosmology.cosmology import EARLIEST, Cosmology
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape, shape_text
from halokeras.fields.modes import Modes, lattice_of
from halokeras.seeds import check_seed
from halokeras.simulation.initial_modes import InitialModes, check_modes, complete
from halokeras.simulation.lpt import Table
from halokeras.simulation.lpt_recipe import (
    PARTICLES,
    POINTS,
    drawn_modes,
    linear_theory,
    make_displacement_source,
    products_lattice,
    small_modes,
    small_scales,
)
from halokeras.simulation.planes import work
from halokeras.simulation.streamed_lpt import (
    GRADIENT,
    HESSIAN,
    DisplacementModes,
    deposit_particles,
    second_order_source,
)
from halokeras.simulation.threads import numba_threads
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store

_LARGEST_TABLE = 2**25
"""Squared wavenumbers of a box that is no cube: a quarter of a gigabyte."""
SLAB = 32
"""Voxels a side of the chunks of a file, which is written so many along x at a time."""

_BYTES_AT_REST = 800_000_000
_SECONDS_AT_REST = 5.0
_SECONDS_PER_MODE = 2e-7
_SECONDS_PER_PARTICLE = 6e-8

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class LptBox:
    """A 2LPT density to make.

    Attributes
    ----------
    cosmology
        Cosmology of the modes and of their growth.
    seed
        Realisation, up to `LARGEST_SEED`.
    voxels
        Voxels along x, y, z.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    box_id
        Name of the cosmology, if it has one.
    initial_modes
        Gives the modes instead of the seed, which then draws only the small scales that they
        lack.
    modes_name
        What the provenance and messages call them: the name of their file.
    velocity
        Whether the file gets the velocity of the matter in each voxel too.

    Raises
    ------
    BoxError
        If it cannot be made: something is out of range, or the sides have no simple ratio.
    """

    cosmology: Cosmology
    seed: int
    voxels: Shape
    voxel_size: float = 4.0
    redshift: float = 0.3
    box_id: str | None = None
    initial_modes: InitialModes | None = None
    modes_name: str = ""
    velocity: bool = False

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not (np.isfinite(self.voxel_size) and self.voxel_size > 0):
            raise BoxError(f"voxel_size {self.voxel_size} Mpc/h must be positive")
        if not 0 <= self.redshift < EARLIEST:
            raise BoxError(f"redshift {self.redshift:g} must lie between 0 and {EARLIEST:.0f}")
        if min(self.voxels) < 2:
            raise BoxError(
                f"voxels {shape_text(self.voxels)} are too few; choose 2 or more along a side"
            )
        reach = zip(self.parts, self.lattice, strict=True)
        table = sum((part * points // 2) ** 2 for part, points in reach)
        if len(set(self.voxels)) > 1 and table > _LARGEST_TABLE:
            raise BoxError(
                f"the sides of {shape_text(self.voxels)} voxels have no simple ratio; choose "
                "sides such as 512x256x256"
            )

    @property
    def length(self) -> float:
        """Least common multiple of the sides [Mpc/h]."""
        return lcm(*self.voxels) * self.voxel_size

    @property
    def parts(self) -> Shape:
        """How many times each side goes into `length`."""
        x, y, z = (lcm(*self.voxels) // side for side in self.voxels)
        return x, y, z

    @property
    def lattice(self) -> Shape:
        """Lattice points of the modes along x, y, z."""
        x, y, z = (side * POINTS for side in self.voxels)
        return x, y, z


@dataclass(frozen=True)
class LptEstimate:
    """What a density will take.

    Attributes
    ----------
    memory
        Most that each process takes [bytes].
    disk
        Size of the file [bytes].
    seconds
        Time on one core [s].
    work
        Disk that is taken meanwhile, that of the file included [bytes]; 0 if all is made in memory.
    """

    memory: int
    disk: int
    seconds: float
    work: int = 0


def estimate(box: LptBox) -> LptEstimate:
    """Say what making a density will take: memory counted, seconds from measured runs."""
    x, y, z = box.lattice
    layer = 8 * y * (z // 2 + 1)
    modes, fine = x * layer, products_lattice(box.lattice)[0]
    particles = box.voxels[0] * PARTICLES
    voxels = prod(box.voxels)
    grids = 8 * (5 if box.velocity else 1) * voxels
    fields = GRADIENT * (1 + box.velocity) + 1
    return LptEstimate(
        memory=_BYTES_AT_REST
        + 2 * modes
        + max(work(fine, HESSIAN * layer), work(particles, fields * layer) + grids),
        disk=4 * (1 + 3 * box.velocity) * voxels,
        seconds=_SECONDS_AT_REST
        + _SECONDS_PER_MODE * x * y * z
        + _SECONDS_PER_PARTICLE * PARTICLES**3 * voxels * (1 + 1.5 * box.velocity),
    )


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


def write_density(
    box: LptBox,
    output: Path,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
) -> "LptParticles":
    """Make the density of a box and write it as a box file, whole.

    Returns
    -------
    LptParticles
        Its particles, for who adds them to other grids.

    Raises
    ------
    BoxError
        As `make_density`.
    OutputError
        If the file cannot be written.
    """
    check_memory(box)
    with numba_threads(workers):
        particles = lpt_particles(box, workers, progress)
        density, velocity = fields_of(particles, box.voxels, workers, progress, box.velocity)
    write_slabs(box, output, slabs_of(density, velocity))
    return particles


def slabs_of(
    density: NDArray[np.float64], velocity: NDArray[np.float64] | None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
    """Return fields in memory as `write_slabs` takes them."""
    for start in range(0, len(density), SLAB):
        part = slice(start, start + SLAB)
        yield density[part], None if velocity is None else velocity[:, part]


def write_slabs(
    box: LptBox,
    output: Path,
    slabs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64] | None]],
) -> None:
    """Write a box file, whole, of density and velocity that come `SLAB` voxels along x at a time.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    attributes, layouts = structure(box)
    with new_store(output, attributes, layouts) as create:
        stored = {name: create(name) for name in layouts}
        for number, (density, velocity) in enumerate(slabs):
            part = slice(number * SLAB, number * SLAB + len(density))
            stored["density"][part] = density.astype(np.float32)
            if velocity is not None:
                for axis, component in enumerate(velocity):
                    stored["velocity"][axis, part] = component.astype(np.float32)


def structure(box: LptBox) -> tuple[dict[str, Any], dict[str, Layout]]:
    """Return what the file of a box tells of itself, and the arrays that it holds."""
    header = Header(box.voxel_size, box.redshift, box.cosmology, _provenance(box))
    chunks = tuple(min(SLAB, side) for side in box.voxels)
    layouts = {"density": Layout(box.voxels, np.float32, chunks)}
    if box.velocity:
        layouts["velocity"] = Layout((3, *box.voxels), np.float32, (1, *chunks))
    return header_attributes(header, box.voxels), layouts


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
        per_voxel: int,
        grids: Sequence[NDArray[np.floating]],
        workers: int = 1,
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> None:
        """Add the particles to grids over the box, as `deposit_particles`.

        Parameters
        ----------
        voxels
            Voxels of the box along x, y, z.
        per_voxel
            Particles along the side of a voxel.
        grids, workers, progress
            As there.
        """
        x, y, z = (side * per_voxel for side in voxels)
        small = small_scales(self.small, per_voxel, workers)
        deposit_particles(self.displacement, (x, y, z), grids, small, workers, progress)


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
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return density and, if asked for, velocity as `make_fields`, of particles that are made.

    Velocity has the memory of the density beside its own.
    """
    fields = np.zeros((*voxels, 4) if velocity else voxels)
    particles.deposit(
        voxels, PARTICLES, [fields], workers, lambda done: progress("particles", done)
    )
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
        name = f"initial modes {box.modes_name}"
        check_modes(given, box.voxels, box.voxel_size, power, name)
        if lattice_of(given) == box.lattice:
            return given
    drawn = drawn_modes(box, power)
    return drawn if given is None else complete(drawn, given)


def _provenance(box: LptBox) -> dict[str, str | int | float]:
    named = {} if box.box_id is None else {"box_id": box.box_id}
    given = {} if box.initial_modes is None else {"initial_modes": box.modes_name}
    return {
        **named,
        **given,
        "seed": box.seed,
        "density_scheme": "2lpt",
        "particles_per_voxel": PARTICLES**3,
        "modes_per_voxel": POINTS**3,
        **SOFTWARE,
    }
