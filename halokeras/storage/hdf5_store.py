"""HDF5 files: read with suspicion, and written whole, with checksums of their own.

They tell no time, so that the same data are the same bytes.
"""

import os
import shlex
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from halokeras.errors import BoxError
from halokeras.storage.checksums import promise
from halokeras.storage.durable import reserve, sync
from halokeras.storage.store import MOST_ARRAYS, Layout, Store
from halokeras.storage.unreadable import reading

MOST_STORED = 1100
"""Bytes that a byte of a compressed HDF5 file can hold at most."""
_HEAD = 4096  # bytes
_STRUCTURE = 2**15
"""Bytes that attributes and the structure of a file take at most."""
_V18: tuple[int, int] = (h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_V18)
"""The first with checksums of the structure; a killed writer leaves no mark in the file."""
_V110: tuple[int, int] = (h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
"""With checksums of the index of chunks too."""
_PACKED: Mapping[str, Any] = {"compression": "gzip", "shuffle": True, "fletcher32": True}
_CHECKED: Mapping[str, Any] = {"fletcher32": True}


class Hdf5Store(Store):
    """An open HDF5 file, of unknown origin."""

    def contents(self) -> dict[str, Layout]:
        """Return the datasets that no link leads to."""
        found: dict[str, Layout] = {}

        def note(name: str, entry: Any) -> bool | None:
            if isinstance(entry, h5py.Dataset):
                try:
                    found[name] = Layout(entry.shape or (), entry.dtype)
                except TypeError:  # of a type that numpy lacks
                    found[name] = Layout(entry.shape or (), "V1")
            return len(found) >= MOST_ARRAYS or None

        with reading(self.name):
            self.root.visititems(note)  # hard links only: others could lead out of the file
        return found

    def find(self, name: str) -> h5py.Dataset | None:
        """Return the dataset of that name in the file itself, or None; refuse a link to one."""
        stored = self.root
        for part in name.split("/"):
            if not isinstance(stored, h5py.Group):
                raise BoxError(f"{self.name}: {name} is missing, its group is a dataset")
            link = stored.get(part, getlink=True) if part else None
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise BoxError(f"{self.name}: {name} is a link; copy the data into the file")
            stored = stored[part]
        return stored if isinstance(stored, h5py.Dataset) else None

    def _problem(self, found: h5py.Dataset) -> str | None:
        return problem(found)


def problem(stored: h5py.Dataset) -> str | None:
    """Say what forbids to read a dataset, if anything does.

    Its values may lie in another file, be packed by a filter that is not here, or be promised in
    a number that the file cannot hold: reading those would not end.
    """
    if stored.is_virtual:
        return "is virtual: its values are in other files"
    if stored.external:
        return "has its values outside the file"
    created = stored.id.get_create_plist()
    for number in range(created.get_nfilters()):
        code, _, _, called = created.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            named = called.decode("utf-8", "replace") or f"number {code}"
            return (
                f"is packed by the HDF5 filter {named}, which is not installed (where it is, "
                "h5repack -f GZIP=4 unpacks it)"
            )
    held = stored.id.get_storage_size()
    promised = stored.dtype.itemsize * max(prod(stored.shape or ()), prod(stored.chunks or ()))
    if promised > MOST_STORED * held and (held or stored.size):
        return f"is promised as {promised:,} bytes and {held:,} are stored"
    return None


@contextmanager
def opened(path: Path, name: str) -> Iterator[Hdf5Store]:
    """Open an HDF5 file to read, or raise `BoxError`."""
    try:
        with reading(name):
            file = h5py.File(path, "r")
    except BoxError as error:
        if _is_text(path):
            raise BoxError(
                f"{name} cannot be read: it is text, whatever its name ends in; if it is a table "
                f"of halos: halopaint prepare catalogue {shlex.quote(str(path))}"
            ) from error
        raise
    with file:
        yield Hdf5Store(file, name)


def _is_text(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        text = getincrementaldecoder("utf-8")().decode(head)  # its last letter may be cut
    except (OSError, UnicodeDecodeError):
        return False
    return bool(text) and all(letter.isprintable() or letter.isspace() for letter in text)


@contextmanager
def new_file(path: Path, room: int, bounds: tuple[int, int] = _V110) -> Iterator[h5py.File]:
    """Make an HDF5 file whose structure HDF5 checks, and that tells no time.

    HDF5 cannot close a file that it cannot write, and may take the process with it. So the space
    is taken before.

    Parameters
    ----------
    room
        Bytes that the datasets may take, at most, see `stored_bytes`.
    bounds
        Versions of the library between which its structure lies.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(*bounds)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_file_locking(False, True)  # nobody else knows it, and some file systems have none
    creation = _timeless(h5py.h5p.FILE_CREATE)
    room += _STRUCTURE
    reserve(path, room)  # of a full disk HDF5 never hears
    try:
        made = h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, fcpl=creation, fapl=access)
        with h5py.File(made) as file:
            reserve(path, room)
            yield file
            file.flush()
            size = file.id.get_filesize()
        os.truncate(path, size)
    except (OSError, RuntimeError) as error:  # HDF5 tells of a full disk in either
        _hush()
        raise OSError(getattr(error, "errno", None) or 0, str(error)) from error


def stored_bytes(layout: Layout) -> int:
    """Return the bytes of a dataset at most, with the overhang of its last chunks."""
    sides = zip(layout.shape, layout.chunks or layout.shape, strict=True)
    values = prod(-(-length // side) * side for length, side in sides if length)
    # Chunks have checksums and an index.
    return values * np.dtype(layout.dtype).itemsize * 51 // 50


def create_group(root: h5py.File, name: str) -> None:
    """Make a group that tells no time either."""
    h5py.h5g.create(root.id, name.encode(), gcpl=_timeless(h5py.h5p.GROUP_CREATE))


def create_array(root: h5py.File, name: str, layout: Layout) -> Any:
    """Make a dataset, each of whose chunks HDF5 checks."""
    # An empty one cannot be chunked.
    options = (_PACKED if layout.packed else _CHECKED) if prod(layout.shape) else {}
    chunks = layout.chunks if options else None
    return root.create_dataset(name, layout.shape, layout.dtype, chunks=chunks, **options)


def begin(path: Path, attributes: Mapping[str, Any], layouts: Mapping[str, Layout]) -> None:
    """Make a file of some datasets, each in one piece, all space taken, and sync it to the disk."""
    room = sum(stored_bytes(Layout(one.shape, one.dtype)) for one in layouts.values())
    with new_file(path, room, _V18) as file:
        file.attrs.update(attributes)
        promise(file, layouts)
        for name, layout in layouts.items():
            space = h5py.h5s.create_simple(layout.shape)
            kind = h5py.h5t.py_create(np.dtype(layout.dtype), logical=True)
            properties = _timeless(h5py.h5p.DATASET_CREATE)
            properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            h5py.h5d.create(file.id, name.encode(), kind, space, properties)
    sync(path)
    sync(path.parent)


@contextmanager
def resumed(path: Path) -> Iterator[Hdf5Store]:
    """Open what `begin` made, to write; raise `BoxError` if it is damaged."""
    with reading(str(path)):
        file = h5py.File(path, "r+", locking=False)  # `locked` keeps others away
    with file:
        yield Hdf5Store(file, str(path))


def flush(root: h5py.File, path: Path, since: int) -> None:
    """Have what was written survive this process and the machine."""
    root.flush()
    sync(path)


def _timeless(kind: Any) -> Any:
    properties = h5py.h5p.create(kind)
    properties.set_obj_track_times(False)
    return properties


def _hush() -> None:
    """Keep HDF5 from telling once more, for each of its objects, that it could not write."""
    shown, unraised = sys.excepthook, sys.unraisablehook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if trace is None or "h5py" not in trace.tb_frame.f_code.co_filename:
            shown(kind, error, trace)

    def unraise(unraisable: "sys.UnraisableHookArgs") -> None:
        if "h5py" not in str(unraisable.object):
            unraised(unraisable)

    sys.excepthook, sys.unraisablehook = show, unraise
