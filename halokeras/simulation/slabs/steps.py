"""A 2LPT density made slab by slab: every step is a task on files, in one folder.

Modes are cut along y, what is in real space along x; between the two lie the transposes. A task
reads its part of the files of the step before and writes one file, whole:

===========  ==================  ==================================================================
step         cut along           file
===========  ==================  ==================================================================
``small``    not at all          displacements of small scales
``hessian``  y, in wavenumbers   rows of columns of modes, for the second derivatives
``products`` x, in planes        modes along y and z of the second order's source
``motion``   y, in wavenumbers   rows of columns of modes, for displacements
``particles`` x, in voxels       sums in voxels of the particles, with margins that neighbours add
===========  ==================  ==================================================================

Workers that write a Zarr group take two steps more: ``group`` makes it, empty, before all others,
and ``written`` writes its planes, each task its own chunks, and keeps their checksums.

A task is a function of the recipe and of those files, so it may be made twice, anywhere. The
arithmetic is that of `halokeras.simulation.lpt.streamed`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import from_sums
from halokeras.simulation.lpt.density_file import SLAB, structure
from halokeras.simulation.lpt.deposit import ParticlePlane, SlabSums, in_turn
from halokeras.simulation.lpt.planes import Columns, Planes, PlaneSet, add_rows
from halokeras.simulation.lpt.recipe import (
    PARTICLES,
    Linear,
    drawn_modes,
    make_displacement_source,
    products_lattice,
    small_modes,
    small_scales,
)
from halokeras.simulation.lpt.streamed import (
    HESSIAN,
    DisplacementModes,
    ParticlePlanes,
    SmallScales,
    hessian_rows,
    multiply_plane,
    planes_of_products,
)
from halokeras.simulation.slabs.plan import Cuts, pieces, row_fields
from halokeras.simulation.threads import numba_threads
from halokeras.storage.checksums import Sum, block_sum, sum_of_blocks
from halokeras.storage.files import whole_file
from halokeras.storage.stores import begin_store, shared_store

GROUP = "density.zarr"
"""The group that workers write, in the folder of the slabs until it is whole."""


@dataclass(frozen=True)
class Recipe:
    """What tasks are told: the box, its linear theory, and how it is cut."""

    box: LptBox
    linear: Linear
    cuts: Cuts

    @property
    def fine(self) -> Shape:
        """Lattice of the second order's products."""
        return products_lattice(self.box.lattice)

    @property
    def particle_lattice(self) -> Shape:
        """Particles along x, y, z."""
        x, y, z = (side * PARTICLES for side in self.box.voxels)
        return x, y, z

    @property
    def columns(self) -> list[range]:
        """Wavenumbers along y of each slab of modes."""
        return pieces(self.box.lattice[1], self.cuts.columns)

    @property
    def planes(self) -> list[range]:
        """Planes of each slab of products."""
        return pieces(self.fine[0], self.cuts.planes)

    @property
    def voxels(self) -> list[range]:
        """Voxels along x of each slab of particles."""
        return pieces(self.box.voxels[0], self.cuts.voxels)

    @property
    def written(self) -> list[range]:
        """Planes along x that are written at a time, whole chunks of them."""
        return pieces(self.box.voxels[0], SLAB)

    def modes(self, number: int) -> tuple[Columns, Modes]:
        """Draw the columns of modes of a slab."""
        along_y = _slice(self.columns[number])
        drawn = drawn_modes(self.box, self.linear.power, along_y)
        return Columns(self.box.lattice, along_y), drawn


class Step(NamedTuple):
    """One of the steps.

    Attributes
    ----------
    make
        Returns what the file of a task holds, of the recipe, the folder, the number of the task
        and a number of threads.
    tasks
        How many there are.
    told
        What progress calls it.
    """

    make: Callable[[Recipe, Path, int, int], NDArray[Any]]
    tasks: Callable[[Recipe], int]
    told: str


