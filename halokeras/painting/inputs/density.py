"""What is painted on: the density of a box, or a user's own grid, checked and left on disk."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, box_hash, check_axes, check_grid, check_scale, check_values
from halokeras.boxes.box_file import Header, describe, open_box
from halokeras.boxes.hashes import Seen, hash_fields, see, surveyed_by
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError, ModelError
from halokeras.fields.contrast import Contrast, as_density
from halokeras.fields.gridding import Shape, shape_of
from halokeras.readable import name_of
from halokeras.storage.grid import Grid
from halokeras.storage.grid_file import open_numbers

_SAMPLE = 128
"""Voxels a side of the corner that stands for a larger density when its look is compared."""

See = Callable[[Grid], Sequence[Seen]]
"""Looks at every value of a density, here or by workers."""


@dataclass(frozen=True)
class Density:
    """A periodic density, in memory or in an open file, with what is known of it.

    Parameters
    ----------
    grid
        rho/mean, (nx, ny, nz) real numbers.
    header
        Voxel size, redshift, cosmology and provenance.
    hash
        `box_hash` of the box that it is the density of.
    velocity
        Peculiar velocity of the matter [km/s], (3, nx, ny, nz), where its file holds one.
    """

    grid: Grid
    header: Header
    hash: str
    velocity: Grid | None = None

    @property
    def shape(self) -> Shape:
        """Voxels along x, y, z."""
        return shape_of(self.grid)

    def sample(self) -> NDArray[np.float32]:
        """Return the density, or of a large one a corner scaled to mean 1."""
        if np.prod(self.shape, dtype=np.int64) <= _SAMPLE**3:
            return np.asarray(self.grid[:, :, :], dtype=np.float32)
        corner = np.asarray(self.grid[:_SAMPLE, :_SAMPLE, :_SAMPLE], dtype=np.float32)
        scaled: NDArray[np.float32] = corner / corner.mean(dtype=np.float64).astype(np.float32)
        return scaled


def density_of(box: Box) -> Density:
    """Return the density of a box in memory.

    Raises
    ------
    ModelError
        If the box has none.
    BoxError
        As `check_density`.
    """
    if box.density is None:
        raise ModelError("the box holds no density to paint on; give a box or file with one")
    check_density(box.density, "the box")
    header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
    return Density(box.density, header, box_hash(box))


def check_density(grid: Grid, source: str) -> None:
    """Refuse a density that cannot be painted on; `source` begins the message.

    Raises
    ------
    BoxError
        If it is no three-dimensional grid of real numbers, finite, non-negative and of mean 1,
        with the remedy.
    """
    _check_numbers(grid, source)
    check_grid(grid, "density", source)


def _checked(grid: Grid, source: str, see: See) -> Sequence[Seen]:
    """Refuse a density as `check_density`, and return what was seen of it."""
    _check_numbers(grid, source)
    check_axes(grid, "density", source)
    seen = see(grid)
    check_values(surveyed_by(seen), "density", source)
    return seen


def check_velocity(velocity: Grid, shape: Shape, source: str) -> None:
    """Raise `BoxError` for a velocity that is not on voxels of a shape; `source` is named."""
    if tuple(velocity.shape) != (3, *shape):
        raise BoxError(
            f"{source}: velocity has shape {tuple(velocity.shape)}; it must be (3, nx, ny, nz) on "
            f"its {shape} voxels"
        )


def _check_numbers(grid: Grid, source: str) -> None:
    dtype = getattr(grid, "dtype", None)
    if dtype is None or dtype.kind not in "fiu":
        raise BoxError(
            f"{source}: must be an array of real numbers (nx, ny, nz), not "
            f"{type(grid).__name__ if dtype is None else dtype}; convert it to float32"
        )


@contextmanager
def open_box_density(path: Path, see: See = see) -> Iterator[Density]:
    """Open the density of a box file; halos and counts are read for the hash but not checked.

    Parameters
    ----------
    path
        The file.
    see
        Looks at the density.

    Raises
    ------
    BoxError
        If it cannot be read or breaks the contract of a box.
    ModelError
        If the box has no density.
    """
    with open_box(path) as store:
        header, fields = describe(store)
        if "density" not in fields:
            raise ModelError(f"{path} holds no density to paint on; give a box or file with one")
        check_scale(header.voxel_size, header.redshift, store.name)
        seen = {"density": _checked(fields["density"], store.name, see)}
        known = header.voxel_size, header.redshift, header.cosmology, header.provenance
        hashed = hash_fields(*known, fields, seen)
        velocity = store.array("velocity", "f")
        if velocity is not None:
            check_velocity(velocity, shape_of(fields["density"]), store.name)
        yield Density(fields["density"], header, hashed, velocity)


@contextmanager
def open_density(
    path: Path,
    dataset: str | None,
    voxel_size: float | None,
    redshift: float | None,
    contrast: Contrast = "1+delta",
    cosmology: Cosmology | None = None,
    see: See = see,
) -> Iterator[Density]:
    """Open a density grid that comes without a description.

    Parameters
    ----------
    path
        A ``.npy`` or ``.npz`` file, an HDF5 file or a Zarr group or array, of rho/mean on a
        periodic grid.
    dataset
        The name of the array, where the file holds several.
    voxel_size
        Comoving side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    contrast
        What the file holds, if it is not rho/mean.
    cosmology
        Cosmology of the density, if it is known.
    see
        Looks at the density, which workers can where it is rho/mean.

    Raises
    ------
    BoxError
        If the file cannot be read, the array is not a three-dimensional, finite, non-negative
        density of mean 1, or the voxel size or the redshift is missing or out of range.
    """
    if voxel_size is None or redshift is None:
        lacking = {"--voxel-size, in Mpc/h": voxel_size, "--redshift": redshift}
        named = " and ".join(option for option, value in lacking.items() if value is None)
        raise BoxError(f"{path} does not describe itself; give {named}")
    provenance = {"density_file": name_of(path), "density_scheme": "unknown"}
    header = Header(voxel_size, redshift, cosmology, provenance)
    check_scale(voxel_size, redshift, f"density file {path}")
    source = f"density file {path}"
    with open_numbers(path, dataset) as numbers:
        grid = as_density(numbers, contrast, source)
        seen = {"density": _checked(grid, source, see)}
        fields = {"density": grid}
        hashed = hash_fields(voxel_size, redshift, cosmology, provenance, fields, seen)
        yield Density(grid, header, hashed)


@contextmanager
def open_grid(path: Path, dataset: str | None, option: str) -> Iterator[Grid]:
    """Open and check a grid of rho/mean, of whatever voxel size, as `open_density`.

    Parameters
    ----------
    path, dataset
        As there.
    option
        What names the dataset on the command line, for messages.

    Raises
    ------
    BoxError
        If the file cannot be read, or the array is no density.
    """
    with open_numbers(path, dataset, option) as grid:
        check_density(grid, f"density file {path}")
        yield grid
