"""Zarr groups, which many processes of a cluster read and write chunk by chunk."""

import warnings
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.errors import BoxError, install
from halokeras.storage.unreadable import UNREADABLE, unreadable

SUFFIX = ".zarr"
_ANY_SIZE = 2**26
_DENSEST = 10_000
"""An array above the one [bytes] is stored in no less than its size over the other."""


class StoredArray:
    """An array of real numbers in a group; damage to its chunks is a `BoxError`.

    Parameters
    ----------
    array
        Zarr's.
    name
        Of the array, for messages.
    """

    def __init__(self, array: Any, name: str) -> None:
        self._array, self.name = array, name
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype[Any] = array.dtype
        self.ndim = len(self.shape)
        self.nbytes: int = self.dtype.itemsize * prod(self.shape)

    def __getitem__(self, place: Any) -> Any:
        try:
            return self._array[place]
        except UNREADABLE as error:
            raise unreadable(self.name, error) from error


def open_group(path: Path, mode: str = "r") -> Any:
    """Open a Zarr group in a folder, or raise `BoxError` if there is none or Zarr is missing."""
    try:
        import zarr
    except ImportError as error:
        raise BoxError(f"{path} needs Zarr; {install('cluster')}") from error
    try:
        return zarr.open_group(str(path), mode=mode)
    except UNREADABLE as error:
        told = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise BoxError(f"{path} cannot be read as a Zarr group ({told}); check the path") from error


def open_array(group: Any, name: str, path: Path) -> StoredArray | None:
    """Return an array of real numbers of the group at `path`, or None where there is none.

    Raises
    ------
    BoxError
        If it cannot be read, or promises far more than is stored: reading it would not end.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr warns of what is refused here
            entry = group.get(name)
        if not hasattr(entry, "chunks") or entry.dtype.kind not in "fiu":
            return None
        found = StoredArray(entry, f"{name} in {path}")
        chunk = prod(getattr(entry, "shards", None) or entry.chunks)
        promised = max(found.nbytes, chunk * found.dtype.itemsize)
        held = entry.nbytes_stored()
    except UNREADABLE as error:
        raise unreadable(f"{name} in {path}", error) from error
    if promised > max(_ANY_SIZE, _DENSEST * held):
        raise BoxError(
            f"{name} in {path} is promised as {promised:,} bytes and {held:,} are stored; write it "
            "again"
        )
    return found


def array_names(group: Any) -> list[str]:
    """Return the names of a group's arrays, for a message."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(group.array_keys())
    except UNREADABLE:
        return []
