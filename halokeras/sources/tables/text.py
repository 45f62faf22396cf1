"""Columns in text: CSV, ECSV, and the lists of Rockstar, consistent-trees and AHF, by pyarrow."""

import bz2
import csv
import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from halokeras.errors import BoxError, DamagedError
from halokeras.sources.tables import text_rows
from halokeras.sources.tables.astropy_meta import read_meta
from halokeras.sources.tables.header_text import stated_in_comments
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    NAMED_TWICE,
    Chunk,
    Table,
    TableColumn,
    UnreadableColumn,
    mask_out,
    needs,
)
from halokeras.sources.tables.text_rows import (
    FORTRAN,
    HashedFile,
    Readable,
    TextRows,
    read_integers,
)
from halokeras.sources.tables.unit_text import is_unit
from halokeras.storage.checksums import ROWS_SHA256, damaged
from halokeras.storage.unreadable import reading

COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}
"""How compressed text begins, and what unpacks it."""

_ECSV = b"# %ECSV"
"""How a table begins that tells in YAML what it holds."""
_HEAD = 2**20
"""Bytes in which the header must end, and the longest line."""
_NUMBER = re.compile(
    r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?|[-+]?(nan|inf(inity)?)", re.IGNORECASE
)
_TREE = re.compile(rb"^#tree \d", re.MULTILINE)
_EPOCH = "scale"
"""The column in which consistent-trees tells the scale factor."""
_AHF_REDSHIFT = re.compile(r"\.z(\d+\.\d+)\.AHF_halos")


@dataclass(frozen=True)
class Layout:
    """What the header of a text table tells: where the rows begin and how they are written.

    Attributes
    ----------
    delimiter
        A space stands for any number of spaces and tabs.
    start
        Byte at which the rows begin.
    masks
        By column the one that is true where it has no value.
    rows_sha256
        SHA-256 of the lines behind `start`, where the header tells it.
    fortran
        Whether exponents are written with a D.
    """

    names: list[str]
    units: list[str | None]
    delimiter: str
    start: int
    about: dict[str, Any]
    masks: dict[str, str] = field(default_factory=dict)
    rows_sha256: str | None = None
    fortran: bool = False

    @contextmanager
    def checked_rows(self, file: IO[bytes], path: Path) -> Iterator[Readable]:
        """Give the rows to read, and refuse those that have not the sum that the header tells.

        That is known once all are read, or one cannot be, as one that is cut.
        """
        file.seek(self.start)
        hashed = HashedFile(file)
        try:
            yield file if self.rows_sha256 is None else hashed
        except (BoxError, ValueError):
            with _opened(path) as again:  # pyarrow may still be reading ahead
                again.seek(self.start)
                self._check(HashedFile(again), path)
            raise
        self._check(hashed, path)

    def _check(self, rows: HashedFile, path: Path) -> None:
        if self.rows_sha256 not in (None, rows.whole_sum()):
            raise damaged(str(path), "a row")


@contextmanager
def open_text(path: Path, part: str | None, option: str) -> Iterator[Table]:
    """Open a table of text whose columns are named in its first line or in a comment above it.

    Raises
    ------
    BoxError
        If there are no names, the lines have no end, or pyarrow is missing.
    """
    if part is not None:
        raise BoxError(f"{path} holds one table and no {part}; leave {option} out")
    pyarrow = needs("pyarrow", "catalogues", str(path))
    arrow_csv = needs("pyarrow.csv", "catalogues", str(path))
    with _opened(path) as file:
        with reading(str(path)):
            layout = _layout(file.read(_HEAD), path)
        unique, unusable = _unique(layout.names)

        def read(numbers: Sequence[str], integers: Sequence[str], rows: int) -> Iterator[Chunk]:
            with layout.checked_rows(file, path) as source:
                yield from parsed(source, numbers, integers)

        def parsed(
            source: Readable, numbers: Sequence[str], integers: Sequence[str]
        ) -> Iterator[Chunk]:
            body = TextRows(source, layout.delimiter == " ", layout.fortran)
            if not body.has_rows():
                return
            names = [*dict.fromkeys((*numbers, *integers))]
            masks = {name: layout.masks[name] for name in names if name in layout.masks}
            # Ids are read as they are written, since integers come as 1.0e+00 and beyond 2^63.
            types = dict.fromkeys(numbers, pyarrow.float64())
            types |= dict.fromkeys(integers, pyarrow.string())
            types |= dict.fromkeys(masks.values(), pyarrow.bool_())
            options = (
                arrow_csv.ReadOptions(column_names=unique, block_size=text_rows.BLOCK),
                arrow_csv.ParseOptions(delimiter=layout.delimiter),
                arrow_csv.ConvertOptions(
                    include_columns=list(types), column_types=types, strings_can_be_null=True
                ),
            )
            for batch in _batches(lambda: arrow_csv.open_csv(body, *options), layout.names, path):
                chunk = {}
                for name in names:
                    column = batch.column(name)
                    if name in integers:
                        chunk[name] = read_integers(column, str(path), name)
                    else:
                        chunk[name] = column.to_numpy(zero_copy_only=False).astype(np.float64)
                    if name in masks:
                        lacking = batch.column(masks[name]).to_numpy(zero_copy_only=False)
                        if name in integers and lacking.any():
                            raise UnreadableColumn(str(path), name, "has rows without a value")
                        chunk[name] = mask_out(chunk[name], lacking.astype(bool))
                yield chunk

        columns = {
            name: TableColumn("", unit=unit)
            for name, unit in zip(layout.names, layout.units, strict=True)
            if name not in unusable
        }
        yield Table(str(path), "", columns, None, read, layout.about, unusable)


