"""Checksums of a box file, by which a flipped bit anywhere in it is noticed and named.

A sealed file, format version 2, has an attribute ``checksums``: JSON of the SHA-256 of every
array (type, shape and values, whatever the chunks or compression) by its name, and under
``attributes`` that of all other attributes. Of an HDF5 file the library itself keeps checksums of
its structure and of each chunk, so that a part can be read without the whole.

An array that many processes write has no SHA-256 in one piece. Its checksum is an object, of the
sides of the ``blocks`` that it is cut into from its first corner on, and the ``sha256`` of the
SHA-256 of all blocks, in the order of their corners.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from halokeras.errors import DamagedError
from halokeras.storage.grid import Grid, slabs

SEALED_VERSION = 2
ROWS_SHA256 = "# rows_sha256: "
"""Begins the comment in the YAML of a catalogue of text that tells the SHA-256 of its rows.

A comment, and FITS' sum in the header before that of the table, because astropy copies whatever
else a table tells of itself into what is made of it, where it would be wrong.
"""
COLUMN_SHA256 = "rows_sha256"
"""The attribute of a column in HDF5 that tells its `array_sum`."""
ROWS_SUM = "ROWSSUM"
"""What the first header of a FITS catalogue calls the sum of its rows, as ``DATASUM`` has it."""
_FITS_BYTES = 2880 * 2**10
_CHECKSUMS = "checksums"
_ATTRIBUTES = "attributes"
_MOST_BLOCKS = 2**20

Sum = str | Mapping[str, Any]
"""Checksum of an array: of the whole, or of its blocks."""
Place = tuple[slice, ...]


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


def seal(root: Any, names: Iterable[str] = (), known: Mapping[str, Sum] | None = None) -> None:
    """Write the checksums of an HDF5 file or Zarr group: of `names`, or of those promised.

    Those that are `known` already are written as they are.
    """
    if names:
        promise(root, names)
    known = known or {}
    attributes = {name: plain(value) for name, value in root.attrs.items()}
    promised = [one for one in _stated(attributes, "the file that is sealed") if one != _ATTRIBUTES]
    sums = {name: known.get(name) or array_sum(root[name]) for name in promised}
    _write(root, {_ATTRIBUTES: attributes_sum(attributes), **sums})


def checked(attributes: Mapping[str, Any], name: str) -> dict[str, Sum]:
    """Return the stated checksums of arrays, or refuse attributes that are not as sealed."""
    stated = _stated(attributes, name)
    if stated.get(_ATTRIBUTES) != attributes_sum(attributes):
        raise damaged(name, "an attribute")
    return stated


def check_arrays(stated: Mapping[str, Sum], arrays: Mapping[str, Grid], name: str) -> None:
    """Refuse arrays that are not those which were sealed."""
    for array, values in arrays.items():
        told = stated.get(array)
        found = _sum_like(told, values) if isinstance(told, Mapping) else array_sum(values)
        if told != found:
            raise damaged(name, array)


def attributes_sum(attributes: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain attributes, the checksums left out."""
    told = {name: value for name, value in attributes.items() if name != _CHECKSUMS}
    listed = {name: np.asarray(value).tolist() for name, value in told.items()}
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def array_sum(stored: Grid) -> str:
    """Return the SHA-256 of an array: type, shape and values."""
    summed = ArraySum(stored[:0].dtype, stored.shape)
    for slab in slabs(stored):
        summed.add(slab)
    return summed.hexdigest()


class ArraySum:
    """The SHA-256 of an array, as `array_sum` has it, of values that come in their order.

    Parameters
    ----------
    dtype, shape
        Of the whole array.
    """

    def __init__(self, dtype: DTypeLike, shape: Sequence[int]) -> None:
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._digest = hashlib.sha256(f"{self._dtype.str} {tuple(shape)}".encode())

    def add(self, values: NDArray[Any]) -> None:
        """Add the next values, of the array's type or what is stored as it."""
        self._digest.update(np.ascontiguousarray(values, dtype=self._dtype).data)

    def hexdigest(self) -> str:
        """Return the SHA-256 of what was added."""
        return self._digest.hexdigest()


def block_places(shape: Sequence[int], blocks: Sequence[int]) -> Iterator[Place]:
    """Return where the blocks of an array lie, in the order of their corners."""
    starts = (range(0, length, side) for length, side in zip(shape, blocks, strict=True))
    for corner in product(*starts):
        ends = zip(corner, blocks, shape, strict=True)
        yield tuple(slice(start, min(start + side, end)) for start, side, end in ends)


def block_sum(values: NDArray[Any]) -> str:
    """Return the SHA-256 of the values of a block."""
    stored = np.dtype(values.dtype).newbyteorder("<")
    return hashlib.sha256(np.ascontiguousarray(values, dtype=stored).data).hexdigest()


def sum_of_blocks(
    dtype: DTypeLike, shape: Sequence[int], blocks: Sequence[int], sums: Iterable[str]
) -> Sum:
    """Return the checksum of an array by the `block_sum` of each of its blocks, in their order."""
    stored = np.dtype(dtype).newbyteorder("<")
    digest = hashlib.sha256(f"{stored.str} {tuple(shape)} {tuple(blocks)}".encode())
    for one in sums:
        digest.update(bytes.fromhex(one))
    return {"blocks": list(blocks), "sha256": digest.hexdigest()}


def fits_sum(file: IO[bytes], size: int) -> str:
    """Return the sum that FITS has of `size` bytes of data, as text of ten digits.

    It is that of words of 32 bits, carried over to the lowest bit; `size` is a multiple of 4.
    """
    total = 0
    while size > 0 and (block := file.read(min(size, _FITS_BYTES))):
        size -= len(block)
        total += int(np.frombuffer(block, ">u4", len(block) // 4).sum(dtype=np.uint64))
    while total >> 32:
        total = (total >> 32) + total % 2**32
    return f"{total:010d}"


def damaged(name: str, what: str) -> DamagedError:
    """Return the error that says which part of a file is not what its checksum says."""
    return DamagedError(
        f"{name} is damaged or was edited: {what} is not what its checksum says; fetch or make it "
        "again"
    )


def _sum_like(told: Mapping[str, Any], stored: Grid) -> Sum | None:
    """Return the checksum of an array by blocks of the sides that are told; None of odd sides."""
    blocks, shape = told.get("blocks"), stored.shape
    if not isinstance(blocks, list) or len(blocks) != len(shape):
        return None
    if not all(isinstance(side, int) and side > 0 for side in blocks):
        return None
    pairs = zip(shape, blocks, strict=True)
    if prod(-(-length // side) for length, side in pairs) > _MOST_BLOCKS:
        return None
    sums = (block_sum(np.asarray(stored[place])) for place in block_places(shape, blocks))
    return sum_of_blocks(stored[:0].dtype, shape, blocks, sums)


def _write(root: Any, sums: Mapping[str, Sum]) -> None:
    text = json.dumps(sums)
    if hasattr(root.attrs, "modify"):  # HDF5's: in place, where it is of one length
        root.attrs.modify(_CHECKSUMS, np.bytes_(text))
    else:
        root.attrs[_CHECKSUMS] = text


def _stated(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    if _CHECKSUMS not in attributes:
        raise DamagedError(
            f"{name} is damaged or was edited: its attribute {_CHECKSUMS} is missing; fetch or "
            "make it again"
        )
    try:
        stated = json.loads(attributes[_CHECKSUMS])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(name, f"attribute {_CHECKSUMS}") from error
    if not isinstance(stated, dict):
        raise damaged(name, f"attribute {_CHECKSUMS}")
    return stated
