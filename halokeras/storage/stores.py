"""Opens and makes stores: the one place that asks whether a file is HDF5 or Zarr.

A Zarr group is a folder, whose name ends in ``.zarr`` where we write it; all else is HDF5.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import h5py
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.storage import hdf5_store, zarr_store
from halokeras.storage.checksums import Sum, attributes_sum, seal
from halokeras.storage.durable import sync
from halokeras.storage.files import check_replaceable, whole_file, whole_folder
from halokeras.storage.grid import WritableGrid
from halokeras.storage.store import Layout, Store
from halokeras.storage.unreadable import reading, refuse_pipe

_ZARR = "Zarr group"


class _Library(Protocol):
    """What `hdf5_store` and `zarr_store` have in common."""

    def create_group(self, root: Any, name: str) -> None: ...

    def create_array(self, root: Any, name: str, layout: Layout) -> WritableGrid: ...

    def begin(
        self, path: Path, attributes: Mapping[str, Any], layouts: Mapping[str, Layout]
    ) -> None: ...

    def resumed(self, path: Path) -> AbstractContextManager[Store]: ...

    def flush(self, root: Any, path: Path, since: int) -> None: ...


class UnfinishedStore:
    """A store whose arrays are filled over minutes or days, by one process after another.

    Attributes
    ----------
    arrays
        To be filled, by name.
    layouts
        Of the arrays, without chunks.
    """

    def __init__(self, arrays: Mapping[str, Any], root: Any, library: _Library, path: Path) -> None:
        self.arrays: Mapping[str, WritableGrid] = arrays
        self.layouts = {name: Layout(array.shape, array.dtype) for name, array in arrays.items()}
        self._root, self._library, self._path = root, library, path
        self._synced = 0

    def flush(self) -> None:
        """Have what was written survive this process and the machine."""
        self._library.flush(self._root, self._path, self._synced)
        self._synced = time.time_ns()

    def seal(self) -> None:
        """Write the checksums of the arrays, all of which are there."""
        seal(self._root)
        self.flush()

    def seal_parts(self, sums: Mapping[str, Sum]) -> None:
        """Write the checksums of arrays whose parts lie on the disk, as `SharedStore` writes them.

        What they hold is not read.
        """
        seal(self._root, known=sums)
        sync(self._path / zarr_store.MARK)


class SharedStore:
    """An unfinished Zarr group of which this process, one of many, writes some chunks.

    Attributes
    ----------
    arrays
        By name. A process writes whole chunks that no other one does.
    """

    def __init__(self, root: Any, path: Path) -> None:
        self.arrays: Mapping[str, Any] = dict(root.arrays())
        self._path = path

    def write(self, values: Mapping[str, NDArray[Any]], place: tuple[slice, ...]) -> None:
        """Write a part of some arrays, the same along their first axes, and sync it to the disk."""
        for name, part in values.items():
            self.arrays[name][place] = part
            zarr_store.sync_part(self.arrays[name], self._path / name, place)


def is_store(path: Path) -> bool:
    """Whether a file or folder is HDF5 or Zarr, whatever it holds."""
    return zarr_store.is_zarr(path) or (path.is_file() and bool(h5py.is_hdf5(path)))


def open_store(path: Path, name: str) -> AbstractContextManager[Store]:
    """Open a store to read; what is found damaged is a `BoxError` that begins with `name`."""
    refuse_pipe(path)
    if zarr_store.is_zarr(path):
        return zarr_store.opened(path, name)
    return hdf5_store.opened(path, name)


@contextmanager
def new_store(
    path: Path, attributes: Mapping[str, Any], layouts: Mapping[str, Layout]
) -> Iterator[Callable[[str], WritableGrid]]:
    """Make a store that appears at `path`, whole and sealed, once the block has filled it.

    The block gets a function that makes each of the arrays, by its name, to be filled.

    Parameters
    ----------
    path
        Ends in ``.zarr`` for a Zarr group.
    attributes
        What it tells of itself.
    layouts
        The arrays that it will hold, by name.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    library = _library(path)
    with ExitStack() as writing:
        if path.suffix == zarr_store.SUFFIX:
            root = zarr_store.new_group(
                writing.enter_context(whole_folder(path, zarr_store.MARK, _ZARR))
            )
        else:
            temporary = writing.enter_context(whole_file(path))
            room = sum(map(hdf5_store.stored_bytes, layouts.values()))
            root = writing.enter_context(hdf5_store.new_file(temporary, room))
        root.attrs.update(attributes)
        for group in dict.fromkeys(name.rpartition("/")[0] for name in layouts):
            if group:
                library.create_group(root, group)
        yield lambda name: library.create_array(root, name, layouts[name])
        seal(root, layouts)


def check_replaceable_store(path: Path) -> None:
    """Refuse to replace a folder that is no store of ours."""
    if path.suffix == zarr_store.SUFFIX:
        check_replaceable(path, zarr_store.MARK, _ZARR)


def begin_store(path: Path, attributes: Mapping[str, Any], layouts: Mapping[str, Layout]) -> None:
    """Make a store of some arrays, whose space is taken and whose structure is on the disk.

    In HDF5 no array is packed yet: what is can only be written once without a risk to the file.
    """
    _library(path).begin(path, attributes, layouts)


def packs_later(path: Path, layouts: Mapping[str, Layout]) -> bool:
    """Whether a store that was begun is to be written anew once it is filled, to be packed."""
    return _library(path) is hdf5_store and any(layout.packed for layout in layouts.values())


def shares(path: Path) -> bool:
    """Whether many processes can write a store of that name at once, each its own chunks."""
    return _library(path) is zarr_store


def shared_store(path: Path) -> SharedStore:
    """Join in writing what `begin_store` made, of a store that `shares`.

    Raises
    ------
    BoxError
        If it is not there.
    """
    if not path.is_dir():
        raise BoxError(f"a worker does not see {path}; write where all workers see it")
    return SharedStore(zarr_store.joined(path), path)


@contextmanager
def resumed_store(path: Path, names: Iterable[str]) -> Iterator[UnfinishedStore]:
    """Go on with what `begin_store` made.

    Raises
    ------
    BoxError
        If it is damaged, or lacks one of the arrays.
    """
    library = _library(path)
    with library.resumed(path) as store:
        with reading(store.name):
            arrays = {name: store.find(name) for name in names}
            attributes_sum(store.attributes)  # or it could not be sealed at the end
        for name, found in arrays.items():
            if found is None:
                raise BoxError(f"{store.name} has no {name}; remove it")
        yield UnfinishedStore(arrays, store.root, library, path)


def _library(path: Path) -> _Library:
    return zarr_store if path.suffix == zarr_store.SUFFIX else hdf5_store
