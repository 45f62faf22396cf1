"""A painted file that is written over minutes or days: killed half-way, it can be gone on with.

Until it is whole the file lies beside its target under a hidden name, with a journal that says
how many rows of tiles are safely on the disk. All space is taken and the structure of the file
is on the disk before the first row; rows only overwrite values, so no moment leaves it unreadable.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from halokeras.boxes import zarr_store
from halokeras.boxes.box_file import Header, write_header
from halokeras.boxes.gridding import Shape
from halokeras.errors import ModelError, OutputError
from halokeras.files import sync, unwritable, write_text
from halokeras.painting.tiles import WritableGrid

_SECONDS_BETWEEN_COMMITS = 2.0


class PartialCounts:
    """The counts of a painted file that is not whole yet.

    Attributes
    ----------
    counts
        The dataset, to be filled row by row.
    done
        Rows that an earlier process has filled.
    """

    def __init__(self, store: Any, path: Path, journal: Path, done: int, identity: str):
        self.counts: WritableGrid = store["counts"]
        self.done = done
        self._store, self._path, self._journal, self._identity = store, path, journal, identity
        self._committed = time.monotonic()

    def commit(self, done: int) -> None:
        """Note that `done` rows are filled; at most every two seconds, as it waits for the disk."""
        if time.monotonic() - self._committed < _SECONDS_BETWEEN_COMMITS:
            return
        self.flush()
        write_text(self._journal, json.dumps({"identity": self._identity, "rows": done}))
        self._committed = time.monotonic()

    def flush(self) -> None:
        """Have what was written survive this process; of an HDF5 file, the machine too."""
        if isinstance(self._store, h5py.File):
            self._store.flush()
            sync(self._path)


@contextmanager
def partial_counts(
    target: Path,
    header: Header,
    shape: Shape,
    dtype: type[np.generic],
    identity: str,
    tile: Shape,
) -> Iterator[PartialCounts]:
    """Begin a painted file, or go on with one; it takes its name once the block has filled it.

    Parameters
    ----------
    target
        The HDF5 file or, if it ends in ``.zarr``, the Zarr group to write; missing parent folders
        are made.
    header, shape, dtype
        Of the counts.
    identity
        Of what is painted, by what: an earlier part of another identity is refused.
    tile
        Of the painting; the chunks of a Zarr group.

    Raises
    ------
    OutputError
        If the folder or file cannot be written, another process writes it, or an earlier part is
        of another painting or damaged.
    """
    part, journal = partial_paths(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = _rows_done(part, journal, identity)
        if not done:
            _create(part, target, header, shape, dtype, tile)
        with _opened(part, target) as store:
            partial = PartialCounts(store, part, journal, done, identity)
            yield partial
            partial.flush()
        if target.is_dir():
            shutil.rmtree(target)
        part.replace(target)
        journal.unlink(missing_ok=True)
        sync(target.parent)
    except ModelError:
        _remove(part)
        journal.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise unwritable(target, error) from error


def partial_paths(target: Path) -> tuple[Path, Path]:
    """Give where the unfinished file and its journal lie."""
    return target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.journal")


def _rows_done(part: Path, journal: Path, identity: str) -> int:
    if not (part.exists() and journal.exists()):
        return 0
    try:
        told: dict[str, Any] = json.loads(journal.read_text(encoding="utf-8"))
        found, rows = str(told["identity"]), int(told["rows"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{journal} does not tell how far the painting got; remove it and {part.name} to "
            "start over"
        ) from error
    if found != identity:
        raise OutputError(
            f"{part} was begun on another density, with another painter or another seed; finish "
            f"that, or remove it and {journal.name} to start over"
        )
    return rows


def _create(
    part: Path, target: Path, header: Header, shape: Shape, dtype: type[np.generic], tile: Shape
) -> None:
    if target.suffix == zarr_store.SUFFIX:
        _remove(part)
        group = zarr_store.open_group(part, "w")
        write_header(group, header, shape)
        group.create_array("counts", shape=shape, chunks=tile, dtype=np.dtype(dtype))
        return
    if part.exists():
        with _opened(part, target):  # refuses one that another process is writing
            pass
    try:
        _create_hdf5(part, header, shape, dtype)
        _reserve(part)
    except (OSError, RuntimeError) as error:  # HDF5 tells of a full disk in either
        _remove(part)
        raise unwritable(target, error) from error
    sync(part)
    sync(part.parent)


def _create_hdf5(part: Path, header: Header, shape: Shape, dtype: type[np.generic]) -> None:
    with h5py.File(part, "w") as file:
        write_header(file, header, shape)
        space = h5py.h5s.create_simple(shape)
        kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        h5py.h5d.create(file.id, b"counts", kind, space, properties)


def _reserve(part: Path) -> None:
    """Take the space on the disk now, where the system can, rather than row by row."""
    if hasattr(os, "posix_fallocate"):
        with part.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, part.stat().st_size)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _opened(part: Path, target: Path) -> AbstractContextManager[Any]:
    if target.suffix == zarr_store.SUFFIX:
        return nullcontext(zarr_store.open_group(part, "r+"))
    try:
        file: AbstractContextManager[Any] = h5py.File(part, "r+")
        return file
    except OSError as error:
        if isinstance(error, BlockingIOError) or "lock" in str(error):
            raise OutputError(
                f"another process is writing {target}; wait for it, or choose another --output"
            ) from error
        raise OutputError(f"{part} is damaged; remove it and its .journal to start over") from error
