"""A 2LPT density made slab by slab: every step is a task on files, in one folder.

Modes are cut along y, what is in real space along x; between the two lie the transposes. A task
reads its part of the files of steps before and writes one file, whole:

===========  ==================  ==================================================================
step         cut along           file
===========  ==================  ==================================================================
``small``    not at all          displacements of small scales
``hessian``  y, in wavenumbers   rows of columns of modes, for the second derivatives
``products`` x, in planes        modes along y and z of the second order's source
``motion``   y, in wavenumbers   rows of columns of modes, for displacements
``particles`` x, in voxels       sums in voxels of the particles, with margins that neighbours add
===========  ==================  ==================================================================

Where the disk is short, `halokeras.simulation.slabs.plan.fitted` has ``hessian`` and ``products``
done in passes, each for every so many planes, and then ``motion`` and ``particles`` for parts of
the box, one after the other; the steps bear the number of the pass or part.

Workers that write a Zarr group take two steps more: ``group`` makes it, empty, before all others,
and ``written`` writes its planes, each task its own chunks, and keeps their checksums.

A task is a function of the recipe and of those files, so it may be made twice, anywhere. The
arithmetic is that of `halokeras.simulation.lpt.streamed` and `halokeras.simulation.lpt.ordered`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
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
from halokeras.simulation.lpt.deposit import MakePlanes, ParticlePlane, SlabSums, in_turn
from halokeras.simulation.lpt.ordered import OrderedPlanes, potential_rows
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
from halokeras.simulation.slabs.plan import (
    Cuts,
    is_ordered,
    part_planes,
    parts_of,
    pieces,
    row_fields,
)
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
        """Planes of each slab of products, counted among those of a pass."""
        return pieces(self.fine[0] // self.cuts.passes, self.cuts.planes)

    def products_of(self, number: int) -> PlaneSet:
        """Return the planes of products of a pass."""
        return PlaneSet(self.fine[0], self.cuts.passes, number)

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
    spent
        Steps whose files nothing needs once it is done.
    whole
        Which of how many steps it is that progress calls so.
    """

    make: Callable[[Recipe, Path, int, int], NDArray[Any]]
    tasks: Callable[[Recipe], int]
    told: str
    spent: tuple[str, ...] = ()
    whole: tuple[int, int] = (0, 1)


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
        made = steps_to_a_group(recipe.cuts)[step].make(recipe, folder, number, workers)
    with whole_file(file_of(folder, step, number)) as temporary, temporary.open("wb") as file:
        np.save(file, made)


def sums_of(recipe: Recipe, folder: Path, voxels: range) -> NDArray[np.float64]:
    """Return the sums in some voxels along x, of all slabs of particles that reach them."""
    side = recipe.box.voxels[0]
    sums = np.zeros((len(voxels), *_layer(recipe)))
    files = [
        file_of(folder, f"particles_{part}", number)
        for part, slabs in enumerate(parts_of(recipe.box, recipe.cuts))
        for number in range(len(slabs))
    ]
    for own, file in zip(recipe.voxels, files, strict=True):
        theirs = np.load(file, mmap_mode="r")
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


