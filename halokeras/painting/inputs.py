"""What is painted on: the density of a box, or a user's own grid, checked and left on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, box_hash, check_grid, check_scale, hash_fields
from halokeras.boxes.box_file import Header, open_box_file
from halokeras.errors import BoxError, ModelError
from halokeras.fields.contrast import Contrast, as_density
from halokeras.storage import hdf5
from halokeras.storage.grid import Grid
from halokeras.storage.grid_file import open_numbers

_SAMPLE = 128
"""Voxels a side of the corner that stands for a larger density when its look is compared."""


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
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        x, y, z = self.grid.shape
        return x, y, z

    def sample(self) -> NDArray[np.float32]:
        """Return the density, or of a large one a corner scaled to mean 1."""
        if np.prod(self.shape, dtype=np.int64) <= _SAMPLE**3:
            return np.asarray(self.grid[:, :, :], dtype=np.float32)
        corner = np.asarray(self.grid[:_SAMPLE, :_SAMPLE, :_SAMPLE], dtype=np.float32)
        scaled: NDArray[np.float32] = corner / corner.mean(dtype=np.float64).astype(np.float32)
        return scaled


def density_of(box: Box) -> Density:
    """Return the density of a box in memory, or raise `ModelError` if it has none."""
    if box.density is None:
        raise ModelError("the box holds no density to paint on; give a box or file with one")
    header = Header(box.voxel_size, box.redshift, box.cosmology, box.provenance)
    return Density(box.density, header, box_hash(box))


@contextmanager
def open_box_density(path: Path) -> Iterator[Density]:
    """Open the density of a box file; its halos or counts, if it has any, are not looked at.

    Raises
    ------
    BoxError
        If it cannot be read or breaks the contract of a box.
    ModelError
        If the box has no density.
    """
    with open_box_file(path) as (header, fields):
        if "density" not in fields:
            raise ModelError(f"{path} holds no density to paint on; give a box or file with one")
        source = f"box file {path}"
        check_scale(header.voxel_size, header.redshift, source)
        in_hdf5 = isinstance(fields["density"], h5py.Dataset)
        check_grid(fields["density"], "density", source)
        hashed = hash_fields(
            header.voxel_size, header.redshift, header.cosmology, header.provenance, fields
        )
        velocity = hdf5.dataset(fields["density"].file, "velocity", path, "f") if in_hdf5 else None
        if velocity is not None and velocity.shape != (3, *fields["density"].shape):
            raise BoxError(
                f"{source}: velocity has shape {velocity.shape}; it must be (3, nx, ny, nz) on the "
                f"voxels of the density, {fields['density'].shape}"
            )
        yield Density(fields["density"], header, hashed, velocity)


@contextmanager
def open_density(
    path: Path,
    dataset: str | None,
    voxel_size: float | None,
    redshift: float | None,
    contrast: Contrast = "1+delta",
) -> Iterator[Density]:
    """Open a density grid that comes without a description; its cosmology is unstated.

    Parameters
    ----------
    path
        A ``.npy`` array, an HDF5 file (``.h5``, ``.hdf5``) or a Zarr group (``.zarr``), of
        rho/mean on a periodic grid.
    dataset
        The name of the dataset inside an HDF5 file or Zarr group.
    voxel_size
        Comoving side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    contrast
        What the file holds, if it is not rho/mean.

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
    provenance = {"density_file": path.name, "density_scheme": "unknown"}
    header = Header(voxel_size, redshift, None, provenance)
    check_scale(voxel_size, redshift, f"density file {path}")
    with open_grid(path, dataset, contrast=contrast) as grid:
        hashed = hash_fields(voxel_size, redshift, None, provenance, {"density": grid})
        yield Density(grid, header, hashed)


@contextmanager
def open_grid(
    path: Path, dataset: str | None, option: str = "--dataset", contrast: Contrast = "1+delta"
) -> Iterator[Grid]:
    """Open and check the grid of a density, of whatever voxel size, as `open_density`.

    Parameters
    ----------
    path, dataset, contrast
        As there.
    option
        What names the dataset on the command line, for messages.

    Raises
    ------
    BoxError
        If the file cannot be read, or the array is no density.
    """
    with open_numbers(path, dataset, option) as numbers:
        grid = as_density(numbers, contrast, f"density file {path}")
        check_grid(grid, "density", f"density file {path}")
        yield grid
