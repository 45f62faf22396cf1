"""A painted file that is written over minutes or days: killed half-way, it can be gone on with.

Until it is whole the file lies beside its target in a hidden folder, with a journal that says
how many rows of tiles are safely on the disk. All space is taken and the structure of the file
is on the disk before the first row; rows only overwrite values, so no moment leaves it unreadable.
The folder is held by the process that paints, so that two of them never write the same file. An
array that is packed in HDF5 is plain until the end and then written anew, in a whole file.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.boxes.box_file import Header, header_attributes
from halokeras.errors import BoxError, ModelError, OutputError
from halokeras.fields.gridding import Shape
from halokeras.painting.tiles import cover
from halokeras.storage.files import (
    Locked,
    locked,
    remove_abandoned,
    sync,
    take,
    unwritable,
    write_text,
)
from halokeras.storage.grid import slabs
from halokeras.storage.store import Layout, packed
from halokeras.storage.stores import (
    UnfinishedStore,
    begin_store,
    check_replaceable_store,
    new_store,
    packs_later,
    resumed_store,
)

_SECONDS_BETWEEN_COMMITS = 2.0


COUNTS, COUNTS_BY_MASS = "counts", "counts_by_mass"
"""The arrays of a painted file."""


class PartialCounts:
    """The counts of a painted file that is not whole yet.

    Attributes
    ----------
    counts
        The array, to be filled row by row.
    by_mass
        That of the halos in each bin of mass, or None where there is none.
    done
        Rows that an earlier process has filled.
    """

    def __init__(self, store: UnfinishedStore, journal: Path, done: int, identity: str):
        self.counts = store.arrays[COUNTS]
        self.by_mass = store.arrays.get(COUNTS_BY_MASS)
        self.done = done
        self._store, self._journal, self._identity = store, journal, identity
        self._committed = time.monotonic()

    def commit(self, done: int) -> None:
        """Note that `done` rows are filled; at most every two seconds, as it waits for the disk."""
        if time.monotonic() - self._committed < _SECONDS_BETWEEN_COMMITS:
            return
        self._store.flush()
        write_text(self._journal, json.dumps({"identity": self._identity, "rows": done}))
        self._committed = time.monotonic()


@contextmanager
def partial_counts(
    target: Path,
    header: Header,
    layouts: Mapping[str, Layout],
    identity: str,
    tile: Shape,
) -> Iterator[PartialCounts]:
    """Begin a painted file, or go on with one; it takes its name once the block has filled it.

    Parameters
    ----------
    target
        The box file to write; missing parent folders are made.
    header
        Of the box.
    layouts
        Of `COUNTS`, and of `COUNTS_BY_MASS` where it holds them.
    identity
        Of what is painted, by what: an earlier part of another identity is refused.
    tile
        Of the painting.

    Raises
    ------
    OutputError
        If the folder or file cannot be written, another process writes it, or an earlier part is
        of another painting or damaged.
    """
    part, journal = partial_paths(target)
    check_replaceable_store(target)
    with ExitStack() as holding:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(target.parent)
            holding.enter_context(locked(part.parent))
            x, y, z = layouts[COUNTS].shape
            done = _rows_done(part, journal, identity, len(cover((x, y, z), tile)))
            told = header_attributes(header, (x, y, z))
            if not done:
                begin_store(part, told, layouts)
            with _opened(part, layouts) as store:
                yield PartialCounts(store, journal, done, identity)
                if packs_later(target, layouts):
                    _pack(store, target, told, layouts)
                else:
                    store.seal()
            if not packs_later(target, layouts):
                take(part, target)
            shutil.rmtree(part.parent)
            sync(target.parent)
        except Locked:
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


@contextmanager
def _opened(part: Path, layouts: Mapping[str, Layout]) -> Iterator[UnfinishedStore]:
    """Open what an earlier process has begun, or refuse it if it was damaged since."""
    damaged = OutputError(f"{part} is damaged; remove {part.parent} to start over")
    with ExitStack() as opened:
        try:
            store = opened.enter_context(resumed_store(part, layouts))
        except BoxError as error:
            raise damaged from error
        wanted = {name: Layout(one.shape, np.dtype(one.dtype)) for name, one in layouts.items()}
        if store.layouts != wanted:
            raise damaged
        yield store


def _pack(
    store: UnfinishedStore, target: Path, told: Mapping[str, Any], layouts: Mapping[str, Layout]
) -> None:
    """Write what is filled anew, whole and sealed, with what is to be packed."""
    kept = {name: packed(one) if one.packed else one for name, one in layouts.items()}
    with new_store(target, told, kept) as create:
        for name, array in store.arrays.items():
            made, start = create(name), 0
            for slab in slabs(array):
                made[start : start + len(slab)] = slab
                start += len(slab)
