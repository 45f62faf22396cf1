"""A density from a grid file of anyone's, whose conventions the user states."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import Halos
from halokeras.errors import BoxError
from halokeras.sources.tables.stated import stated_box_size, stated_cosmology, stated_redshift
from halokeras.sources.tables.table import plain_about
from halokeras.storage.grid import surveyed
from halokeras.storage.grid_file import open_numbers
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.stores import is_store, open_store

Contrast = Literal["1+delta", "delta", "rho"]
"""What the values are: rho/mean, rho/mean - 1, or any multiple of rho, such as particle counts."""
GridPoints = Literal["centres", "corners"]

_CONTRASTS = ("1+delta", "delta", "rho")
_AXES = tuple("".join(order) for order in permutations("xyz"))
_TOLERANCE = 0.01
"""Of the mean density, as boxes are checked."""
_OVERSHOT = -1.0
"""Times the mean, how far below 0 a density falls whose window was divided out."""
_IN_MPC_PER_H = ("lbox", "box_size")


@dataclass(frozen=True)
class DensityGrid:
    """A density, read.

    Attributes
    ----------
    density
        rho/mean, (n, n, n) float32, indexed (x, y, z).
    corner
        The corner of the first voxel in the simulation's coordinates, along each axis [voxels]:
        0, or -0.5 where the values belong to the points i x voxel_size. Halo positions count from
        it: `from_corner`.
    assumed
        Sentences on what was assumed, for the report.
    box_size, redshift, cosmology
        What an HDF5 file tells of them; the side only where it is told in Mpc/h, by the names
        ``Lbox`` and ``box_size``.
    """

    density: NDArray[np.float32]
    corner: float
    assumed: tuple[str, ...]
    box_size: float | None = None
    redshift: float | None = None
    cosmology: Mapping[str, float] = field(default_factory=dict)


def read_density(
    path: Path,
    dataset: str | None = None,
    *,
    contrast: Contrast = "1+delta",
    grid_points: GridPoints = "centres",
    axes: str = "xyz",
    option: str = "--dataset",
) -> DensityGrid:
    """Read a density grid and bring it to rho/mean, indexed (x, y, z).

    Parameters
    ----------
    path, dataset, option
        As `halokeras.storage.grid_file.open_numbers`.
    contrast
        What the values are; never guessed, but refused where the values contradict it.
    grid_points
        Whether value i belongs to the voxel [i, i + 1) x voxel_size, or to the point
        i x voxel_size, as cloud-in-cell codes have it that deposit about corners. Of the latter
        nothing is interpolated: the box begins half a voxel lower, and so do its voxels.
    axes
        The order of the file's axes: ``zyx`` if its first index runs along z.

    Raises
    ------
    BoxError
        If it cannot be read, is no cube, or is not what `contrast` says.
    """
    if contrast not in _CONTRASTS or grid_points not in ("centres", "corners") or axes not in _AXES:
        raise BoxError(
            f"contrast {contrast}, grid points {grid_points} or axes {axes} is unknown; choose "
            f"{', '.join(_CONTRASTS)}; centres, corners; an order of xyz"
        )
    about = _told(path)
    with open_numbers(path, dataset, option) as grid:
        if len(set(grid.shape)) != 1:
            raise BoxError(f"{path}: the density has shape {grid.shape}; the box must be a cube")
        refuse_beyond_memory(8 * int(np.prod(grid.shape, dtype=np.int64)), str(path))
        stored = np.empty(grid.shape, np.float32)
        first = 0
        for slab, seen in surveyed(grid):
            with np.errstate(invalid="ignore", over="ignore"):
                stored[first : first + len(slab)] = slab
            first += len(slab)
            least, mean = seen.minimum, seen.mean
    if not np.isfinite([least, mean, float(stored.max())]).all():
        raise BoxError(f"{path}: the density holds NaN or infinite values; make it again")
    _check_contrast(path, contrast, least, mean)
    if contrast == "delta":
        stored += 1
    elif contrast == "rho":
        stored *= np.float32(1 / mean)
    density = np.ascontiguousarray(stored.transpose([axes.index(axis) for axis in "xyz"]))
    assumed = [f"The density is {path.name} as {contrast}, axes {axes}, about voxel {grid_points}."]
    if grid_points == "corners":
        assumed.append(
            "Its values belong to the points i x voxel_size, so that the box begins half a voxel "
            "below 0 along each axis and halo positions were moved up by half a voxel."
        )
    corner = -0.5 if grid_points == "corners" else 0.0
    sides = {name: value for name, value in about.items() if name.lower() in _IN_MPC_PER_H}
    return DensityGrid(
        density,
        corner,
        tuple(assumed),
        stated_box_size(str(path), sides, 1.0),
        stated_redshift(about, str(path)),
        stated_cosmology(about),
    )


def from_corner(halos: Halos, corner: float, box_size: float) -> Halos:
    """Return halos with positions that count from `corner`, along each axis [Mpc/h].

    What leaves a box of `box_size` by that enters it again; what lay outside stays outside, so
    that a wrong unit or origin is still seen.
    """
    if corner == 0:
        return halos
    position = halos.position
    side = np.asarray(box_size, dtype=position.dtype)
    moved: NDArray[Any] = position - np.asarray(corner, dtype=position.dtype)
    left = (position >= 0) & (position <= side) & (moved >= side)
    return replace(halos, position=np.where(left, moved - side, moved))


def _check_contrast(path: Path, contrast: Contrast, least: float, mean: float) -> None:
    seen = f"{path} has values from {least:.3g} with mean {mean:.4g}"
    near_one = abs(mean - 1) <= _TOLERANCE
    deconvolved = (
        f"{seen}, but no density of matter is negative; one whose window was divided out "
        "overshoots below 0, so give it as particles were deposited"
    )
    if contrast == "delta":
        if abs(mean) <= _TOLERANCE and least >= -1:
            return
        if near_one and least >= 0:
            raise BoxError(f"{seen}, which is no overdensity; give --contrast 1+delta")
        if abs(mean) <= _TOLERANCE and least >= _OVERSHOT - 1:
            raise BoxError(deconvolved)
        raise BoxError(
            f"{seen}, which --contrast delta forbids: the overdensity of matter has mean 0 and is "
            "-1 or more; give one that particles were deposited for, no linear field"
        )
    if least < 0:
        if abs(mean) <= _TOLERANCE:
            raise BoxError(f"{seen}, but no density of matter is negative; give --contrast delta")
        if least / mean >= _OVERSHOT:
            raise BoxError(deconvolved)
        raise BoxError(
            f"{seen}, but no density of matter is negative; give a density that particles were "
            "deposited for"
        )
    if contrast == "rho" and mean < np.finfo(np.float32).tiny:
        raise BoxError(f"{path} holds zeros only; make the density again")
    if contrast == "1+delta" and not near_one:
        raise BoxError(
            f"{seen}, and rho/mean has mean 1; give --contrast rho for a density in other units or "
            "particle counts"
        )


def _told(path: Path) -> dict[str, Any]:
    """Return what an HDF5 or Zarr file tells of itself."""
    if not is_store(path):
        return {}
    with open_store(path, str(path)) as store:
        return plain_about(store.attributes)
