"""A 2LPT density to be made slab by slab, and what its folder holds of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density_file import SLAB, structure
from halokeras.simulation.lpt.planes import Columns, PlaneSet
from halokeras.simulation.lpt.recipe import Linear, drawn_modes, particle_lattice, products_lattice
from halokeras.simulation.lpt.streamed import SmallScales
from halokeras.simulation.slabs.plan import Cuts, parts_of, pieces
from halokeras.simulation.slabs.sixteen_bits import read_planes
from halokeras.storage.checksums import Sum, sum_of_blocks

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
        return particle_lattice(self.box.voxels)

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
        along_y = as_slice(self.columns[number])
        drawn = drawn_modes(self.box, self.linear.power, along_y)
        return Columns(self.box.lattice, along_y), drawn


def file_of(folder: Path, step: str, number: int) -> Path:
    """Return the file of a task, which is done once it is there."""
    return folder / f"{step}_{number:05d}.npy"


def read_file(
    folder: Path, step: str, number: int, mmap_mode: Literal["r"] | None = "r"
) -> NDArray[Any]:
    """Read the file of a task that is done.

    Raises
    ------
    BoxError
        If it is cut short, or was removed.
    """
    file = file_of(folder, step, number)
    try:
        made: NDArray[Any] = np.load(file, mmap_mode=mmap_mode)
    except (OSError, EOFError, ValueError) as error:
        raise BoxError(
            f"{file} is damaged, or was removed; remove {folder}, and the same command begins again"
        ) from error
    return made


def sums_of(recipe: Recipe, folder: Path, voxels: range) -> NDArray[np.float64]:
    """Return the sums in some voxels along x, of all slabs of particles that reach them."""
    side = recipe.box.voxels[0]
    sums = np.zeros((len(voxels), *layer_shape(recipe)))
    made = [
        read_file(folder, f"particles_{part}", number)
        for part, slabs in enumerate(parts_of(recipe.box, recipe.cuts))
        for number in range(len(slabs))
    ]
    for own, theirs in zip(recipe.voxels, made, strict=True):
        first = own.start - (len(theirs) - len(own)) // 2
        for plane in range(len(theirs)):
            x = (first + plane) % side
            if x in voxels:
                sums[x - voxels.start] += theirs[plane]
    return sums


def checksums_of(recipe: Recipe, folder: Path) -> dict[str, Sum]:
    """Return the checksums of the arrays of a group that is written."""
    _, layouts = structure(recipe.box)
    told = [read_file(folder, "written", one) for one in range(len(recipe.written))]
    return {
        name: sum_of_blocks(
            layout.dtype,
            layout.shape,
            (*layout.shape[:-3], SLAB, *layout.shape[-2:]),
            [str(sums[number]) for sums in told],
        )
        for number, (name, layout) in enumerate(layouts.items())
    }


def layer_shape(recipe: Recipe) -> tuple[int, ...]:
    """Return the shape of what is summed in a layer of voxels."""
    _, y, z = recipe.box.voxels
    return (y, z, 4) if recipe.box.velocity else (y, z)


def small_scales_in(folder: Path) -> SmallScales:
    """Return the displacements of small scales that a folder holds."""
    return SmallScales(*read_file(folder, "small", 0, None))


def read_rows(
    recipe: Recipe, folder: Path, step: str, fields: int, planes: range | NDArray[np.int64]
) -> Modes:
    """Read some planes of all columns: (fields, planes, columns, modes along z)."""
    _, y, z = recipe.box.lattice
    rows = np.empty((fields, len(planes), y, z // 2 + 1), dtype=np.complex64)
    for number, columns in enumerate(recipe.columns):
        stored = read_file(folder, step, number)
        for field, into in zip(stored, rows[:, :, as_slice(columns)], strict=True):
            read_planes(field, planes, into)
    return rows


def read_products(recipe: Recipe, folder: Path, which: int, columns: Columns) -> Modes:
    """Read all planes of a pass, some columns of the source: (planes, columns, modes along z)."""
    along_y = columns.along_y
    number = recipe.products_of(which).number
    shape = (number, along_y.stop - along_y.start, recipe.box.lattice[2] // 2 + 1)
    rows = np.empty(shape, dtype=np.complex64)
    for number, planes in enumerate(recipe.planes):
        stored = read_file(folder, f"products_{which}", number)
        own = stored[along_y].transpose(1, 0, 2)
        read_planes(own, slice(len(planes)), rows[as_slice(planes)])
    return rows


def as_slice(numbers: range) -> slice:
    """Return the slice of some numbers."""
    return slice(numbers.start, numbers.stop)
