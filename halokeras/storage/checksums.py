"""Checksums of a box file, by which a flipped bit anywhere in it is noticed and named.

A sealed file, format version 2, has an attribute ``checksums``: JSON of the SHA-256 of every
dataset (type, shape and values, whatever the chunks or compression) by its name, and under
``attributes`` that of all other attributes. Of an HDF5 file the library itself keeps checksums of
its structure and of each chunk, so that a part can be read without the whole.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from halokeras.errors import BoxError
from halokeras.storage.files import reserve
from halokeras.storage.grid import Grid, slabs
from halokeras.storage.hdf5 import plain

SEALED_VERSION = 2
_CHECKSUMS = "checksums"
_ATTRIBUTES = "attributes"
_STRUCTURE = 2**15
"""Bytes that attributes and the structure of a file take at most."""
Bounds = tuple[int, int]
OLDER: Bounds = (h5py.h5f.LIBVER_V18, h5py.h5f.LIBVER_V18)
"""The first with checksums of the structure; a killed writer leaves no mark in the file."""
NEWER: Bounds = (h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
"""With checksums of the index of chunks too."""
PACKED: Mapping[str, Any] = {"compression": "gzip", "shuffle": True, "fletcher32": True}
CHECKED: Mapping[str, Any] = {"fletcher32": True}


@contextmanager
def new_file(path: Path, room: int, bounds: Bounds = NEWER) -> Iterator[h5py.File]:
    """Make an HDF5 file whose structure HDF5 checks, and that tells no time: same data, same bits.

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


def stored_bytes(
    shape: tuple[int, ...], dtype: DTypeLike, chunks: tuple[int, ...] | None = None
) -> int:
    """Return the bytes of a dataset at most, with the overhang of its last chunks."""
    sides = zip(shape, chunks or shape, strict=True)
    values = prod(-(-length // side) * side for length, side in sides if length)
    # Chunks have checksums and an index.
    return values * np.dtype(dtype).itemsize * 51 // 50


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


def new_group(file: h5py.File, name: str) -> None:
    """Make a group that tells no time either."""
    h5py.h5g.create(file.id, name.encode(), gcpl=_timeless(h5py.h5p.GROUP_CREATE))


def _timeless(kind: Any) -> Any:
    properties = h5py.h5p.create(kind)
    properties.set_obj_track_times(False)
    return properties


def promise(file: Any, names: Iterable[str]) -> None:
    """Take the place of the checksums of datasets `names`, so that `seal` moves nothing."""
    file.attrs["format_version"] = SEALED_VERSION
    none = json.dumps(dict.fromkeys([_ATTRIBUTES, *names], "0" * 64))
    file.attrs[_CHECKSUMS] = np.bytes_(none) if isinstance(file, h5py.File) else none


def seal(file: Any, names: Iterable[str] = ()) -> None:
    """Write the checksums of an HDF5 file or Zarr group: of `names`, or of those promised."""
    if names:
        promise(file, names)
    attributes = dict(file.attrs)
    sums = _stated(attributes, Path())
    sums = {name: dataset_sum(file[name]) for name in sums if name != _ATTRIBUTES}
    text = json.dumps({_ATTRIBUTES: attributes_sum(attributes, Path()), **sums})
    if isinstance(file, h5py.File):
        file.attrs.modify(_CHECKSUMS, np.bytes_(text))  # in place
    else:
        file.attrs[_CHECKSUMS] = text


def checked(attributes: Mapping[str, Any], path: Path) -> dict[str, str]:
    """Return the stated checksums of datasets, or refuse attributes that are not as sealed."""
    stated = _stated(attributes, path)
    if stated.get(_ATTRIBUTES) != attributes_sum(attributes, path):
        raise _damaged(path, "an attribute")
    return stated


def check_datasets(stated: Mapping[str, str], fields: Mapping[str, Grid], path: Path) -> None:
    """Refuse datasets that are not those which were sealed."""
    for name, stored in fields.items():
        if stated.get(name) != dataset_sum(stored):
            raise _damaged(path, name)


def attributes_sum(attributes: Mapping[str, Any], path: Path) -> str:
    """Return the SHA-256 of attributes, the checksums left out."""
    told = {name: plain(value, name, path) for name, value in attributes.items()}
    told.pop(_CHECKSUMS, None)
    listed = {name: np.asarray(value).tolist() for name, value in told.items()}
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def dataset_sum(stored: Grid) -> str:
    """Return the SHA-256 of a dataset: type, shape and values."""
    dtype = np.dtype(stored[:0].dtype).newbyteorder("<")
    digest = hashlib.sha256(f"{dtype.str} {tuple(stored.shape)}".encode())
    for slab in slabs(stored):
        digest.update(np.ascontiguousarray(slab, dtype=dtype).data)
    return digest.hexdigest()


def _stated(attributes: Mapping[str, Any], path: Path) -> dict[str, Any]:
    try:
        stated = json.loads(plain(attributes[_CHECKSUMS], _CHECKSUMS, path))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, f"attribute {_CHECKSUMS}") from error
    if not isinstance(stated, dict):
        raise _damaged(path, f"attribute {_CHECKSUMS}")
    return stated


def _damaged(path: Path, what: str) -> BoxError:
    return BoxError(
        f"box file {path} is damaged or was edited: {what} is not what its checksum says; fetch "
        "or make it again"
    )
