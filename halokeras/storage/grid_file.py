"""A grid of numbers in a file that does not describe it: NumPy, HDF5 or Zarr."""

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.store import NUMBERS, Store
from halokeras.storage.stores import open_store
from halokeras.storage.unreadable import UNREADABLE, reading, refuse_pipe

_NAMED = 8
"""Arrays of a file that are named in a message."""


@contextmanager
def open_numbers(path: Path, dataset: str | None, option: str = "--dataset") -> Iterator[Grid]:
    """Open a grid of numbers, left on disk but for that of a ``.npz`` file.

    Parameters
    ----------
    path
        A ``.npy`` or ``.npz`` file, an HDF5 file, a Zarr group (``.zarr``) or an array in none.
    dataset
        The name of the array, where the file holds several.
    option
        What names the dataset on the command line, for messages.

    Raises
    ------
    BoxError
        If the file cannot be read or holds no three-dimensional grid of that name.
    """
    if not path.exists():
        raise BoxError(f"no density file {path}; check the path")
    refuse_pipe(path)
    if path.suffix == ".npy":
        if dataset is not None:
            raise BoxError(f"{path} holds one array and no dataset {dataset!r}; leave {option} out")
        array = mapped(path)
        _check_numbers(array.shape, array.dtype, str(path))
        yield array
    elif path.suffix == ".npz":
        yield _archived(path, dataset, option)
    else:
        with open_store(path, str(path)) as store:
            yield _stored(store, dataset, option)


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
            array: NDArray[Any] = npy.open_memmap(path, mode="r")
    except UNREADABLE as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise BoxError(
            f"{path} cannot be read as a plain numeric .npy array ({reason}); it may be truncated "
            "or of another kind: fetch or write it again"
        ) from error
    return array


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, whether columns come first, and type of an array, up to its values."""
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    if version in ((2, 0), (3, 0)):
        return npy.read_array_header_2_0(stream)
    raise ValueError(f"an array is of version {version} of the .npy format")


def _archived(path: Path, dataset: str | None, option: str) -> NDArray[Any]:
    """Read an array of a ``.npz`` file whole, by default the only one."""
    with reading(str(path)), zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if dataset is None and len(members) == 1:
            (dataset,) = members
        if dataset not in members:
            raise _unknown(str(path), dataset, list(members), option)
        name = f"{dataset} in {path}"
        with archive.open(members[dataset]) as stream:
            shape, by_column, dtype = npy_header(stream)
            _check_numbers(shape, dtype, name)
            size = prod(shape) * dtype.itemsize
            refuse_beyond_memory(size, name, "save it as .npy, of which parts can be read")
            values = stream.read(size + 1)  # to the end, where the checksum is
        if len(values) != size:
            raise ValueError(f"{dataset} does not have the {size:,} bytes that it promises")
        return np.frombuffer(values, dtype).reshape(shape, order="F" if by_column else "C")


def _stored(store: Store, dataset: str | None, option: str) -> Grid:
    array = store.array(dataset.strip("/") if dataset else "")
    if array is None:
        grids = [name for name, one in store.contents().items() if len(one.shape) == 3]
        if dataset is None and len(grids) == 1:
            array = store.array(grids[0])
        if array is None:
            raise _unknown(store.name, dataset, grids, option)
    _check_numbers(array.shape, array.dtype, array.name)
    return array


def _unknown(name: str, dataset: str | None, known: list[str], option: str) -> BoxError:
    if not known:
        return BoxError(f"{name} holds no 3D dataset, as a density is; check the path")
    listed = f"it holds {', '.join(known[:_NAMED])}"
    if dataset is None:
        return BoxError(f"say which dataset of {name} is the density with {option} ({listed})")
    return BoxError(f"{name} has no dataset {dataset!r}; choose with {option} ({listed})")


def _check_numbers(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    """Refuse an array that is not a grid of numbers, before it is read."""
    if dtype.kind not in NUMBERS or len(shape) != 3 or 0 in shape:
        raise BoxError(
            f"{name} is {dtype} of shape {shape}; a density is a grid of real numbers (nx, ny, nz)"
        )
