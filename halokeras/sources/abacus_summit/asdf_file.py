"""ASDF files as Abacus writes them, read in bounded memory and without running anything in them.

An ASDF file is a tree in YAML, then binary blocks. Of the tree only mappings, lists and scalars are
taken, whatever their tags say, so that no file can ask for code. Blocks are plain or made of Blosc
frames, each behind its length; a frame is decompressed only where the sizes that it, its block and
the file declare agree, as the decompressor itself writes wherever a frame tells it to.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError, install
from halokeras.storage.memory import refuse_beyond_memory

_TREE = 4 * 2**20
"""Largest tree [bytes]; those of Abacus have some 10^4."""
_NODES = 200_000
_PIECE = 2**23
"""Bytes that are read of a plain block at a time."""
_START = b"#ASDF "
_MAGIC = b"\xd3BLK"
_BLOCK = struct.Struct(">I4sQQQ16s")  # flags, compression, allocated, used, data size, checksum
_STREAMED = 1
_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct("<4BIII")  # two versions, flags, type size, bytes, block size, frame's bytes
_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_REAL = ("float32", "float64")


@dataclass(frozen=True)
class _Block:
    """Where a block's bytes lie, and how many they are once decompressed."""

    start: int
    used: int
    size: int
    compressed: bool


