"""Checksums of a box file, by which a flipped bit anywhere in it is noticed and named.

A sealed file, format version 2, has an attribute ``checksums``: JSON of the SHA-256 of every
array (type, shape and values, whatever the chunks or compression) by its name, and under
``attributes`` that of all other attributes. Of an HDF5 file the library itself keeps checksums of
its structure and of each chunk, so that a part can be read without the whole.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from halokeras.errors import BoxError
from halokeras.storage.grid import Grid, slabs

SEALED_VERSION = 2
_CHECKSUMS = "checksums"
_ATTRIBUTES = "attributes"


def plain(value: Any) -> Any:
    """Return an attribute as text or a number, where it is one."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.generic):
        return float(value) if isinstance(value, np.floating) else value.item()
    return value


def promise(root: Any, names: Iterable[str]) -> None:
    """Take the place of the checksums of arrays `names`, so that `seal` moves nothing."""
    root.attrs["format_version"] = SEALED_VERSION
    _write(root, dict.fromkeys([_ATTRIBUTES, *names], "0" * 64))


def seal(root: Any, names: Iterable[str] = ()) -> None:
    """Write the checksums of an HDF5 file or Zarr group: of `names`, or of those promised."""
    if names:
        promise(root, names)
    attributes = {name: plain(value) for name, value in root.attrs.items()}
    promised = _stated(attributes, "the file that is sealed")
    sums = {name: array_sum(root[name]) for name in promised if name != _ATTRIBUTES}
    _write(root, {_ATTRIBUTES: attributes_sum(attributes), **sums})


def checked(attributes: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the stated checksums of arrays, or refuse attributes that are not as sealed."""
    stated = _stated(attributes, name)
    if stated.get(_ATTRIBUTES) != attributes_sum(attributes):
        raise _damaged(name, "an attribute")
    return stated


def check_arrays(stated: Mapping[str, str], arrays: Mapping[str, Grid], name: str) -> None:
    """Refuse arrays that are not those which were sealed."""
    for array, values in arrays.items():
        if stated.get(array) != array_sum(values):
            raise _damaged(name, array)


def attributes_sum(attributes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain attributes, the checksums left out."""
    told = {name: value for name, value in attributes.items() if name != _CHECKSUMS}
    listed = {name: np.asarray(value).tolist() for name, value in told.items()}
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def array_sum(stored: Grid) -> str:
    """Return the SHA-256 of an array: type, shape and values."""
    dtype = np.dtype(stored[:0].dtype).newbyteorder("<")
    digest = hashlib.sha256(f"{dtype.str} {tuple(stored.shape)}".encode())
    for slab in slabs(stored):
        digest.update(np.ascontiguousarray(slab, dtype=dtype).data)
    return digest.hexdigest()


def _write(root: Any, sums: Mapping[str, str]) -> None:
    text = json.dumps(sums)
    if hasattr(root.attrs, "modify"):  # HDF5's: in place, where it is of one length
        root.attrs.modify(_CHECKSUMS, np.bytes_(text))
    else:
        root.attrs[_CHECKSUMS] = text


def _stated(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    try:
        stated = json.loads(attributes[_CHECKSUMS])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(name, f"attribute {_CHECKSUMS}") from error
    if not isinstance(stated, dict):
        raise _damaged(name, f"attribute {_CHECKSUMS}")
    return stated


def _damaged(name: str, what: str) -> BoxError:
    return BoxError(
        f"{name} is damaged or was edited: {what} is not what its checksum says; fetch or make it "
        "again"
    )
