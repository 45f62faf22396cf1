"""A table of named columns in a file, described without being read and then read in chunks."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError, DamagedError, install
from halokeras.storage.unreadable import reading

CHUNK = 2**18
"""Rows that are read at a time."""
USUAL_PARTS = ("halos", "halo", "Group", "data", "catalogue", "catalog", "PartType1", "1")
"""What is read of a file that holds several tables, where none is named."""
MOST_COLUMNS = 10_000
"""A header that names more is no table of halos."""
NAMED_TWICE = "is named twice, so that neither is read; rename one"
"""Why a column of a name that another has is not read."""

Chunk = dict[str, NDArray[Any]]
About = Mapping[str, Any]


@dataclass(frozen=True)
class Options:
    """The options by which users tell what a table does not, as messages name them.

    Attributes
    ----------
    table, columns
        The part of the file that holds it, and the names of its columns; empty where columns
        have the names that halopaint gave them.
    length_unit, origin
        Unit of its positions, and where they are from.
    """

    table: str = "--table"
    columns: str = "--columns"
    length_unit: str = "--length-unit"
    origin: str = "--origin"

    @property
    def remedy(self) -> str:
        """What helps where a column cannot be read."""
        return f"choose another with {self.columns}" if self.columns else "fetch or make it again"


OF_HALOS = Options()
OF_OURS = Options(table="`halopaint prepare catalogue --table`", columns="")
"""Of catalogues that halopaint wrote, read by commands that have no option for what others lack."""


class UnreadableColumn(BoxError):
    """A column that its file does not hold as it is wanted, where others can be read.

    Attributes
    ----------
    name
        The file, and the part of it that holds the column.
    column, reason
        Its name, and what is wrong with it.
    """

    def __init__(self, name: str, column: str, reason: str, remedy: str = OF_HALOS.remedy) -> None:
        super().__init__(f"{name}: column {column} {reason}; {remedy}")
        self.name, self.column, self.reason = name, column, reason


@dataclass(frozen=True)
class TableColumn:
    """What is known of a column before it is read.

    Attributes
    ----------
    kind
        Of its numpy type: ``f``, ``i`` or ``u``; empty in text, which does not tell.
    width
        Numbers in a row.
    unit
        As the file writes it, if it does.
    """

    kind: str
    width: int = 1
    unit: str | None = None


@dataclass(frozen=True)
class Table:
    """Named columns of an open file.

    Attributes
    ----------
    name
        The file, and the part of it that holds the columns, for messages.
    part
        Group, dataset, extension or block that holds the columns; empty for all of the file.
    columns
        Those that can be read, by name.
    rows
        None where only reading tells.
    read
        Gives the columns of real numbers and those of integers that are asked for, in chunks of
        about as many rows as asked for.
    about
        What the file tells of itself: text, numbers and short arrays of numbers.
        ``length_unit`` and ``mass_unit`` hold for all columns that have no unit of their own.
    unusable
        Why further columns cannot be read, by name.
    options
        What messages name.
    """

    name: str
    part: str
    columns: Mapping[str, TableColumn]
    rows: int | None
    read: Callable[[Sequence[str], Sequence[str], int], Iterator[Chunk]]
    about: About = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)
    options: Options = OF_HALOS

    def chunks(
        self, numbers: Sequence[str], integers: Sequence[str] = (), rows: int = CHUNK
    ) -> Iterator[Chunk]:
        """Read columns, some rows at a time.

        Parameters
        ----------
        numbers, integers
            The columns of real numbers, and those that must be whole numbers, of any type.
        rows
            In a chunk, about.

        Yields
        ------
        dict
            (n,) or (n, width) arrays in the machine's byte order, by column.

        Raises
        ------
        BoxError
            If a column is missing or of another kind, or the file is damaged or too short; an
            `UnreadableColumn` where one of `integers` does not hold whole numbers.
        """
        for name in (*numbers, *integers):
            self.check(name)
        try:
            yield from self._read(numbers, integers, rows)
        except UnreadableColumn as error:  # of a reader, which does not know the options
            remedy = self.options.remedy
            raise UnreadableColumn(error.name, error.column, error.reason, remedy) from error

    def check(self, name: str) -> None:
        """Refuse a column that is missing or cannot be read."""
        if name in self.unusable:
            raise UnreadableColumn(self.name, name, self.unusable[name], self.options.remedy)
        if name not in self.columns:
            known = f"choose from {listed(self.columns)} with {self.options.columns}"
            remedy = known if self.options.columns else self.options.remedy
            raise BoxError(f"{self.name} has no column {name}; {remedy}")

    def _read(self, numbers: Sequence[str], integers: Sequence[str], rows: int) -> Iterator[Chunk]:
        seen = 0
        pieces = self.read(numbers, integers, rows)
        while True:
            with reading(self.name):
                piece = next(pieces, None)
            if piece is None:
                break
            found = len(next(iter(piece.values())))
            seen += found
            if found:
                plain = {name: _flat(native(array)) for name, array in piece.items()}
                yield plain | {name: whole(plain[name], self.name, name) for name in integers}
        if self.rows is not None and seen != self.rows:
            raise DamagedError(
                f"{self.name} is damaged: it promises {self.rows} rows and holds {seen}; fetch or "
                "make it again"
            )


def whole(values: NDArray[Any], name: str, column: str) -> NDArray[Any]:
    """Return whole numbers as integers, or raise `UnreadableColumn` if some are none."""
    if values.dtype.kind in "iu":
        return values
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise UnreadableColumn(name, column, "does not hold integers")
    if (np.abs(values) >= 2.0 / np.finfo(values.dtype).eps).any():
        raise UnreadableColumn(
            name, column, f"holds integers beyond what {values.dtype} tells apart"
        )
    return values.astype(np.int64)


def mask_out(values: NDArray[Any], masked: NDArray[Any]) -> NDArray[Any]:
    """Return real numbers that are NaN where they are masked."""
    if not masked.any():
        return values
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    hidden = masked if values.ndim == masked.ndim else masked[:, None]
    return np.where(hidden, np.array(np.nan, values.dtype), values)


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """Return a column of rows of one number as the numbers."""
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array` in the machine's byte order, itself where it is."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def column_of(dtype: np.dtype[Any], shape: Sequence[int], unit: str | None) -> TableColumn | str:
    """Describe a column by the type and shape of a row, or say why it cannot be one."""
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        return f"holds {dtype} and not real numbers"
    if len(shape) > 1:
        return f"has rows of shape {tuple(shape)}"
    return TableColumn(dtype.kind, shape[0] if shape else 1, unit)


def unit_in(description: Any) -> str | None:
    """Return the unit in a description such as ``comoving x [Mpc/h]``, as our catalogues do."""
    found = re.search(r"\[([^\]]+)\]", description) if isinstance(description, str) else None
    return found[1] if found else None


def sort_out(
    described: Mapping[str, TableColumn | str],
) -> tuple[dict[str, TableColumn], dict[str, str]]:
    """Part columns that can be read from the reasons why others cannot."""
    usable = {name: one for name, one in described.items() if isinstance(one, TableColumn)}
    return usable, {name: one for name, one in described.items() if isinstance(one, str)}


def of_one_length(
    lengths: Mapping[str, int], described: dict[str, TableColumn | str]
) -> tuple[int, dict[str, TableColumn | str]]:
    """Return the length that most columns have, and refuse the columns of another."""
    if not lengths:
        return 0, described
    rows = Counter(lengths.values()).most_common(1)[0][0]
    odd = {
        name: f"has {length} rows where others have {rows}"
        for name, length in lengths.items()
        if length != rows
    }
    return rows, {**described, **odd}


def plain_about(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of attributes what is text, a number or a short array of numbers."""
    about: dict[str, Any] = {}
    for name, value in stored.items():
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, list | tuple):
            value = np.array(value) if all(isinstance(v, int | float) for v in value) else None
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiu":
            value = value.item() if value.size == 1 else value
        short = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size <= 16
        if isinstance(name, str) and (short or isinstance(value, str | int | float)):
            about[name] = value
    return about


def choose_part(
    names: Sequence[str], path: Path, option: str, usual: Sequence[str] = USUAL_PARTS
) -> str:
    """Choose among the tables of a file: the only one, or the only one of a `usual` name.

    Where there is none the message names the `option` that names one.
    """
    if len(names) == 1:
        return names[0]
    known = [name for name in ("", *usual) if name in names]
    if len(known) == 1:
        return known[0]
    shown = listed([name or "/" for name in names])
    raise BoxError(f"{path} holds the tables {shown}; choose one with {option}")


def needs(package: str, extra: str, name: str) -> Any:
    """Import the package that reads a format, or raise `BoxError` with the way to install it."""
    try:
        return import_module(package)
    except ImportError as error:
        raise BoxError(
            f"{name} needs the package {package.split('.')[0]}, which is not installed: "
            f"{install(extra)}"
        ) from error


def listed(names: Sequence[str] | Mapping[str, Any], most: int = 20) -> str:
    """Return the first of many names for a message."""
    given = list(names)
    more = f" and {len(given) - most} more" if len(given) > most else ""
    return ", ".join(given[:most]) + more if given else "none"
