"""What is painted on: the density of a box, or a user's own grid, checked and left on disk."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes import hdf5, zarr_store
from halokeras.boxes.box import Box, box_hash, check_grid, check_scale, hash_fields
from halokeras.boxes.box_file import Header, open_box_file
from halokeras.boxes.grid import Grid
from halokeras.errors import BoxError, ModelError

_SAMPLE = 128
"""Voxels a side of the corner that stands for a larger density when its look is compared."""
_DENSEST = 1100
"""Bytes that a byte of a compressed HDF5 file can hold at most."""


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
        """Give the density, or of a large one a corner scaled to mean 1."""
        if np.prod(self.shape, dtype=np.int64) <= _SAMPLE**3:
            return np.asarray(self.grid[:, :, :], dtype=np.float32)
        corner = np.asarray(self.grid[:_SAMPLE, :_SAMPLE, :_SAMPLE], dtype=np.float32)
        scaled: NDArray[np.float32] = corner / corner.mean(dtype=np.float64).astype(np.float32)
        return scaled


def density_of(box: Box) -> Density:
    """Give the density of a box in memory, or raise `ModelError` if it has none."""
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
        if in_hdf5:
            _check_stored(fields["density"], source)
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
    path: Path, dataset: str | None, voxel_size: float | None, redshift: float | None
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

    Raises
    ------
    BoxError
        If the file cannot be read, the array is not a three-dimensional, finite, non-negative
        density of mean 1, or the voxel size or the redshift is missing or out of range.
    """
    if voxel_size is None:
        raise BoxError(f"{path} does not tell its voxel size; give it [Mpc/h] with --voxel-size")
    if redshift is None:
        raise BoxError(f"{path} does not tell its redshift; give it with --redshift")
    provenance = {"density_file": path.name, "density_scheme": "unknown"}
    header = Header(voxel_size, redshift, None, provenance)
    check_scale(voxel_size, redshift, f"density file {path}")
    with open_grid(path, dataset) as grid:
        hashed = hash_fields(voxel_size, redshift, None, provenance, {"density": grid})
        yield Density(grid, header, hashed)


@contextmanager
def open_grid(path: Path, dataset: str | None, option: str = "--dataset") -> Iterator[Grid]:
    """Open and check the grid of a density, of whatever voxel size, as `open_density`.

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
        check_grid(grid, "density", f"density file {path}")
        yield grid


def open_numbers(
    path: Path, dataset: str | None, option: str = "--dataset"
) -> AbstractContextManager[Grid]:
    """Open a grid of numbers as `open_grid`, without a look at its values."""
    if not path.exists():
        raise BoxError(f"no density file {path}; check the path")
    openers = {".npy": _open_npy, zarr_store.SUFFIX: _open_zarr}
    return openers.get(path.suffix, _open_hdf5)(path, dataset, option)


@contextmanager
def _open_npy(path: Path, dataset: str | None, option: str) -> Iterator[Grid]:
    if dataset is not None:
        raise BoxError(f"{path} holds one array and no dataset {dataset!r}; leave {option} out")
    try:
        # Mapped, so that a header that promises more than the file holds allocates nothing.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise BoxError(f"{path} is not a plain numeric .npy array: {_line(error)}") from error
    _check_numbers(array, str(path))
    yield array


@contextmanager
def _open_zarr(path: Path, dataset: str | None, option: str) -> Iterator[Grid]:
    group = zarr_store.open_group(path)
    entry = None if dataset is None else group.get(dataset)
    if entry is None or not zarr_store.is_array(entry):
        names = ", ".join(list(group.array_keys())[:8])
        raise BoxError(f"{path} has no array {dataset!r}; choose one of {names} with {option}")
    _check_numbers(entry, f"{dataset} in {path}")
    yield entry


@contextmanager
def _open_hdf5(path: Path, dataset: str | None, option: str) -> Iterator[Grid]:
    with ExitStack() as opened:
        try:
            file = opened.enter_context(h5py.File(path, "r"))
            if dataset is None:
                raise BoxError(
                    f"say which dataset of {path} is the density with {option}{_datasets(file)}"
                )
            entry = file.get(dataset)
            if not isinstance(entry, h5py.Dataset):
                raise BoxError(
                    f"{path} has no dataset {dataset!r}; choose with {option}{_datasets(file)}"
                )
        except (OSError, KeyError, RuntimeError) as error:
            raise _unreadable(path, error) from error
        _check_numbers(entry, f"{dataset} in {path}")
        _check_stored(entry, f"{dataset} in {path}")
        try:
            yield entry
        except OSError as error:
            raise _unreadable(path, error) from error


def _datasets(file: Any) -> str:
    names: list[str] = []
    file.visititems(
        lambda name, entry: (
            names.append(name) if isinstance(entry, h5py.Dataset) and entry.ndim == 3 else None
        )
    )
    return f" (it holds {', '.join(names[:8])})" if names else " (it holds no 3D dataset)"


def _check_numbers(array: Any, name: str) -> None:
    """Refuse an array or dataset that is not a grid of numbers, before it is read."""
    if array.dtype.kind not in "fiu" or array.ndim != 3 or 0 in array.shape:
        raise BoxError(
            f"{name} is {array.dtype} of shape {array.shape}; a density is a grid of numbers "
            "(nx, ny, nz)"
        )


def _check_stored(stored: h5py.Dataset, name: str) -> None:
    """Refuse a dataset that promises more than its file can hold: reading it would not end."""
    if not stored.is_virtual and stored.nbytes > _DENSEST * stored.id.get_storage_size():
        raise BoxError(
            f"{name}: a density of shape {stored.shape} is promised and "
            f"{stored.id.get_storage_size():,} bytes are stored; write it again"
        )


def _unreadable(path: Path, error: Exception) -> BoxError:
    return BoxError(
        f"{path} is not a readable .npy or HDF5 file: {_line(error)}; check or re-make it"
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
