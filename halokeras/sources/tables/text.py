"""Columns in text: CSV, ECSV, and the lists of Rockstar and consistent-trees, by pyarrow."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from halokeras.errors import BoxError
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    Chunk,
    Column,
    Table,
    needs,
    plain_about,
    unit_in,
)
from halokeras.storage.unreadable import UNREADABLE, unreadable

_HEAD = 2**20
"""Bytes in which the header must end, and the longest line."""
_BLOCK = 2**22
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf(inity)?)", re.IGNORECASE)
_LONGEST_COMMENT = 500
_ROCKSTAR = (
    ("Lbox", re.compile(r"box.?size[:=]\s*([\d.eE+]+)", re.IGNORECASE)),
    ("particle_mass", re.compile(r"particle mass[:=]\s*([\d.eE+]+)", re.IGNORECASE)),
    ("scale_factor", re.compile(r"#\s*a\s*=\s*([\d.eE+-]+)")),
)
_UNITS = (
    ("mass_unit", re.compile(r"units:.*\bmass\w* in ([^,;()]+)", re.IGNORECASE)),
    ("length_unit", re.compile(r"units:.*\bpositions? in ([^,;()]+)", re.IGNORECASE)),
    ("velocity_unit", re.compile(r"units:.*\bvelocit\w* in ([^,;()]+)", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Layout:
    """What the header of a text table tells: where the rows begin and how they are written.

    Attributes
    ----------
    delimiter
        A space stands for any number of spaces and tabs.
    start
        Byte at which the rows begin.
    """

    names: list[str]
    units: list[str | None]
    delimiter: str
    start: int
    about: dict[str, Any]


@contextmanager
def open_text(path: Path, part: str | None) -> Iterator[Table]:
    """Open a table of text whose columns are named in its first line or in a comment above it.

    Raises
    ------
    BoxError
        If there are no names, the lines have no end, or pyarrow is missing.
    """
    if part is not None:
        raise BoxError(f"{path} holds one table and no {part}; leave --table out")
    pyarrow = needs("pyarrow", "catalogues", str(path))
    arrow_csv = needs("pyarrow.csv", "catalogues", str(path))
    with path.open("rb") as file:
        try:
            layout = _layout(file.read(_HEAD), path)
        except UNREADABLE as error:
            raise unreadable(str(path), error) from error

        def read(numbers: Sequence[str], integers: Sequence[str], rows: int) -> Iterator[Chunk]:
            file.seek(layout.start)
            body = _Body(file, layout.delimiter == " ")
            if not body.has_rows():
                return
            types = dict.fromkeys(numbers, pyarrow.float64())
            types |= dict.fromkeys(integers, pyarrow.int64())
            batches = arrow_csv.open_csv(
                body,
                arrow_csv.ReadOptions(column_names=layout.names, block_size=_BLOCK),
                arrow_csv.ParseOptions(delimiter=layout.delimiter),
                arrow_csv.ConvertOptions(include_columns=list(types), column_types=types),
            )
            for batch in batches:
                for name in integers:
                    if batch.column(name).null_count:
                        raise ValueError(f"column {name} has rows without a value")
                yield {
                    name: batch.column(name).to_numpy(zero_copy_only=False).astype(one)
                    for names, one in ((numbers, np.float64), (integers, np.int64))
                    for name in names
                }

        columns = {
            name: Column("", unit=unit)
            for name, unit in zip(layout.names, layout.units, strict=True)
        }
        yield Table(str(path), "", columns, None, read, layout.about)


class _Body:
    """The rows of an open file for pyarrow, whole lines at a time, runs of blanks as one space."""

    closed = False

    def __init__(self, file: IO[bytes], collapse: bool) -> None:
        self._file = file
        self._collapse = collapse
        self._begun = b""

    def has_rows(self) -> bool:
        """Whether anything but blank lines is left."""
        while block := self._file.read(_BLOCK):
            block = block.lstrip()
            if block:
                self._begun = block
                return True
        return False

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, none at the end of the file."""
        block = self._begun + self._file.read(max(size - len(self._begun), 0))
        if len(block) > size:
            self._begun = block[size:]
            return block[:size]
        if not self._collapse:
            self._begun = b""
            return block
        stop = block.rfind(b"\n") + 1 if len(block) == size else len(block)
        if not stop and block:
            raise ValueError(f"a line has more than {size} characters")
        self._begun = block[stop:]
        return _collapsed(block[:stop])

    def readable(self) -> bool:
        """As pyarrow asks of a file."""
        return True

    def close(self) -> None:
        """Leave the file to its owner."""
        self.closed = True