def file_of(folder: Path, step: str, number: int) -> Path:
    """Return the file of a task, which is done once it is there."""
    return folder / f"{step}_{number:05d}.npy"


def make_slab(recipe: Recipe, folder: Path, step: str, number: int, workers: int) -> None:
    """Do a task: make its file, whole, of those of the step before.

    Raises
    ------
    BoxError
        If the folder is not there.
    OutputError
        If the file cannot be written.
    """
    if not folder.is_dir():
        raise BoxError(f"a worker does not see {folder}; write where all workers see it")
    with numba_threads(workers):
        made = STEPS_TO_A_GROUP[step].make(recipe, folder, number, workers)
    with whole_file(file_of(folder, step, number)) as temporary, temporary.open("wb") as file:
        np.save(file, made)


def sums_of(recipe: Recipe, folder: Path, voxels: range) -> NDArray[np.float64]:
    """Return the sums in some voxels along x, of all slabs of particles that reach them."""
    side = recipe.box.voxels[0]
    sums = np.zeros((len(voxels), *_layer(recipe)))
    for number, own in enumerate(recipe.voxels):
        theirs = np.load(file_of(folder, "particles", number), mmap_mode="r")
        first = own.start - (len(theirs) - len(own)) // 2
        for plane in range(len(theirs)):
            x = (first + plane) % side
            if x in voxels:
                sums[x - voxels.start] += theirs[plane]
    return sums


def _layer(recipe: Recipe) -> tuple[int, ...]:
    """Return the shape of what is summed in a layer of voxels."""
    _, y, z = recipe.box.voxels
    return (y, z, 4) if recipe.box.velocity else (y, z)