def _hessian(which: int, recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    columns, delta = recipe.modes(number)
    plane_set = recipe.products_of(which)
    rows = np.empty((HESSIAN, plane_set.number, *delta.shape[1:]), dtype=np.complex64)
    hessian_rows(delta, columns, plane_set, rows, workers)
    return rows


def _products(which: int, recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    rows = _read_rows(recipe, folder, f"hessian_{which}", HESSIAN, recipe.planes[number])
    to_plane = planes_of_products(recipe.box.lattice, recipe.fine, workers)
    for plane in range(rows.shape[1]):
        multiply_plane(rows[:, plane], to_plane, workers)
    made: NDArray[Any] = rows[0].transpose(1, 0, 2)  # so that columns are read in one piece
    return made


def _motion(which: int, recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    box, particles = recipe.box, recipe.particle_lattice
    columns, delta = recipe.modes(number)
    source = np.zeros_like(delta)
    for products in range(recipe.cuts.passes):
        rows = _read_products(recipe, folder, products, columns)
        add_rows(rows, recipe.products_of(products), source, workers)
        del rows
    make_displacement_source(delta, recipe.linear.ratio, source)
    modes = DisplacementModes(source, delta, recipe.linear.share)
    plane_set = PlaneSet(particles[0])
    parts = recipe.cuts.parts
    shape = (row_fields(box, parts), plane_set.number, *delta.shape[1:])
    rows = np.empty(shape, dtype=np.complex64)
    if is_ordered(box, parts):
        potential_rows(modes, columns, particles, plane_set, rows, workers)
    else:
        made = ParticlePlanes(particles, False, _small_scales(folder))
        made.rows(modes, columns, plane_set, rows, workers)
    own = part_planes(box, recipe.cuts, which)
    return rows if len(own) == len(plane_set) else rows[:, np.array(own) % plane_set.number]


def planes_of_part(recipe: Recipe, folder: Path, part: int, workers: int) -> MakePlanes:
    """Return what makes planes of particles of a part's rows, fastest in their order.

    Planes of the whole box, if it is one part, wrap.
    """
    box, particles, small = recipe.box, recipe.particle_lattice, _small_scales(folder)
    at_a_time, first = recipe.cuts.read, part_planes(box, recipe.cuts, part).start
    fields = row_fields(box, recipe.cuts.parts)

    def read(planes: range) -> Modes:
        there = (np.array(planes) - first) % particles[0]
        return _read_rows(recipe, folder, f"motion_{part}", fields, there)

    if is_ordered(box, recipe.cuts.parts):
        share = recipe.linear.share if box.velocity else None
        ordered = OrderedPlanes(read, box.lattice, particles, share, small, at_a_time, workers)
        return lambda planes: ((x, ordered.plane(x)) for x in planes)
    made = ParticlePlanes(particles, False, small)
    to_plane = Planes(particles, box.lattice, particles, workers)

    def make(planes: range) -> Iterator[tuple[int, ParticlePlane]]:
        for some in (planes[at : at + at_a_time] for at in range(0, len(planes), at_a_time)):
            rows = read(some)
            for plane, x in enumerate(some):
                yield x, made.plane(x, rows[:, plane], to_plane)

    return make


def _particles(which: int, recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    own = recipe.voxels[parts_of(recipe.box, recipe.cuts)[which][number]]
    planes = planes_of_part(recipe, folder, which, workers)(_in_planes(own))
    sums = SlabSums(own, _layer(recipe), PARTICLES)
    in_turn(planes, [sums.add])
    return sums.sums()


def motion_step(which: int, spent: tuple[str, ...] = (), parts: int = 1) -> dict[str, Step]:
    """Return the step that makes rows of one of some parts of the box, by its name."""
    make, tasks = partial(_motion, which), _columns
    return {f"motion_{which}": Step(make, tasks, "displacements", spent, (which, parts))}


def _columns(recipe: Recipe) -> int:
    return len(recipe.columns)


def steps_to_products(cuts: Cuts) -> dict[str, Step]:
    """Return the steps to the second order's products, in their order, by their names."""
    steps = {"small": Step(_small, lambda recipe: 1, "initial modes")}
    for one in range(cuts.passes):
        whole, rows = (one, cuts.passes), f"hessian_{one}"
        steps[rows] = Step(partial(_hessian, one), _columns, "initial modes", (), whole)
        make, tasks = partial(_products, one), lambda recipe: len(recipe.planes)
        steps[f"products_{one}"] = Step(make, tasks, "second order", (rows,), whole)
    return steps


def steps_to_rows(cuts: Cuts) -> dict[str, Step]:
    """Return the steps to rows of planes of particles, which are read in any order.

    Those of a box of several parts are made when they are read, of the products.
    """
    steps = steps_to_products(cuts)
    return steps | motion_step(0, product_steps(cuts)) if cuts.parts == 1 else steps


def steps_to_sums(cuts: Cuts) -> dict[str, Step]:
    """Return the steps to sums of the particles."""
    steps = steps_to_products(cuts)
    for one in range(cuts.parts):
        spent = product_steps(cuts) if one == cuts.parts - 1 else ()
        steps |= motion_step(one, spent, cuts.parts)
        tasks = partial(_slabs_of_part, one)
        whole = (one, cuts.parts)
        steps[f"particles_{one}"] = Step(
            partial(_particles, one), tasks, "particles", (f"motion_{one}",), whole
        )
    return steps


def _slabs_of_part(which: int, recipe: Recipe) -> int:
    return len(parts_of(recipe.box, recipe.cuts)[which])


def steps_to_a_group(cuts: Cuts) -> dict[str, Step]:
    """Return the steps of workers that write a Zarr group too."""
    return {
        "group": Step(_group, lambda recipe: 1, "initial modes"),
        **steps_to_sums(cuts),
        "written": Step(_written, lambda recipe: len(recipe.written), "writing"),
    }


def product_steps(cuts: Cuts) -> tuple[str, ...]:
    """Return the names of the steps that make products."""
    return tuple(f"products_{one}" for one in range(cuts.passes))


def _small_scales(folder: Path) -> SmallScales:
    return SmallScales(*np.load(file_of(folder, "small", 0)))


def _read_rows(
    recipe: Recipe, folder: Path, step: str, fields: int, planes: range | NDArray[np.int64]
) -> Modes:
    """Read some planes of all columns: (fields, planes, columns, modes along z)."""
    _, y, z = recipe.box.lattice
    rows = np.empty((fields, len(planes), y, z // 2 + 1), dtype=np.complex64)
    for number, columns in enumerate(recipe.columns):
        stored = np.load(file_of(folder, step, number), mmap_mode="r")
        rows[:, :, _slice(columns)] = stored[:, planes]
    return rows


def _read_products(recipe: Recipe, folder: Path, which: int, columns: Columns) -> Modes:
    """Read all planes of a pass, some columns of the source: (planes, columns, modes along z)."""
    along_y = columns.along_y
    number = recipe.products_of(which).number
    shape = (number, along_y.stop - along_y.start, recipe.box.lattice[2] // 2 + 1)
    rows = np.empty(shape, dtype=np.complex64)
    for number, planes in enumerate(recipe.planes):
        stored = np.load(file_of(folder, f"products_{which}", number), mmap_mode="r")
        rows[_slice(planes)] = stored[along_y].transpose(1, 0, 2)
    return rows


def _in_planes(voxels: range) -> range:
    return range(voxels.start * PARTICLES, voxels.stop * PARTICLES)


def _slice(numbers: range) -> slice:
    return slice(numbers.start, numbers.stop)
