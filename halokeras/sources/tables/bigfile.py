"""Columns in BigFile folders, as FastPM and nbodykit write them: raw numbers beside short headers.

A block is a folder of the file ``header`` and of data files ``000000``, ``000001`` ... in
hexadecimal; attributes are lines of the file ``attr-v2``. The header tells of each data file its
rows and the sum of its bytes. The format is read here and not by the bigfile package, which has no
wheels and trusts the headers.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.boxes.box import SOFTWARE
from halokeras.errors import BoxError, DamagedError
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    Chunk,
    Table,
    choose_part,
    column_of,
    listed,
    of_one_length,
    plain_about,
    sort_out,
)
from halokeras.storage.checksums import damaged
from halokeras.storage.unreadable import reading

_LARGEST_HEADER = 2**20
_SUMS = 2**32
"""Beyond which the sum of bytes begins again."""
_DTYPE = re.compile(r"[<>=|]?[fiu][1248]")


@dataclass(frozen=True)
class Block:
    """A column: its numpy type, numbers in a row, rows of each data file, and the sum of bytes.

    The sum is of all data files, modulo 2^32; None where a header tells none.
    """

    folder: Path
    dtype: np.dtype[Any]
    width: int
    rows: tuple[int, ...]
    checksum: int | None


def is_bigfile(path: Path) -> bool:
    """Whether a folder is a BigFile: whether blocks are in it or one folder below."""
    return any(next(path.glob(where), None) for where in ("*/header", "*/*/header"))


@contextmanager
def open_bigfile(path: Path, part: str | None, option: str) -> Iterator[Table]:
    """Open the blocks of a folder, or of a folder in it, as a table.

    Raises
    ------
    BoxError
        If a header is not as the format says, or a data file not as long as its header says.
    """
    with reading(str(path)):
        table = _table(path, part, option)
    yield table


def _table(path: Path, part: str | None, option: str) -> Table:
    parts = {
        "" if folder == path else folder.name: found
        for folder in [path, *sorted(one for one in path.iterdir() if one.is_dir())]
        if (found := _blocks(folder))
    }
    if not parts:
        raise BoxError(f"{path} holds no columns of a BigFile; check the path")
    chosen = choose_part(list(parts), path, option) if part is None else part.strip("/")
    if chosen not in parts:
        raise BoxError(f"{path} has no table {part}; choose {option} from {listed(parts)}")
    blocks = parts[chosen]
    about: dict[str, Any] = {}
    for folder in (path / "Header", path, path / chosen / "Header", path / chosen):
        about.update(_attributes(folder / "attr-v2"))
    ours = about.get("software") == SOFTWARE["software"]
    described = {
        name: column_of(block.dtype, () if block.width == 1 else (block.width,), None)
        for name, block in blocks.items()
    }
    lengths = {name: sum(block.rows) for name, block in blocks.items()}
    rows, described = of_one_length(lengths, described)
    columns, unusable = sort_out(described)

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        sums = dict.fromkeys((*numbers, *integers), 0)
        for start in range(0, rows, at_once):
            stop = min(start + at_once, rows)
            chunk = {name: _values(blocks[name], start, stop) for name in sums}
            for name, values in chunk.items():
                sums[name] += int(values.view(np.uint8).sum(dtype=np.uint64))
            yield chunk
        # The library adds to a sum what is written twice, so that those of others may be wrong.
        for name, found in sums.items() if ours else ():
            if blocks[name].checksum not in (None, found % _SUMS):
                raise damaged(str(blocks[name].folder), "a row")

    name = f"{path}, {chosen}" if chosen else str(path)
    return Table(name, chosen, columns, rows, read, about, unusable)


def _blocks(folder: Path) -> dict[str, Block]:
    """Return the blocks of a folder that hold numbers."""
    headers = sorted(folder.glob("*/header"))[:MOST_COLUMNS]
    blocks = {header.parent.name: _block(header) for header in headers}
    return {name: block for name, block in blocks.items() if block.rows}


def _block(header: Path) -> Block:
    fields: dict[str, str] = {}
    for line in _text(header).splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    try:
        width, files = int(fields["NMEMB"]), int(fields["NFILE"])
        if not _DTYPE.fullmatch(fields["DTYPE"]) or not 0 <= files <= len(fields):
            raise ValueError
        told = [fields[f"{file:06X}"].split(":") for file in range(files)]
        rows = tuple(int(words[0]) for words in told)
        if width < 0 or min(rows, default=0) < 0:
            raise ValueError
        summed = all(len(words) > 1 for words in told)
        checksum = sum(int(words[1]) for words in told) % _SUMS if summed else None
    except (KeyError, ValueError, IndexError) as error:
        raise DamagedError(
            f"{header} is damaged, or is no header of a BigFile block; fetch or make it again"
        ) from error
    block = Block(header.parent, np.dtype(fields["DTYPE"]), width, rows, checksum)
    for file, count in enumerate(rows):
        data = block.folder / f"{file:06X}"
        size = data.stat().st_size if data.is_file() else 0
        if size != count * width * block.dtype.itemsize:
            raise DamagedError(
                f"{data} is damaged: it holds {size} bytes where its header promises {count} rows "
                f"of {width} x {block.dtype}; fetch or make it again"
            )
    return block


def _values(block: Block, start: int, stop: int) -> Any:
    pieces = []
    before = 0
    for file, count in enumerate(block.rows):
        first, last = max(start - before, 0), min(stop - before, count)
        if first < last:
            pieces.append(
                np.fromfile(
                    block.folder / f"{file:06X}",
                    block.dtype,
                    (last - first) * block.width,
                    offset=first * block.width * block.dtype.itemsize,
                )
            )
        before += count
    values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return values if block.width == 1 else values.reshape(-1, block.width)


def _attributes(path: Path) -> dict[str, Any]:
    """Read the lines ``name type count hexadecimal-bytes #HUMANE [...]``."""
    about: dict[str, Any] = {}
    for line in _text(path).splitlines() if path.is_file() else []:
        words = line.split(" ")
        if len(words) < 4:
            continue
        name, dtype, _, stored = words[:4]
        if dtype[1:] in ("a1", "S1", "c1"):
            about[name] = bytes.fromhex(stored).rstrip(b"\0")
        elif _DTYPE.fullmatch(dtype):
            about[name] = np.frombuffer(bytes.fromhex(stored), np.dtype(dtype))
    return plain_about(about)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_LARGEST_HEADER).decode("ascii", "replace")
