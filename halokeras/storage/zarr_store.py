"""Zarr groups, which many processes of a cluster read and write chunk by chunk."""

import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.errors import BoxError, install
from halokeras.storage.checksums import promise
from halokeras.storage.durable import sync, sync_tree
from halokeras.storage.store import MOST_ARRAYS, Layout, Store
from halokeras.storage.unreadable import reading

SUFFIX = ".zarr"
MARK = "zarr.json"
"""What every group that we write holds."""
_MARKS = (MARK, ".zgroup", ".zarray")
_ANY_SIZE = 2**26
_DENSEST = 10_000
"""An array above the one [bytes] is stored in no less than its size over the other."""
_DEEPEST = 3
"""Groups within groups, of which arrays are listed."""


class ZarrStore(Store):
    """An open Zarr group, or an array in no group, of unknown origin."""

    def contents(self) -> dict[str, Layout]:
        """Return the arrays in the group and the groups in it."""
        if not hasattr(self.root, "members"):
            return {"": Layout(self.root.shape, self.root.dtype)}
        with reading(self.name), _quiet():
            members = self.root.members(max_depth=_DEEPEST)[:MOST_ARRAYS]
            return {
                name: Layout(entry.shape, entry.dtype)
                for name, entry in members
                if hasattr(entry, "chunks")
            }

    def find(self, name: str) -> Any | None:
        """Return Zarr's array of that name, or None."""
        if not hasattr(self.root, "members"):
            return None if name else self.root
        with _quiet():
            entry = self.root.get(name) if name else None
        return entry if hasattr(entry, "chunks") else None

    def _problem(self, found: Any) -> str | None:
        chunk = prod(getattr(found, "shards", None) or found.chunks)
        promised = found.dtype.itemsize * max(prod(found.shape), chunk)
        held = found.nbytes_stored()
        if promised > max(_ANY_SIZE, _DENSEST * held):
            return f"is promised as {promised:,} bytes and {held:,} are stored"
        return None


def is_zarr(path: Path) -> bool:
    """Whether a path is a folder that is a Zarr group or array, or is named as one."""
    return path.is_dir() and (
        path.suffix == SUFFIX or any((path / mark).is_file() for mark in _MARKS)
    )


@contextmanager
def opened(path: Path, name: str) -> Iterator[ZarrStore]:
    """Open a Zarr group or array to read, or raise `BoxError`, also where Zarr is missing."""
    zarr = _zarr(name)
    try:
        with reading(name), _quiet():
            root = zarr.open(str(path), mode="r")
    except BoxError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise BoxError(f"{name} is no Zarr group or array; check the path") from error
        raise
    yield ZarrStore(root, name)


def new_group(path: Path) -> Any:
    """Make a Zarr group."""
    return _zarr(str(path)).open_group(str(path), mode="w")


def create_group(root: Any, name: str) -> None:
    """Make a group in a group."""
    root.create_group(name)


def create_array(root: Any, name: str, layout: Layout) -> Any:
    """Make an array."""
    chunks = layout.chunks or "auto"
    return root.create_array(name, shape=layout.shape, chunks=chunks, dtype=np.dtype(layout.dtype))


def begin(path: Path, attributes: Mapping[str, Any], layouts: Mapping[str, Layout]) -> None:
    """Make a group of some arrays in place of what is there."""
    if path.exists():
        shutil.rmtree(path)
    root = new_group(path)
    root.attrs.update(attributes)
    for name, layout in layouts.items():
        create_array(root, name, layout)
    promise(root, layouts)


@contextmanager
def resumed(path: Path) -> Iterator[ZarrStore]:
    """Open what `begin` made, to write; raise `BoxError` if it is damaged."""
    for cut_off in path.rglob("*.partial"):  # chunks that a killed process was writing
        cut_off.unlink()
    zarr = _zarr(str(path))
    with reading(str(path)):
        root = zarr.open_group(str(path), mode="r+")
    yield ZarrStore(root, str(path))


def joined(path: Path) -> Any:
    """Open what `begin` made, to write beside others that do."""
    zarr = _zarr(str(path))
    with reading(str(path)):
        return zarr.open_group(str(path), mode="r+")


def sync_part(array: Any, folder: Path, place: Sequence[slice]) -> None:
    """Have the chunks of a part of an array, which lies in a folder, survive the machine.

    Parameters
    ----------
    array
        Zarr's.
    folder
        Of it.
    place
        The part along its first axes, whole along the others.
    """
    whole = [*place, *(slice(0, length) for length in array.shape[len(place) :])]
    cut = zip(whole, array.chunks, strict=True)
    numbers = product(*(range(part.start // side, -(-part.stop // side)) for part, side in cut))
    folders = {folder}
    for chunk in numbers:
        file = folder / array.metadata.encode_chunk_key(chunk)
        if file.exists():  # of zeros alone there is none
            sync(file)
            folders.update(parent for parent in file.parents if folder in parent.parents)
    for one in folders:
        sync(one)


def flush(root: Any, path: Path, since: int) -> None:
    """Have what was written since then [ns] survive the machine."""
    sync_tree(path, since)


def _zarr(name: str) -> Any:
    try:
        import zarr
    except ImportError as error:
        raise BoxError(f"{name} needs Zarr; {install('cluster')}") from error
    return zarr


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Zarr from warning of what is refused here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