def _batches(
    opened: Callable[[], Iterator[Any]], names: Sequence[str], path: Path
) -> Iterator[Any]:
    """Return batches of rows; where a column does not hold what is asked of it, it is named."""
    try:
        yield from opened()
    except ValueError as error:
        told = re.search(r"In CSV column #(\d+): (.*)", " ".join(str(error).split()))
        if told is None or int(told[1]) >= len(names):
            raise
        raise UnreadableColumn(
            str(path), names[int(told[1])], f"cannot be read ({told[2][:150]})"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of text, compressed or not."""
    with path.open("rb") as file:
        begin = file.read(3)
    unpack = next((one for magic, one in COMPRESSED.items() if begin.startswith(magic)), None)
    with path.open("rb") if unpack is None else cast(Any, unpack)(path, "rb") as file:
        yield file


def _unique(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Tell apart names that stand more than once, and say that none of those is read."""
    times = Counter(names)
    unique = [
        f"{name} ({number})" if times[name] > 1 else name for number, name in enumerate(names)
    ]
    return unique, {name: NAMED_TWICE for name, count in times.items() if count > 1}


def _comments(head: bytes, lines: Sequence[bytes], path: Path) -> tuple[list[str], int, bytes]:
    """Return the comments that a file begins with, where they end, and the first line behind."""
    comments: list[str] = []
    start = 0
    for line in lines:
        if line.strip() and not line.startswith(b"#"):
            return comments, start, line
        comments.append(_decoded(line).lstrip("#").strip())
        start += len(line)
    if start == len(head) < _HEAD and any(comments):
        return comments, start, b""  # a list without halos is its comments
    raise BoxError(
        f"{path} has no header that ends within {_HEAD:,} bytes; name its columns in the first line"
    )


def _layout(head: bytes, path: Path) -> Layout:
    if b"\0" in head and head.startswith(_ECSV):
        raise DamagedError(f"{path} is damaged: it holds what is no text; fetch or make it again")
    if b"\0" in head:
        raise BoxError(f"{path} is not text; name it by its format, such as .hdf5 or .npy")
    lines = head.splitlines(keepends=True)
    if len(head) == _HEAD:
        lines.pop()  # may be half a line
    comments, start, line = _comments(head, lines, path)
    first = _decoded(line)
    if comments and comments[0].startswith("%ECSV"):
        yaml = [_decoded(one).removeprefix("# ") for one in lines[1 : len(comments)]]
        return _ecsv(yaml, first, start + len(line), path)
    if _TREE.search(head):
        raise BoxError(
            f"{path} holds the merger trees of consistent-trees, halos of all epochs; name the "
            "hlist of one epoch"
        )
    words, delimiter, in_comment = _named(comments, first, path)
    if not in_comment:
        start += len(line)
    if len(words) > MOST_COLUMNS:
        raise BoxError(f"{path} has {len(words):,} columns; a table has {MOST_COLUMNS:,} at most")
    parted = [_name_and_unit(word) for word in _unnumbered(words)]
    names = [name for name, _ in parted]
    about = stated_in_comments(comments)
    row = _split(first if in_comment else _decoded(head[start:].partition(b"\n")[0]), delimiter)
    if (epoch := _value(names, row, _EPOCH)) is not None:
        about.setdefault("scale_factor", epoch)
    if found := _AHF_REDSHIFT.search(path.name):
        about.setdefault("redshift", float(found[1]))
    fortran = FORTRAN.search(head, start) is not None
    return Layout(names, [unit for _, unit in parted], delimiter, start, about, fortran=fortran)


def _named(comments: Sequence[str], first: str, path: Path) -> tuple[list[str], str, bool]:
    """Return the names of the columns, what divides the rows, and whether a comment names them."""
    delimiter = _delimiter(first)
    words = _split(first, delimiter)
    if not all(_NUMBER.fullmatch(word) for word in words if word):
        return words, delimiter, False
    told = [comment for comment in comments if comment]
    for one in told:
        # The names are in a comment: the first of Rockstar's, the last of others'.
        named = _split(one, delimiter if delimiter in one else " ")
        if len(named) == len(words) or (not words and len(named) > 3):
            return named, delimiter, True
        if delimiter == "\t" and len(named) == len(first.split()):  # AHF ends lines with a tab
            return named, " ", True
    raise BoxError(
        f"{path} does not name its columns; put a first line of {len(words)} names into it"
    )


def _ecsv(yaml: list[str], first: str, start: int, path: Path) -> Layout:
    if not first:
        raise DamagedError(f"{path} is damaged: it ends in its header; fetch or make it again")
    meta = read_meta(yaml, str(path))
    names = _split(first, meta.delimiter)
    if names != list(meta.names) or len(names) > MOST_COLUMNS:
        raise DamagedError(
            f"{path} is damaged or was edited: it names other columns in its first line than above "
            "it; fetch or make it again"
        )
    units = [meta.units.get(name) for name in names]
    told = (line.removeprefix(ROWS_SHA256) for line in yaml if line.startswith(ROWS_SHA256))
    about, masks = dict(meta.about), dict(meta.masks)
    return Layout(names, units, meta.delimiter, start, about, masks, next(told, None))


def _delimiter(line: str) -> str:
    """Return a comma or semicolon, a tab where no blank is between tabs too, or a space."""
    if found := next((one for one in ",;" if one in line), None):
        return found
    return "\t" if "\t" in line and " " not in line.strip() else " "


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        line = " ".join(line.split())
        if not line:
            return []
    try:
        words = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error
    return [word.strip().lstrip("#").strip() for word in words]


def _unnumbered(words: list[str]) -> list[str]:
    """Take from names such as ``x(17)`` the numbers that count columns, and no others."""
    parted = [re.fullmatch(r"(.+?)\s*\((\d+)\)", word) for word in words]
    numbers = [int(found[2]) for found in parted if found]
    plain = [found[1] if found else word for found, word in zip(parted, words, strict=True)]
    ascending = all(one < other for one, other in pairwise(numbers))
    if not ascending or len(set(plain)) < len(set(words)):
        return words
    return plain


def _name_and_unit(word: str) -> tuple[str, str | None]:
    """Part ``x [Mpc/h]`` or ``x(Mpc/h)``; what is no unit, as in ``A[x]``, belongs to the name."""
    if not word.endswith(("]", ")")):
        return word, None
    # Not by a regular expression: of a word of brackets it would take the square of its length.
    closed = max(word.rfind("]", 0, -1), word.rfind(")", 0, -1))
    opened = [place for place in (word.find(one, max(closed + 1, 1)) for one in "[(") if place > 0]
    if not opened or min(opened) + 2 == len(word):
        return word, None
    name, unit = word[: min(opened)], word[min(opened) + 1 : -1]
    return (name.rstrip(), unit) if name[-1] == " " or is_unit(unit) else (word, None)


def _value(names: Sequence[str], row: Sequence[str], wanted: str) -> float | None:
    """Return the value of a column in a row, if there is such a column and it is a number."""
    place = next((place for place, name in enumerate(names) if name.lower() == wanted), len(row))
    word = row[place] if place < len(row) else ""
    return float(word) if _NUMBER.fullmatch(word) and word.lower() != "nan" else None


def _decoded(line: bytes) -> str:
    return line.decode("utf-8-sig", "replace").strip("\r\n")