def _group(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    begin_store(folder / GROUP, *structure(recipe.box))
    return np.zeros(0)


def _written(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    own = recipe.written[number]
    density, velocity = from_sums(sums_of(recipe, folder, own), recipe.linear.speed)
    group, planes = shared_store(folder / GROUP), _slice(own)
    values = density.astype(np.float32)
    group.write({"density": values}, (planes,))
    sums = [block_sum(values)]
    if velocity is not None:
        values = velocity.astype(np.float32)
        group.write({"velocity": values}, (slice(0, 3), planes))
        sums.append(block_sum(values))
    return np.array(sums)


def checksums_of(recipe: Recipe, folder: Path) -> dict[str, Sum]:
    """Return the checksums of the arrays of a group that is written."""
    _, layouts = structure(recipe.box)
    told = [np.load(file_of(folder, "written", one)) for one in range(len(recipe.written))]
    return {
        name: sum_of_blocks(
            layout.dtype,
            layout.shape,
            (*layout.shape[:-3], SLAB, *layout.shape[-2:]),
            [str(sums[number]) for sums in told],
        )
        for number, (name, layout) in enumerate(layouts.items())
    }


def _small(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    modes = small_modes(recipe.box, recipe.linear, workers)
    return np.stack(small_scales(modes, PARTICLES, workers))


def _hessian(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    columns, delta = recipe.modes(number)
    plane_set = PlaneSet(recipe.fine[0])
    rows = np.empty((HESSIAN, plane_set.number, *delta.shape[1:]), dtype=np.complex64)
    hessian_rows(delta, columns, plane_set, rows, workers)
    return rows


def _products(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    rows = _read_rows(recipe, folder, "hessian", HESSIAN, recipe.planes[number])
    to_plane = planes_of_products(recipe.box.lattice, recipe.fine, workers)
    for plane in range(rows.shape[1]):
        multiply_plane(rows[:, plane], to_plane, workers)
    made: NDArray[Any] = rows[0].transpose(1, 0, 2)  # so that columns are read in one piece
    return made


def _motion(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    columns, delta = recipe.modes(number)
    source = np.zeros_like(delta)
    add_rows(_read_products(recipe, folder, columns), PlaneSet(recipe.fine[0]), source, workers)
    make_displacement_source(delta, recipe.linear.ratio, source)
    plane_set = PlaneSet(recipe.particle_lattice[0])
    shape = (row_fields(recipe.box), plane_set.number, *delta.shape[1:])
    rows = np.empty(shape, dtype=np.complex64)
    modes = DisplacementModes(source, delta, recipe.linear.share)
    _particle_planes(recipe, folder).rows(modes, columns, plane_set, rows, workers)
    return rows


def planes_on_disk(
    recipe: Recipe, folder: Path, planes: range, workers: int
) -> Iterator[tuple[int, ParticlePlane]]:
    """Make planes of particles, of their rows, with their numbers; beyond the box they wrap."""
    lattice = recipe.particle_lattice
    made = _particle_planes(recipe, folder)
    to_plane = Planes(lattice, recipe.box.lattice, lattice, workers)
    x = planes.start
    while x < planes.stop:
        first = x % lattice[0]
        read = range(first, min(first + min(recipe.cuts.read, planes.stop - x), lattice[0]))
        rows = _read_rows(recipe, folder, "motion", made.fields, read)
        for plane, inside in enumerate(read):
            yield x + plane, made.plane(inside, rows[:, plane], to_plane)
        x += len(read)


def _particles(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    own = recipe.voxels[number]
    planes = planes_on_disk(recipe, folder, _in_planes(own), workers)
    sums = SlabSums(own, _layer(recipe), PARTICLES)
    in_turn(planes, [sums.add])
    return sums.sums()


STEPS = {
    "small": Step(_small, lambda recipe: 1, "initial modes"),
    "hessian": Step(_hessian, lambda recipe: len(recipe.columns), "initial modes"),
    "products": Step(_products, lambda recipe: len(recipe.planes), "second order"),
    "motion": Step(_motion, lambda recipe: len(recipe.columns), "displacements"),
    "particles": Step(_particles, lambda recipe: len(recipe.voxels), "particles"),
}
"""In their order, by what their files are called."""

STEPS_TO_ROWS = {name: step for name, step in STEPS.items() if name != "particles"}
"""Those to the rows of planes of particles, which are read in any order."""

STEPS_TO_A_GROUP = {
    "group": Step(_group, lambda recipe: 1, "initial modes"),
    **STEPS,
    "written": Step(_written, lambda recipe: len(recipe.written), "writing"),
}
"""Those of workers that write a Zarr group too."""


def _particle_planes(recipe: Recipe, folder: Path) -> ParticlePlanes:
    small = SmallScales(*np.load(file_of(folder, "small", 0)))
    return ParticlePlanes(recipe.particle_lattice, recipe.box.velocity, small)


def _read_rows(recipe: Recipe, folder: Path, step: str, fields: int, planes: range) -> Modes:
    """Read some planes of all columns: (fields, planes, columns, modes along z)."""
    _, y, z = recipe.box.lattice
    rows = np.empty((fields, len(planes), y, z // 2 + 1), dtype=np.complex64)
    for number, columns in enumerate(recipe.columns):
        stored = np.load(file_of(folder, step, number), mmap_mode="r")
        rows[:, :, _slice(columns)] = stored[:, _slice(planes)]
    return rows


def _read_products(recipe: Recipe, folder: Path, columns: Columns) -> Modes:
    """Read all planes of some columns of the source: (planes, columns, modes along z)."""
    along_y = columns.along_y
    shape = (recipe.fine[0], along_y.stop - along_y.start, recipe.box.lattice[2] // 2 + 1)
    rows = np.empty(shape, dtype=np.complex64)
    for number, planes in enumerate(recipe.planes):
        stored = np.load(file_of(folder, "products", number), mmap_mode="r")
        rows[_slice(planes)] = stored[along_y].transpose(1, 0, 2)
    return rows


def _in_planes(voxels: range) -> range:
    return range(voxels.start * PARTICLES, voxels.stop * PARTICLES)


def _slice(numbers: range) -> slice:
    return slice(numbers.start, numbers.stop)
