"""A painted file that is written over minutes or days: killed half-way, it can be gone on with.

Until it is whole the file lies beside its target in a hidden folder, with a journal that says
how many rows of tiles are safely on the disk. All space is taken and the structure of the file
is on the disk before the first row; rows only overwrite values, so no moment leaves it unreadable.
The folder is held by the process that paints, so that two of them never write the same file.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from halokeras.boxes.box_file import Header, write_header
from halokeras.errors import ModelError, OutputError
from halokeras.fields.gridding import Shape
from halokeras.painting.tiles import WritableGrid, cover
from halokeras.storage import zarr_store
from halokeras.storage.checksums import OLDER, new_file, promise, seal, stored_bytes
from halokeras.storage.files import (
    Held,
    check_replaceable,
    held,
    remove_abandoned,
    swap,
    sync,
    sync_tree,
    unwritable,
    write_text,
)
from halokeras.storage.unreadable import UNREADABLE

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
        self._synced = 0

    def commit(self, done: int) -> None:
        """Note that `done` rows are filled; at most every two seconds, as it waits for the disk."""
        if time.monotonic() - self._committed < _SECONDS_BETWEEN_COMMITS:
            return
        self.flush()
        write_text(self._journal, json.dumps({"identity": self._identity, "rows": done}))
        self._committed = time.monotonic()

    def flush(self) -> None:
        """Have what was written survive this process and the machine."""
        if isinstance(self._store, h5py.File):
            self._store.flush()
            sync(self._path)
        else:
            sync_tree(self._path, self._synced)
            self._synced = time.time_ns()

    def seal(self) -> None:
        """Write the checksum of the counts, all of which are there."""
        seal(self._store)
        self.flush()


@contextmanager
def partial_counts(
    target: Path,
    header: Header,
    shape: tuple[int, ...],
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
    if target.suffix == zarr_store.SUFFIX:
        check_replaceable(target, "zarr.json", "Zarr group")
    with ExitStack() as holding:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(target.parent)
            holding.enter_context(held(part.parent))
            done = _rows_done(part, journal, identity, len(cover(_box(shape), tile)))
            if not done:
                _create(part, header, shape, dtype, tile)
            with _opened(part) as store:
                _check_counts(store, part, shape, dtype)
                partial = PartialCounts(store, part, journal, done, identity)
                yield partial
                partial.seal()
            if target.is_dir() and target.suffix == zarr_store.SUFFIX:
                swap(part, target)
            else:
                part.replace(target)
            shutil.rmtree(part.parent)
            sync(target.parent)
        except Held:
            raise OutputError(
                f"another process is writing {target}; wait for it, or choose another --output"
            ) from None
        except ModelError:
            shutil.rmtree(part.parent, ignore_errors=True)
            raise
        except (OSError, RuntimeError) as error:  # HDF5 tells of a full disk in either
            _forget_beginning(part, journal)
            raise unwritable(target, error) from error
        except BaseException:
            _forget_beginning(part, journal)
            raise


def partial_paths(target: Path) -> tuple[Path, Path]:
    """Return where the unfinished file and its journal lie, in a folder of their own."""
    folder = target.with_name(f".{target.name}.part")
    return folder / target.name, folder / "journal.json"


def _forget_beginning(part: Path, journal: Path) -> None:
    """Remove what no journal tells how to go on with."""
    if not journal.exists():
        shutil.rmtree(part.parent, ignore_errors=True)


def _rows_done(part: Path, journal: Path, identity: str, rows: int) -> int:
    if not (part.exists() and journal.exists()):
        return 0
    try:
        told: dict[str, Any] = json.loads(journal.read_text(encoding="utf-8"))
        found, done = str(told["identity"]), told["rows"]
        if not isinstance(done, int) or not 0 <= done <= rows:
            raise ValueError(f"{rows} rows are painted in all")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError(
            f"{journal} does not tell how far the painting got; remove {part.parent} to start over"
        ) from error
    if found != identity:
        raise OutputError(
            f"{part} was begun on another density, with another painter or another seed; finish "
            f"that, or remove {part.parent} to start over"
        )
    return done


def _check_counts(store: Any, part: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    """Refuse what an earlier process has begun if it was damaged since."""
    try:
        as_begun = store["counts"].shape == shape and store["counts"].dtype == dtype
    except UNREADABLE:
        as_begun = False
    if not as_begun:
        raise OutputError(f"{part} is damaged; remove {part.parent} to start over")


def _create(
    part: Path, header: Header, shape: tuple[int, ...], dtype: type[np.generic], tile: Shape
) -> None:
    if part.suffix == zarr_store.SUFFIX:
        if part.exists():
            shutil.rmtree(part)
        group = zarr_store.open_group(part, "w")
        write_header(group, header, _box(shape))
        chunks = (*tile, *shape[3:])
        group.create_array("counts", shape=shape, chunks=chunks, dtype=np.dtype(dtype))
        promise(group, ["counts"])
        return
    _create_hdf5(part, header, shape, dtype)
    sync(part)
    sync(part.parent)


def _create_hdf5(
    part: Path, header: Header, shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    with new_file(part, stored_bytes(shape, dtype), OLDER) as file:
        write_header(file, header, _box(shape))
        promise(file, ["counts"])
        space = h5py.h5s.create_simple(shape)
        kind = h5py.h5t.py_create(np.dtype(dtype), logical=True)
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        properties.set_obj_track_times(False)
        h5py.h5d.create(file.id, b"counts", kind, space, properties)


def _box(shape: tuple[int, ...]) -> Shape:
    """Return the voxels of counts, whose channels, if several, are the last axis."""
    return shape[0], shape[1], shape[2]


def _opened(part: Path) -> AbstractContextManager[Any]:
    if part.suffix == zarr_store.SUFFIX:
        for cut_off in part.rglob("*.partial"):  # chunks that a killed process was writing
            cut_off.unlink()
        return nullcontext(zarr_store.open_group(part, "r+"))
    try:
        file: AbstractContextManager[Any] = h5py.File(part, "r+")
        return file
    except OSError as error:
        raise OutputError(f"{part} is damaged; remove {part.parent} to start over") from error
