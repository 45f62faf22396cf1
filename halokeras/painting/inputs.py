"""A user's own density grid, from a .npy or HDF5 file, checked and made into a box."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Box, check_box
from halokeras.errors import BoxError

_OVERDENSITY_MEAN = 0.01  # an overdensity has mean 0 up to rounding


def read_density(
    path: Path, dataset: str | None, voxel_size: float | None, redshift: float | None
) -> Box:
    """Read a density grid that comes without a description, as a box of unstated cosmology.

    Parameters
    ----------
    path
        A ``.npy`` array, or an HDF5 file (``.h5``, ``.hdf5``), of rho/mean on a periodic grid.
    dataset
        The name of the dataset inside an HDF5 file.
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
    if not path.is_file():
        raise BoxError(f"no density file {path}; check the path")
    array = _read_npy(path, dataset) if path.suffix == ".npy" else _read_hdf5(path, dataset)
    with np.errstate(invalid="ignore", over="ignore"):  # check_box tells of what is not finite
        mean = float(array.mean(dtype=np.float64))
        density = np.ascontiguousarray(array, dtype=np.float32)
    if density.min() < 0 and abs(mean) < _OVERDENSITY_MEAN:
        raise BoxError(
            f"{path} has mean {mean:.2g} and negative values, so it looks like an overdensity; "
            "add 1 to make it a density in units of the mean"
        )
    box = Box(
        voxel_size=voxel_size,
        redshift=redshift,
        cosmology=None,
        density=density,
        provenance={"density_file": path.name, "density_scheme": "unknown"},
    )
    check_box(box, f"density file {path}")
    return box


def _read_npy(path: Path, dataset: str | None) -> NDArray[Any]:
    if dataset is not None:
        raise BoxError(f"{path} holds one array and no dataset {dataset!r}; leave --dataset out")
    try:
        # Mapped, so that a header that promises more than the file holds allocates nothing.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise BoxError(f"{path} is not a plain numeric .npy array: {_line(error)}") from error
    _check_grid(array, str(path))
    return array


def _read_hdf5(path: Path, dataset: str | None) -> NDArray[Any]:
    try:
        with h5py.File(path, "r") as file:
            names = _datasets(file)
            if dataset is None:
                raise BoxError(f"say which dataset of {path} is the density with --dataset{names}")
            entry = file.get(dataset)
            if not isinstance(entry, h5py.Dataset):
                raise BoxError(f"{path} has no dataset {dataset!r}; choose with --dataset{names}")
            _check_grid(entry, f"{dataset} in {path}")
            return np.asarray(entry[...])
    except (OSError, KeyError, RuntimeError) as error:
        raise BoxError(
            f"{path} is not a readable .npy or HDF5 file: {_line(error)}; check or re-make it"
        ) from error


def _datasets(file: Any) -> str:
    names: list[str] = []
    file.visititems(
        lambda name, entry: (
            names.append(name) if isinstance(entry, h5py.Dataset) and entry.ndim == 3 else None
        )
    )
    return f" (it holds {', '.join(names[:8])})" if names else " (it holds no 3D dataset)"


def _check_grid(array: Any, name: str) -> None:
    """Refuse an array or dataset that is not a grid of numbers, before it is read."""
    if array.dtype.kind not in "fiu" or array.ndim != 3 or 0 in array.shape:
        raise BoxError(
            f"{name} is {array.dtype} of shape {array.shape}; a density is a grid of numbers "
            "(nx, ny, nz)"
        )


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