def _collapsed(lines: bytes) -> bytes:
    """Divide the words of whole lines by one space each."""
    blank = np.frombuffer(lines, np.uint8) <= ord(" ")
    if not (blank[1:] & blank[:-1]).any() and b"\t" not in lines:  # much faster than replacing
        return lines.lstrip(b" ")
    lines = lines.replace(b"\t", b" ").replace(b"\r\n", b"\n")
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b"\n ", b"\n").replace(b" \n", b"\n").lstrip(b" ")


def _layout(head: bytes, path: Path) -> Layout:
    if b"\0" in head:
        raise BoxError(f"{path} is not text; name it by its format, such as .hdf5 or .npy")
    lines = head.splitlines(keepends=True)
    if len(head) == _HEAD:
        lines.pop()  # may be half a line
    comments = []
    start = 0
    for line in lines:
        if line.strip() and not line.startswith(b"#"):
            break
        comments.append(_decoded(line).lstrip("#").strip())
        start += len(line)
    else:
        if start == len(head) < _HEAD and any(comments):
            # A list without halos is its comments.
            line = b""
        else:
            raise BoxError(
                f"{path} has no header that ends within {_HEAD:,} bytes; name its columns in the "
                "first line"
            )
    first = _decoded(line)
    if comments and comments[0].startswith("%ECSV"):
        return _ecsv(comments, first, start + len(line), path)
    delimiter = _delimiter(first)
    words = _split(first, delimiter)
    told = [comment for comment in comments if comment]
    if all(_NUMBER.fullmatch(word) for word in words):
        # The names are in a comment: the first of Rockstar's, the last of others'.
        named = [_split(one, delimiter if delimiter in one else " ") for one in told]
        fits = [one for one in named if len(one) == len(words) or (not words and len(one) > 3)]
        if not fits:
            raise BoxError(
                f"{path} does not name its columns; put a first line of {len(words)} names into it"
            )
        words = fits[0]
    else:
        start += len(line)
    if len(words) > MOST_COLUMNS:
        raise BoxError(f"{path} has {len(words):,} columns; a table has {MOST_COLUMNS:,} at most")
    parted = [_name_and_unit(word) for word in words]
    names = [name for name, _ in parted]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BoxError(f"{path} names the column {twice!r} twice; rename one")
    return Layout(names, [unit for _, unit in parted], delimiter, start, _rockstar(comments))


def _ecsv(comments: list[str], first: str, start: int, path: Path) -> Layout:
    meta = needs("astropy.table.meta", "catalogues", str(path))
    try:
        told = meta.get_header_from_yaml(comments[1:])
        delimiter = str(told.get("delimiter", " "))
        named = [str(column["name"]) for column in told["datatype"]]
        units = {
            name: column.get("unit") for name, column in zip(named, told["datatype"], strict=True)
        }
    except Exception as error:  # YAML's own and astropy's errors have no base of their own
        raise unreadable(str(path), error) from error
    names = _split(first, delimiter)
    if names != named or len(names) > MOST_COLUMNS:
        raise BoxError(
            f"{path} names other columns in its first line than above it; write it again"
        )
    for column in told["datatype"]:
        units[column["name"]] = units[column["name"]] or unit_in(column.get("description"))
    stated = [None if units[name] is None else str(units[name]) for name in names]
    return Layout(names, stated, delimiter, start, plain_about(told.get("meta") or {}))


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


def _name_and_unit(word: str) -> tuple[str, str | None]:
    """Part ``x [Mpc/h]`` or ``x(Mpc/h)``; consistent-trees' ``x(17)`` counts columns."""
    if not word.endswith(("]", ")")):
        return word, None
    # Not by a regular expression: of a word of brackets it would take the square of its length.
    closed = max(word.rfind("]", 0, -1), word.rfind(")", 0, -1))
    opened = [place for place in (word.find(one, max(closed + 1, 1)) for one in "[(") if place > 0]
    if not opened or min(opened) + 2 == len(word):
        return word, None
    name, unit = word[: min(opened)].rstrip(), word[min(opened) + 1 : -1]
    return name, None if unit.isdigit() else unit


def _rockstar(comments: list[str]) -> dict[str, Any]:
    """Read what the comments of Rockstar's lists tell: box, particle mass, epoch and units."""
    about: dict[str, Any] = {}
    for comment in comments:
        for name, pattern in _ROCKSTAR:
            if found := pattern.search(f"#{comment[:_LONGEST_COMMENT]}"):
                about.setdefault(name, float(found[1]))
        for name, pattern in _UNITS:
            if found := pattern.search(comment[:_LONGEST_COMMENT]):
                about.setdefault(name, found[1].strip())
    return about


def _decoded(line: bytes) -> str:
    return line.decode("utf-8-sig", "replace").strip("\r\n")