@dataclass(frozen=True)
class Array:
    """An array in a block: not yet read."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    block: _Block

    @property
    def row_bytes(self) -> int:
        """Bytes of one entry along the first axis."""
        return int(self.dtype.itemsize * prod(self.shape[1:]))


@dataclass(frozen=True)
class AsdfFile:
    """The tree and the blocks of a file."""

    path: Path
    tree: Mapping[str, Any]
    blocks: tuple[_Block, ...]

    @property
    def header(self) -> Mapping[str, Any]:
        """The parameters of the simulation.

        Raises
        ------
        BoxError
            If there are none.
        """
        header = self.tree.get("header")
        if not isinstance(header, dict):
            raise BoxError(f"{self.path} has no header; give a file of an Abacus simulation")
        return header

    def number(self, name: str) -> float:
        """Return a finite number of the header, or raise `BoxError`."""
        value = self.header.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
            raise BoxError(
                f"{self.path}: {name} in the header is {value!r} instead of a number; get the file "
                "again"
            )
        return float(value)

    def holds(self, name: str) -> bool:
        """Whether there is a ``data/name`` of whatever kind."""
        group = self.tree.get("data")
        return isinstance(group, dict) and name in group

    def array(self, name: str, shape: tuple[int | None, ...]) -> Array:
        """Describe ``data/name`` once it is seen to lie within its block.

        Parameters
        ----------
        name
            Of the array.
        shape
            That it must have, None standing for any length.

        Raises
        ------
        BoxError
            If it is missing, of another shape, no array of numbers or larger than its block.
        """
        group = self.tree.get("data")
        stored = group.get(name) if isinstance(group, dict) else None
        if not isinstance(stored, dict):
            raise BoxError(f"{self.path} has no data/{name}; check that it is the right product")
        found, source = stored.get("shape"), stored.get("source")
        kind, offset = stored.get("datatype"), stored.get("offset", 0)
        if (
            not isinstance(found, list)
            or not all(type(length) is int and length >= 0 for length in found)
            or type(source) is not int
            or not 0 <= source < len(self.blocks)
            or kind not in (*_WHOLE, *_REAL)
            or type(offset) is not int
            or offset < 0
            or not stored.keys() <= {"shape", "source", "datatype", "byteorder", "offset"}
        ):
            raise BoxError(
                f"{self.path}: data/{name} is not a plain array of numbers in the file itself; get "
                "the file again"
            )
        if len(found) != len(shape) or any(
            wanted not in (None, length) for wanted, length in zip(shape, found, strict=True)
        ):
            wanted_shape = ", ".join("any" if length is None else str(length) for length in shape)
            raise BoxError(
                f"{self.path}: data/{name} has shape {tuple(found)} instead of ({wanted_shape}); "
                "check that it is the right product"
            )
        dtype = np.dtype(str(kind)).newbyteorder(">" if stored.get("byteorder") == "big" else "<")
        block = self.blocks[source]
        if offset + dtype.itemsize * prod(found) > block.size:
            raise BoxError(
                f"{self.path}: data/{name} of shape {tuple(found)} is larger than its block of "
                f"{block.size} bytes; get the file again"
            )
        return Array(name, dtype, tuple(found), offset, block)

    def rows(self, array: Array, count: int) -> Iterator[NDArray[Any]]:
        """Read `array` in turn, `count` entries along its first axis at a time.

        The array that is given is filled anew for the next.

        Raises
        ------
        BoxError
            If the file is truncated or a frame does not decompress.
        """
        count = min(count, array.shape[0])
        self.check_memory(count * array.row_bytes, f"data/{array.name}")
        held = np.empty((count, *array.shape[1:]), dtype=array.dtype)
        flat = held.reshape(-1).view(np.uint8)
        filled, left = 0, array.row_bytes * array.shape[0]
        for piece in self._pieces(array):
            at = 0
            while at < len(piece):
                taken = min(len(flat) - filled, len(piece) - at)
                flat[filled : filled + taken] = piece[at : at + taken]
                filled, at, left = filled + taken, at + taken, left - taken
                if filled == len(flat) or left == 0:
                    yield held[: filled // array.row_bytes]
                    filled = 0

    def read(self, array: Array) -> NDArray[Any]:
        """Read `array` whole, or raise `BoxError` as `rows` and if it does not fit in memory."""
        if 0 in array.shape:
            return np.empty(array.shape, dtype=array.dtype)
        return next(self.rows(array, array.shape[0]))

    def check_memory(self, needed: int, what: str) -> None:
        """Raise `BoxError` if `needed` bytes are not free."""
        refuse_beyond_memory(needed, f"{self.path}: {what}", "use a larger machine")

    def _pieces(self, array: Array) -> Iterator[NDArray[np.uint8]]:
        """The bytes of `array` in order; those of its block beside it are left out."""
        skipped, left = array.offset, array.row_bytes * array.shape[0]
        with self.path.open("rb") as file:
            file.seek(array.block.start)
            pieces = self._frames if array.block.compressed else self._uncompressed
            for piece in pieces(file, array.block):
                wanted = piece[skipped : skipped + left]
                skipped -= min(skipped, len(piece))
                left -= len(wanted)
                if len(wanted):
                    yield wanted
                if left == 0:
                    return

    def _uncompressed(self, file: BinaryIO, block: _Block) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, block.size, _PIECE):
            yield np.frombuffer(self._take(file, min(_PIECE, block.size - start)), np.uint8)

    def _frames(self, file: BinaryIO, block: _Block) -> Iterator[NDArray[np.uint8]]:
        blosc = require("blosc.blosc_extension")
        used, size = block.used, block.size
        while size > 0:
            (length,) = _LENGTH.unpack(self._take(file, _LENGTH.size))
            used -= _LENGTH.size + length
            if used < 0 or length < _FRAME.size:
                raise self._damaged()
            frame = self._take(file, length)
            *_, opened, _, closed = _FRAME.unpack_from(frame)
            if closed != length or not 0 < opened <= size:
                raise self._damaged()
            if opened > _PIECE:
                self.check_memory(opened, "a compressed frame")
            try:
                piece = np.frombuffer(blosc.decompress(frame, False), np.uint8)
            except (blosc.error, ValueError, MemoryError) as error:
                raise self._damaged() from error
            size -= opened
            if len(piece) != opened:
                raise self._damaged()
            yield piece

    def _take(self, file: BinaryIO, length: int) -> bytes:
        taken = file.read(length)
        if len(taken) < length:
            raise self._damaged()
        return taken

    def _damaged(self) -> BoxError:
        return BoxError(f"{self.path} is truncated or damaged; get the file again")


def open_asdf(path: Path) -> AsdfFile:
    """Read the tree of a file and find its blocks, none of which is read yet.

    Raises
    ------
    BoxError
        If there is no such file, it is no ASDF file, or its blocks do not fit into it.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_TREE)
            length = file.seek(0, 2)
            text, after = _split(start, path)
            return AsdfFile(path, _tree(text, path), tuple(_blocks(file, after, length, path)))
    except OSError as error:
        raise BoxError(f"cannot read {path} ({error.strerror or error}); check the path") from error


