"""What is read from HDF5 files of unknown origin: plain values, and arrays in the file itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.memory import available_memory
from halokeras.errors import BoxError


def plain(value: Any, name: str, path: Path) -> Any:
    """Give attribute `name` as text, a number or, for ``box_size``, an array of numbers.

    Raises
    ------
    BoxError
        If it is anything else.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str | int | float):
        return value
    if name == "box_size" and isinstance(value, list):
        value = np.array(value)
    if name == "box_size" and isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value
    raise BoxError(f"box file {path}: attribute {name} is neither text nor number; remove it")


def number(attributes: Mapping[str, Any], name: str, path: Path) -> float:
    """Give attribute `name` as a number, or raise `BoxError` where it is missing or none."""
    value = attributes.get(name)
    if not isinstance(value, int | float):
        raise BoxError(f"box file {path}: attribute {name} is missing or not a number; add it")
    return float(value)


def dataset(file: h5py.File, name: str, path: Path, kinds: str) -> h5py.Dataset | None:
    """Give a dataset of real numbers, not yet read, or None where there is none of that name.

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
        If it is a link, lies outside the file or is of another kind.
    """
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
    if stored.dtype.kind not in kinds:
        raise BoxError(
            f"box file {path}: {name} has type {stored.dtype}; it must hold real numbers"
        )
    return stored


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
