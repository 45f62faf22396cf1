"""A painted file that is written over minutes or days: killed half-way, it can be gone on with.

Until it is whole the file lies beside its target in a hidden folder, with a journal that says
how many rows of tiles are safely on the disk. All space is taken and the structure of the file
is on the disk before the first row; rows only overwrite values, so no moment leaves it unreadable.
The folder is held by the process that paints, so that two of them never write the same file. An
array that is packed in HDF5 is plain until the end and then written anew, in a whole file. Rows of
a Zarr group can be written by many processes, see `written_rows`, and need not be in order.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.boxes.box_file import Header, header_attributes
from halokeras.errors import BoxError, ModelError, OutputError
from halokeras.fields.gridding import Shape
from halokeras.painting.expected.written_rows import (
    COUNTS,
    COUNTS_BY_MASS,
    Filled,
    WrittenRow,
    notes_folder,
    told_of,
    written_rows,
)
from halokeras.painting.tiles import Place, cover, place_of
from halokeras.storage.checksums import sum_of_blocks
from halokeras.storage.durable import sync, take
from halokeras.storage.files import (
    check_writable,
    locked,
    remove_abandoned,
    unwritable,
    write_text,
)
from halokeras.storage.grid import WritableGrid, slabs, survey
from halokeras.storage.store import Layout, packed
from halokeras.storage.stores import (
    UnfinishedStore,
    begin_store,
    check_replaceable_store,
    new_store,
    packs_later,
    resumed_store,
    shares,
)

_SECONDS_BETWEEN_COMMITS = 2.0


class PartialCounts:
    """The counts of a painted file that is not whole yet.

    Attributes
    ----------
    path
        Where it lies until then.
    arrays
        To be filled, row by row: `COUNTS`, and `COUNTS_BY_MASS` where it holds them.
    missing
        Numbers of the rows that no earlier process has filled, in their order.
    shared
        Whether many processes can write it at once.
    written
        What workers have told of rows that they wrote, by number.
    """

    def __init__(
        self, store: UnfinishedStore, path: Path, done: int, identity: str, tile: Shape
    ) -> None:
        self.path, self.arrays, self.shared = path, store.arrays, shares(path)
        x, y, z = self.counts.shape
        self._places = [place_of(row, tile, (x, y, z)) for row in cover((x, y, z), tile)]
        rows = len(self._places)
        self.written = written_rows(path, rows, self.arrays) if self.shared else {}
        self.missing = [number for number in range(done, rows) if number not in self.written]
        self._store, self._identity, self._tile = store, identity, tile
        self._committed, self._filled_here = time.monotonic(), False

    @property
    def counts(self) -> WritableGrid:
        """The halos in each voxel."""
        return self.arrays[COUNTS]

    @property
    def by_mass(self) -> WritableGrid | None:
        """The halos in each bin of mass, or None where there is none."""
        return self.arrays.get(COUNTS_BY_MASS)

    def fill(self, place: Place, filled: Filled, rows_done: int) -> None:
        """Fill a row, after which the first `rows_done` rows are filled.

        That is committed at most every two seconds, as a commit waits for the disk.
        """
        for name, values in filled.items():
            self.arrays[name][place] = values
        self._filled_here = True
        if time.monotonic() - self._committed >= _SECONDS_BETWEEN_COMMITS:
            self.commit(rows_done)

    def commit(self, rows_done: int) -> None:
        """Flush the file to disk, and then write into the journal that so many rows are filled.

        A painting that is killed later goes on after the first `rows_done` rows.
        """
        self._store.flush()
        text = json.dumps({"identity": self._identity, "rows": rows_done})
        write_text(_journal(self.path), text)
        self._committed = time.monotonic()

    def mean(self) -> float:
        """Return the halos per voxel, of rows that workers wrote as they told."""
        if not self.shared:
            return survey(self.counts).mean
        return sum(row.halos for row in self._told) / prod(self.counts.shape)

    def check_seen(self) -> None:
        """Refuse to go on where this process does not see what workers wrote, as NFS can delay.

        Raises
        ------
        OutputError
            That says how to go on.
        """
        if self.shared and survey(self.counts).mean != self.mean():
            raise OutputError(
                f"not all that workers wrote into {self.path} is seen here yet; run the same "
                "command again, which goes on with it"
            )

    def seal(self) -> None:
        """Write the checksums of the arrays, all rows of which are filled."""
        if not self.shared:
            self._store.seal()
            return
        if self._filled_here:
            self._store.flush()
        self._store.seal_parts(
            {
                name: sum_of_blocks(
                    self._store.layouts[name].dtype,
                    array.shape,
                    (*self._tile[:2], *array.shape[2:]),
                    [row.sums[name] for row in self._told],
                )
                for name, array in self.arrays.items()
            }
        )

    @cached_property
    def _told(self) -> list[WrittenRow]:
        """Return what is told of all rows, of those that no worker wrote by reading them."""
        return [
            self.written.get(number)
            or told_of({name: np.asarray(array[place]) for name, array in self.arrays.items()})
            for number, place in enumerate(self._places)
        ]


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
        What the file tells of the box.
    layouts
        Shape, type and chunks of `COUNTS`, and of `COUNTS_BY_MASS` where the file holds them.
    identity
        Tells one painting from another, by what is painted and on what: an unfinished file of
        another identity is refused.
    tile
        Voxels of a tile along x, y, z.

    Raises
    ------
    OutputError
        If the folder or file cannot be written, another process writes it, or an earlier part is
        of another painting or damaged.
    """
    target = target.resolve()
    part, journal = partial_paths(target)
    check_replaceable_store(target)
    check_writable(target)
    remove_abandoned(target.parent)
    with locked(part.parent):
        try:
            x, y, z = layouts[COUNTS].shape
            done = _rows_done(part, journal, identity, len(cover((x, y, z), tile)))
            told = header_attributes(header, (x, y, z))
            if done is None:
                shutil.rmtree(notes_folder(part), ignore_errors=True)
                begin_store(part, told, layouts)
            with _opened(part, layouts) as store:
                partial = PartialCounts(store, part, done or 0, identity, tile)
                yield partial
                if packs_later(target, layouts):
                    _pack(store, target, told, layouts)
                else:
                    partial.seal()
            if not packs_later(target, layouts):
                take(part, target)
            # workers that were interrupted before may still write there, the same rows again
            shutil.rmtree(part.parent, ignore_errors=True)
            sync(target.parent)
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
    target = target.resolve()
    part = target.with_name(f".{target.name}.part") / target.name
    return part, _journal(part)


def _journal(part: Path) -> Path:
    return part.with_name("journal.json")


def _forget_beginning(part: Path, journal: Path) -> None:
    """Remove what no journal tells how to go on with."""
    if not journal.exists():
        shutil.rmtree(part.parent, ignore_errors=True)


def _rows_done(part: Path, journal: Path, identity: str, rows: int) -> int | None:
    """Return how many rows from the first on are filled, or None where nothing was begun."""
    if not (part.exists() and journal.exists()):
        return None
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