def require(module: str) -> Any:
    """Import a part of abacusutils, or raise `BoxError` that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise BoxError(f"AbacusSummit files need abacusutils; {install('abacus')}") from error


def _split(start: bytes, path: Path) -> tuple[bytes, int]:
    """The tree's text, and where to look for the first block."""
    if not start.startswith(_START):
        raise BoxError(f"{path} is not an ASDF file; give one of an Abacus simulation")
    for end in (b"\n...\n", b"\n...\r\n"):
        at = start.find(end)
        if at >= 0:
            return start[: at + 1], at + len(end)
    raise BoxError(f"{path} has no end of its tree; the file is truncated or damaged: get it again")


def _blocks(file: BinaryIO, after: int, length: int, path: Path) -> Iterator[_Block]:
    file.seek(after)
    padding = file.read(_TREE)
    at = padding.find(_MAGIC)
    place = after + at if at >= 0 else length
    damaged = BoxError(f"{path}: its blocks are truncated or damaged; get the file again")
    while place < length:
        file.seek(place)
        if file.read(len(_MAGIC)) != _MAGIC:
            return  # the index of the blocks, which is not needed
        size = file.read(2)
        header = file.read(int.from_bytes(size, "big"))
        if len(size) < 2 or len(header) < _BLOCK.size:
            raise damaged
        flags, compression, allocated, used, opened, _ = _BLOCK.unpack_from(header)
        start = place + len(_MAGIC) + 2 + len(header)
        compressed = compression == b"blsc"
        if not compressed and compression != bytes(4):
            raise BoxError(
                f"{path} is compressed with {compression!r}, which Abacus does not use; write it "
                "with blsc or without compression"
            )
        if flags & _STREAMED or used > allocated or start + allocated > length:
            raise damaged
        if not compressed and used != opened:
            raise damaged
        yield _Block(start, used, opened, compressed)
        place = start + allocated


def _tree(text: bytes, path: Path) -> Mapping[str, Any]:
    yaml = require("yaml")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = _Plain().of(node) if node is not None else None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BoxError(f"{path}: its tree cannot be read ({reason}); get the file again") from error
    if not isinstance(tree, dict):
        raise BoxError(f"{path}: its tree is no mapping; get the file again")
    return tree


class _Plain:
    """Plain values of a composed tree; a node that is named twice is made once."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}

    def of(self, node: Any) -> Any:
        if id(node) in self._made:
            return self._made[id(node)]
        if len(self._made) > _NODES:
            raise ValueError("too many values")
        self._made[id(node)] = None  # what a node that holds itself finds there
        self._made[id(node)] = self._value(node)
        return self._made[id(node)]

    def _value(self, node: Any) -> Any:
        if node.id == "scalar":
            return _scalar(node.tag, node.value)
        if node.id == "sequence":
            return [self.of(entry) for entry in node.value]
        entries = [(self.of(key), entry) for key, entry in node.value]
        if any(isinstance(key, list | dict) for key, _ in entries):
            raise ValueError("a key is no scalar")
        return {key: self.of(entry) for key, entry in entries}


def _scalar(tag: str, text: str) -> Any:
    kind = tag.removeprefix("tag:yaml.org,2002:")
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return {"bool": text.lower() in ("true", "yes", "on"), "null": None}.get(kind, text)
