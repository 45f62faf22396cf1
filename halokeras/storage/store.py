"""A box's arrays and attributes in a file: read lazily, with suspicion, and checked once.

`Store` is what HDF5 files and Zarr groups have in common; `stores` opens and makes them.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from halokeras.errors import BoxError, DamagedError
from halokeras.storage import checksums
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.unreadable import reading

NUMBERS = "fiu"
"""Kinds of numpy types that are real numbers."""
MOST_ARRAYS = 10_000
"""That are listed of a store."""
_PIECE = 2**20
"""Bytes of the pieces that arrays are packed in: as many as HDF5 keeps in memory."""


@dataclass(frozen=True)
class Layout:
    """An array that a store is to hold.

    Attributes
    ----------
    shape, dtype
        Of the array.
    chunks
        Sides of the pieces that it is stored in; None leaves them to the library.
    packed
        Whether it is compressed.
    """

    shape: tuple[int, ...]
    dtype: DTypeLike
    chunks: tuple[int, ...] | None = None
    packed: bool = False


def packed(layout: Layout) -> Layout:
    """Return the layout of an array that is packed in pieces of whole planes or rows.

    The libraries' own pieces take an eighth more.
    """
    rows, *others = layout.shape
    plane = prod(others) * np.dtype(layout.dtype).itemsize
    if plane > _PIECE:
        chunks = (1, max(1, _PIECE * others[0] // plane), *others[1:])
    else:
        chunks = (max(1, min(rows, _PIECE // max(1, plane))), *others)
    return replace(layout, chunks=chunks, packed=True)


class StoredArray:
    """An array in an open store, read only where it is asked for; damage is a `BoxError`.

    Parameters
    ----------
    array
        The library's.
    name
        What messages call it: the file and its name there.
    """

    def __init__(self, array: Any, name: str) -> None:
        self._array, self.name = array, name
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype[Any] = array.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, place: Any) -> Any:
        with reading(self.name):
            return self._array[place]

    def load(self) -> NDArray[Any]:
        """Read the whole array, or raise `BoxError` if it does not fit in memory."""
        need = float(np.prod(self.shape, dtype=np.float64)) * self.dtype.itemsize
        what = f"{self.name} of shape {self.shape}"
        refuse_beyond_memory(need, what, "use a smaller box or a larger machine")
        return np.asarray(self[...])


class Store(ABC):
    """An open HDF5 file or Zarr group.

    Parameters
    ----------
    root
        The library's.
    name
        What messages call it, such as ``box file boxes/box00_seed1.h5``.
    """

    def __init__(self, root: Any, name: str) -> None:
        self.root, self.name = root, name
        self._sums: Mapping[str, checksums.Sum] | None = None

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What the file tells of itself: text and numbers, and anything else as it is stored."""
        with reading(self.name):
            return {name: checksums.plain(value) for name, value in self.root.attrs.items()}

    def check_attributes(self) -> None:
        """Refuse attributes of a sealed file that are not those which were sealed."""
        if self.attributes.get("format_version") == checksums.SEALED_VERSION:
            self._sums = checksums.checked(self.attributes, self.name)

    def check_present(self, wanted: Collection[str], found: Collection[str]) -> None:
        """Refuse a sealed file that lacks one of the arrays `wanted` which it was sealed with.

        `check_attributes` goes before.
        """
        for name in self._sums or ():
            if name in wanted and name not in found:
                raise DamagedError(
                    f"{self.name} is damaged or was edited: {name} is missing; fetch or make it "
                    "again"
                )

    def check_values(self, arrays: Mapping[str, Grid]) -> None:
        """Refuse arrays, read whole, that are not those which were sealed; in any other file none.

        `check_attributes` goes before.
        """
        if self._sums is not None:
            checksums.check_arrays(self._sums, arrays, self.name)

    def array(self, name: str, kinds: str = NUMBERS) -> StoredArray | None:
        """Return an array, not yet read, or None where there is none of that name.

        Parameters
        ----------
        name
            Of the array, groups before it divided by slashes; empty for a Zarr array in no group.
        kinds
            Letters of the numpy kinds that are accepted: ``f``, ``i``, ``u``.

        Raises
        ------
        BoxError
            If it is of another kind, is a link, has its values in another file, is packed in a way
            that cannot be read here, or promises more than the file can hold.
        """
        with reading(self.name):
            found = self.find(name)
            if found is None:
                return None
            called = f"{self.name}: {name}" if name else self.name
            if found.dtype.kind not in kinds:
                raise BoxError(f"{called} has type {found.dtype}; it must hold real numbers")
            if not found.shape:
                raise BoxError(f"{called} is no array; write its values")
            problem = self._problem(found)
            if problem is not None:
                raise BoxError(f"{called} {problem}; write it again into one file")
            return StoredArray(found, called)

    @abstractmethod
    def contents(self) -> dict[str, Layout]:
        """Return the arrays in the store itself, no more than `MOST_ARRAYS`."""

    @abstractmethod
    def find(self, name: str) -> Any | None:
        """Return the library's array of that name, or None; refuse a link to one."""

    @abstractmethod
    def _problem(self, found: Any) -> str | None:
        """Say what forbids to read an array, if anything does."""
