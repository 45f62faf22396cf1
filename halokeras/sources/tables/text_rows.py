"""The rows of an open table of text, as pyarrow reads them, and their whole numbers."""

import hashlib
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from halokeras.sources.tables.table import UnreadableColumn, needs

BLOCK = 2**22
"""Bytes that are read at a time, and the longest line."""
FORTRAN = re.compile(rb"(?<=[\d.])[dD](?=[-+]?\d)")
"""The exponent of Fortran's double precision, as in ``1.5D+12``."""

_EXACT = 2.0**53
"""Whole numbers from which double precision does not tell neighbours apart."""


class Readable(Protocol):
    """A file, as far as rows are read from it."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end of the file."""
        ...


class HashedFile:
    """An open file whose lines are hashed as they are read, whatever the system ends lines with."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end of the file."""
        block = self._file.read(size)
        self._digest.update(block.replace(b"\r", b""))
        return block

    def whole_sum(self) -> str:
        """Read what is left, and return the SHA-256 of all."""
        while self.read(BLOCK):
            pass
        return self._digest.hexdigest()


class TextRows:
    """The rows of an open file for pyarrow, whole lines at a time, runs of blanks as one space."""

    closed = False

    def __init__(self, file: Readable, collapse: bool, fortran: bool) -> None:
        self._file = file
        self._collapse = collapse
        self._fortran = fortran
        self._begun = b""

    def has_rows(self) -> bool:
        """Whether anything but blank lines is left."""
        while block := self._file.read(BLOCK):
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
        if not self._collapse and not self._fortran:
            self._begun = b""
            return block
        stop = block.rfind(b"\n") + 1 if len(block) == size else len(block)
        if not stop and block:
            raise ValueError(f"a line has more than {size} characters")
        self._begun = block[stop:]
        lines = FORTRAN.sub(b"E", block[:stop]) if self._fortran else block[:stop]
        return _collapsed(lines) if self._collapse else lines

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


def read_integers(column: Any, path: str, name: str) -> NDArray[Any]:
    """Read whole numbers exactly, in whatever way they are written."""
    arrow_compute = needs("pyarrow.compute", "catalogues", path)
    pyarrow = needs("pyarrow", "catalogues", path)
    if column.null_count:
        raise UnreadableColumn(path, name, "has rows without a value")
    written = arrow_compute.utf8_trim_whitespace(column)
    for kind in (pyarrow.int64(), pyarrow.uint64()):
        try:
            exact: NDArray[Any] = arrow_compute.cast(written, kind).to_numpy(zero_copy_only=False)
        except pyarrow.ArrowInvalid:
            continue
        return exact
    try:
        real = arrow_compute.cast(written, pyarrow.float64()).to_numpy(zero_copy_only=False)
        if (np.abs(real) < _EXACT).all():
            if (real == np.floor(real)).all():
                return cast(NDArray[Any], real.astype(np.int64))
            raise UnreadableColumn(path, name, f"does not hold integers ({written[0]})")
        values = [Decimal(one) for one in written.to_pylist()]
        if any(one % 1 for one in values):
            raise UnreadableColumn(path, name, "does not hold integers")
        whole = [int(one) for one in values]
        if min(whole) < -(2**63) or max(whole) >= 2**64:
            raise UnreadableColumn(path, name, "holds integers of more than 64 bits")
    except (pyarrow.ArrowInvalid, InvalidOperation) as error:
        reason = " ".join(str(error).split())[:100]
        raise UnreadableColumn(path, name, f"does not hold integers ({reason})") from error
    # -1 beside numbers of 64 bits is the last of them
    return np.array([one % 2**64 for one in whole], np.uint64).view(np.int64)
