"""The tasks that a 2LPT density is made of, slab by slab: of files of tasks before, one array.

Each is told the recipe, the folder, its number and how many threads it may take; those that are
done in passes or parts first of all which of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.modes import Modes
from halokeras.simulation.lpt.density import from_sums
from halokeras.simulation.lpt.density_file import structure
from halokeras.simulation.lpt.deposit import MakePlanes, ParticlePlane, SlabSums, in_turn
from halokeras.simulation.lpt.ordered import OrderedPlanes, potential_rows
from halokeras.simulation.lpt.planes import Planes, PlaneSet, add_rows
from halokeras.simulation.lpt.recipe import (
    PARTICLES,
    make_displacement_source,
    small_modes,
    small_scales,
)
from halokeras.simulation.lpt.streamed import (
    HESSIAN,
    DisplacementModes,
    ParticlePlanes,
    hessian_rows,
    multiply_plane,
    planes_of_products,
)
from halokeras.simulation.slabs.plan import are_rows_rounded, part_planes, parts_of, row_fields
from halokeras.simulation.slabs.recipe import (
    GROUP,
    Recipe,
    as_slice,
    layer_shape,
    read_products,
    read_rows,
    small_scales_in,
    sums_of,
)
from halokeras.simulation.slabs.sixteen_bits import in_sixteen_bits
from halokeras.storage.checksums import block_sum
from halokeras.storage.stores import begin_store, shared_store


def make_group(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    """Begin the group that workers write; there is nothing else to keep."""
    begin_store(folder / GROUP, *structure(recipe.box))
    return np.zeros(0)


def write_group(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    """Write planes of the group; return their checksums."""
    own = recipe.written[number]
    density, velocity = from_sums(sums_of(recipe, folder, own), recipe.linear.speed)
    group, planes = shared_store(folder / GROUP), as_slice(own)
    values = density.astype(np.float32)
    group.write({"density": values}, (planes,))
    sums = [block_sum(values)]
    if velocity is not None:
        values = velocity.astype(np.float32)
        group.write({"velocity": values}, (slice(0, 3), planes))
        sums.append(block_sum(values))
    return np.array(sums)


def make_small_scales(recipe: Recipe, folder: Path, number: int, workers: int) -> NDArray[Any]:
    """Make the displacements of small scales."""
    modes = small_modes(recipe.box, recipe.linear, workers)
    return np.stack(small_scales(modes, PARTICLES, workers))


def make_hessian(
    which: int, recipe: Recipe, folder: Path, number: int, workers: int
) -> NDArray[Any]:
    """Make rows of columns of modes, of which second derivatives are made."""
    columns, delta = recipe.modes(number)
    plane_set = recipe.products_of(which)
    rows = np.empty((HESSIAN, plane_set.number, *delta.shape[1:]), dtype=np.complex64)
    hessian_rows(delta, columns, plane_set, rows, workers)
    return _as_kept(rows, recipe.cuts.sixteen_bits, workers)


def make_products(
    which: int, recipe: Recipe, folder: Path, number: int, workers: int
) -> NDArray[Any]:
    """Make modes along y and z of the second order's source, some planes of a pass."""
    rows = read_rows(recipe, folder, f"hessian_{which}", HESSIAN, recipe.planes[number])
    to_plane = planes_of_products(recipe.box.lattice, recipe.fine, workers)
    for plane in range(rows.shape[1]):
        multiply_plane(rows[:, plane], to_plane, workers)
    kept: NDArray[Any] = _as_kept(rows[:1], recipe.cuts.sixteen_bits, workers)[0]
    return kept.transpose(1, 0, 2)  # so that columns are read in one piece


def make_motion(
    which: int, recipe: Recipe, folder: Path, number: int, workers: int
) -> NDArray[Any]:
    """Make rows of columns of modes, of which planes of a part's particles are made."""
    box, particles = recipe.box, recipe.particle_lattice
    columns, delta = recipe.modes(number)
    source = np.zeros_like(delta)
    for products in range(recipe.cuts.passes):
        rows = read_products(recipe, folder, products, columns)
        add_rows(rows, recipe.products_of(products), source, workers)
        del rows
    make_displacement_source(delta, recipe.linear.ratio, source)
    modes = DisplacementModes(source, delta, recipe.linear.share)
    plane_set = PlaneSet(particles[0])
    shape = (row_fields(box), plane_set.number, *delta.shape[1:])
    rows = np.empty(shape, dtype=np.complex64)
    if box.velocity:
        potential_rows(modes, columns, particles, plane_set, rows, workers)
    else:
        made = ParticlePlanes(particles, False, small_scales_in(folder))
        made.rows(modes, columns, plane_set, rows, workers)
    own = part_planes(box, recipe.cuts, which)
    if len(own) < plane_set.number:
        rows = rows[:, np.array(own) % plane_set.number]
    return _as_kept(rows, are_rows_rounded(box, recipe.cuts), workers)


def _as_kept(rows: Modes, sixteen_bits: bool, workers: int) -> NDArray[Any]:
    return in_sixteen_bits(rows, workers) if sixteen_bits else rows


def planes_of_part(recipe: Recipe, folder: Path, part: int, workers: int) -> MakePlanes:
    """Return what makes planes of particles of a part's rows, fastest in their order.

    Planes of the whole box, if it is one part, wrap.
    """
    box, particles, small = recipe.box, recipe.particle_lattice, small_scales_in(folder)
    at_a_time, first = recipe.cuts.read, part_planes(box, recipe.cuts, part).start
    fields = row_fields(box)

    def read(planes: range) -> Modes:
        there = (np.array(planes) - first) % particles[0]
        return read_rows(recipe, folder, f"motion_{part}", fields, there)

    if box.velocity:
        share = recipe.linear.share
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


def make_particles(
    which: int, recipe: Recipe, folder: Path, number: int, workers: int
) -> NDArray[Any]:
    """Add up particles of a slab of a part, with the margins that they reach."""
    own = recipe.voxels[parts_of(recipe.box, recipe.cuts)[which][number]]
    planes = planes_of_part(recipe, folder, which, workers)(_in_planes(own))
    sums = SlabSums(own, layer_shape(recipe), PARTICLES)
    in_turn(planes, [sums.add])
    return sums.sums()


def _in_planes(voxels: range) -> range:
    return range(voxels.start * PARTICLES, voxels.stop * PARTICLES)
