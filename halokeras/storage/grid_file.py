"""A grid of numbers in a file that does not describe it: NumPy, HDF5 or Zarr, left on disk."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage import zarr_store
from halokeras.storage.grid import Grid
from halokeras.storage.hdf5 import check_stored
from halokeras.storage.unreadable import UNREADABLE


def open_numbers(
    path: Path, dataset: str | None, option: str = "--dataset"
) -> AbstractContextManager[Grid]:
    """Open a grid of numbers, without a look at its values.

    Parameters
    ----------
    path
        A ``.npy`` array, an HDF5 file or a Zarr group (``.zarr``).
    dataset
        The name of the dataset inside an HDF5 file or Zarr group.
    option
        What names the dataset on the command line, for messages.

    Raises
    ------
    BoxError
        If the file cannot be read or holds no three-dimensional grid of that name.
    """
    if not path.exists():
        raise BoxError(f"no density file {path}; check the path")
    openers = {".npy": _open_npy, zarr_store.SUFFIX: _open_zarr}
    return openers.get(path.suffix, _open_hdf5)(path, dataset, option)


def mapped(path: Path) -> NDArray[Any]:
    """Map a ``.npy`` array: a header that promises more than the file holds allocates nothing.

    Raises
    ------
    BoxError
        If it is no such file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of headers that it then refuses
            array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except UNREADABLE as error:
        raise BoxError(
            f"{path} cannot be read as a plain numeric .npy array: {_line(error)}"
        ) from error
    return array


@contextmanager
def _open_npy(path: Path, dataset: str | None, option: str) -> Iterator[Grid]:
    if dataset is not None:
        raise BoxError(f"{path} holds one array and no dataset {dataset!r}; leave {option} out")
    array = mapped(path)
    _check_numbers(array, str(path))
    yield array


@contextmanager
def _open_zarr(path: Path, dataset: str | None, option: str) -> Iterator[Grid]:
    group = zarr_store.open_group(path)
    entry = None if dataset is None else zarr_store.open_array(group, dataset, path)
    if entry is None:
        names = ", ".join(zarr_store.array_names(group)[:8])
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
            _check_numbers(entry, f"{dataset} in {path}")
            check_stored(entry, f"{dataset} in {path}")
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
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
    if array.dtype.kind not in "fiu" or array.shape is None or array.ndim != 3 or 0 in array.shape:
        raise BoxError(
            f"{name} is {array.dtype} of shape {array.shape}; a density is a grid of numbers "
            "(nx, ny, nz)"
        )


def _unreadable(path: Path, error: Exception) -> BoxError:
    return BoxError(
        f"{path} is not a readable .npy or HDF5 file: {_line(error)}; check or re-make it"
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
