"""What is read from HDF5 files of unknown origin: plain values, and arrays in the file itself."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage.memory import available_memory
from halokeras.storage.unreadable import UNREADABLE, unreadable

_DENSEST = 1100
"""Bytes that a byte of a compressed HDF5 file can hold at most."""


def plain(value: Any, name: str, path: Path) -> Any:
    """Return attribute `name` as text, a number or, for ``box_size``, an array of numbers.

    Raises
    ------
    BoxError
        If it is anything else.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        value = float(value) if isinstance(value, np.floating) else value.item()
    if isinstance(value, str | int | float):
        return value
    if name == "box_size" and isinstance(value, list):
        value = np.array(value)
    if name == "box_size" and isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value
    raise BoxError(f"box file {path}: attribute {name} is neither text nor number; remove it")


def number(attributes: Mapping[str, Any], name: str, path: Path) -> float:
    """Return attribute `name` as a number, or raise `BoxError` where it is missing or none."""
    value = attributes.get(name)
    if not isinstance(value, int | float):
        raise BoxError(f"box file {path}: attribute {name} is missing or not a number; add it")
    return float(value)


def dataset(file: h5py.File, name: str, path: Path, kinds: str) -> h5py.Dataset | None:
    """Return a dataset of real numbers, not yet read, or None where there is none of that name.

    Parameters
    ----------
    file, path
        The open file, and its path for messages.
    name
        Of the dataset, groups before it divided by slashes.
    kinds
        Letters of the numpy kinds that are accepted: ``f``, ``i``, ``u``.

    Raises
    ------
    BoxError
        If it is a link, lies outside the file, is of another kind or promises more than the file
        can hold.
    """
    try:
        stored = _found(file, name, path)
        if stored is not None and stored.dtype.kind not in kinds:
            raise BoxError(
                f"box file {path}: {name} has type {stored.dtype}; it must hold real numbers"
            )
        if stored is not None and stored.dtype.kind in "fiu":
            check_stored(stored, f"box file {path}: {name}")
    except UNREADABLE as error:
        raise unreadable(f"box file {path}", error) from error
    return stored


def _found(file: h5py.File, name: str, path: Path) -> h5py.Dataset | None:
    stored = file
    for part in name.split("/"):
        if not isinstance(stored, h5py.Group):
            raise BoxError(f"box file {path}: {name} is missing, its group is a dataset")
        link = stored.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise BoxError(f"box file {path}: {name} is a link; copy the data into the file")
        stored = stored[part]
    if not isinstance(stored, h5py.Dataset) or stored.is_virtual or stored.external:
        raise BoxError(f"box file {path}: {name} is not a dataset stored in the file itself")
    if not stored.shape:
        raise BoxError(f"box file {path}: {name} is no array; write its values")
    return stored


def check_stored(stored: h5py.Dataset, name: str) -> None:
    """Refuse a dataset that promises more than its file can hold: reading it would not end."""
    if stored.is_virtual:
        return
    held = stored.id.get_storage_size()
    promised = stored.dtype.itemsize * max(prod(stored.shape), prod(stored.chunks or ()))
    if promised > _DENSEST * held and (held or stored.size):
        raise BoxError(
            f"{name} is promised as {promised:,} bytes and {held:,} are stored; write it again"
        )


def load(stored: h5py.Dataset, path: Path) -> NDArray[Any]:
    """Read a dataset whole, or raise `BoxError` if it does not fit in memory."""
    available = available_memory()
    if available is not None and stored.nbytes > available:
        raise BoxError(
            f"box file {path}: {stored.name.lstrip('/')} of shape {stored.shape} needs "
            f"{stored.nbytes / 2**30:.1f} GiB of the {available / 2**30:.1f} GiB free; use a "
            "smaller box or a larger machine"
        )
    return np.asarray(stored[()])
