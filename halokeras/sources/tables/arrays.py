"""Columns in NumPy files: structured or (N, 3) arrays in ``.npy``, named arrays in ``.npz``."""

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    Chunk,
    Table,
    TableColumn,
    column_of,
    listed,
    native,
    of_one_length,
    sort_out,
)
from halokeras.storage.grid_file import mapped, npy_header
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.unreadable import reading


@contextmanager
def open_npy(path: Path, part: str | None, option: str) -> Iterator[Table]:
    """Open a structured array, or an (N, 3) array as the one column ``position``.

    Raises
    ------
    BoxError
        If it is no such array.
    """
    if part is not None:
        raise BoxError(f"{path} holds one array and no table {part}; leave {option} out")
    array = mapped(path)
    if array.dtype.names and array.ndim == 1:
        fields = {name: array.dtype[name] for name in array.dtype.names[:MOST_COLUMNS]}
        described = {name: column_of(one.base, one.shape, None) for name, one in fields.items()}
        parts: Any = array
    elif array.dtype.kind in "fiu" and array.ndim == 2 and array.shape[1] == 3:
        described = {"position": column_of(array.dtype, (3,), None)}
        parts = {"position": array}
    else:
        raise BoxError(
            f"{path} is {array.dtype} of shape {array.shape}; a table is a structured array of one "
            "dimension, or (N, 3) positions"
        )
    columns, unusable = sort_out(described)

    def read(numbers: Sequence[str], integers: Sequence[str], rows: int) -> Iterator[Chunk]:
        for start in range(0, len(array), rows):
            yield {name: parts[name][start : start + rows] for name in (*numbers, *integers)}

    yield Table(str(path), "", columns, len(array), read, unusable=unusable)


@contextmanager
def open_npz(path: Path, part: str | None, option: str) -> Iterator[Table]:
    """Open named arrays of one length, (N,) or (N, 3); those of one value tell of the file.

    Raises
    ------
    BoxError
        If it is no such archive.
    """
    if part is not None:
        raise BoxError(f"{path} holds its columns by name and no table {part}; leave {option} out")
    with ExitStack() as opened:
        with reading(str(path)):
            archive = opened.enter_context(zipfile.ZipFile(path))
            stored = Counter(archive.namelist())
            if again := [name for name, times in stored.items() if times > 1]:
                raise BoxError(f"{path} holds {again[0]} twice; write it again")
            if not any(name.endswith(".npy") for name in stored):
                raise BoxError(
                    f"{path} is a zip archive of {listed(list(stored), 3)} and no .npz; unpack it "
                    "and name a file of it"
                )
            members = {
                name.removesuffix(".npy"): name
                for name in archive.namelist()[:MOST_COLUMNS]
                if name.endswith(".npy")
            }
            headers = {}
            about: dict[str, Any] = {}
            for name, member in members.items():
                with archive.open(member) as stream:
                    shape, _, dtype = headers[name] = npy_header(stream)
                    if shape == () and dtype.kind in "fiu":
                        about[name] = _values(stream, dtype, 1, member).item()
        described = {
            name: column_of(dtype, shape[1:], None)
            for name, (shape, _, dtype) in headers.items()
            if shape
        }
        lengths = {
            name: headers[name][0][0]
            for name, one in described.items()
            if isinstance(one, TableColumn)
        }
        rows, described = of_one_length(lengths, described)
        columns, unusable = sort_out(described)

        def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
            names = (*numbers, *integers)
            readers = [
                _rows(archive, members[name], str(path), rows, at_once, columns[name].width)
                for name in names
            ]
            for pieces in zip(*readers, strict=True):
                yield dict(zip(names, pieces, strict=True))

        yield Table(str(path), "", columns, rows, read, about, unusable)


def _rows(
    archive: zipfile.ZipFile, member: str, name: str, rows: int, at_once: int, width: int
) -> Iterator[NDArray[Any]]:
    with archive.open(member) as stream:
        shape, by_column, dtype = npy_header(stream)
        if by_column and len(shape) == 2:  # its rows are all through the file
            refuse_beyond_memory(2 * dtype.itemsize * rows * width, f"{member} in {name}")
            whole = _values(stream, dtype, rows * width, member).reshape(shape, order="F")
            for start in range(0, rows, at_once):
                yield native(whole[start : start + at_once])
            return
        for start in range(0, rows, at_once):
            count = min(at_once, rows - start)
            values = _values(stream, dtype, count * width, member)
            yield values.reshape(count, *shape[1:])


def _values(stream: IO[bytes], dtype: np.dtype[Any], count: int, member: str) -> NDArray[Any]:
    stored = stream.read(count * dtype.itemsize)
    if len(stored) < count * dtype.itemsize:
        raise ValueError(f"{member} ends before its last row")
    return np.frombuffer(stored, dtype)
