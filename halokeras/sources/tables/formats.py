"""The table in a file or folder, whatever its format, and in the many files of one catalogue."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from halokeras.errors import BoxError
from halokeras.sources.tables.arrays import open_npy, open_npz
from halokeras.sources.tables.bigfile import is_bigfile, open_bigfile
from halokeras.sources.tables.fits import open_fits
from halokeras.sources.tables.foreign import describe_foreign
from halokeras.sources.tables.hdf5 import open_hdf5
from halokeras.sources.tables.parquet import open_parquet
from halokeras.sources.tables.stated import check_pieces
from halokeras.sources.tables.table import OF_HALOS, Chunk, Options, Table
from halokeras.sources.tables.text import COMPRESSED, open_text
from halokeras.storage.unreadable import refuse_pipe

Opener = Callable[[Path, str | None, str], AbstractContextManager[Table]]
"""Opens the table in a part of a file; messages name the option that names the part."""

FORMATS: Mapping[str, Opener] = {
    ".h5": open_hdf5,
    ".hdf5": open_hdf5,
    ".fits": open_fits,
    ".fit": open_fits,
    ".parquet": open_parquet,
    ".pq": open_parquet,
    ".npy": open_npy,
    ".npz": open_npz,
    ".csv": open_text,
    ".ecsv": open_text,
    ".txt": open_text,
    ".dat": open_text,
    ".list": open_text,
    ".ascii": open_text,
    ".ahf_halos": open_text,
}
_MAGIC: Mapping[bytes, Opener] = {
    b"\x89HDF\r\n\x1a\n": open_hdf5,
    b"SIMPLE  =": open_fits,
    b"PAR1": open_parquet,
    b"\x93NUMPY": open_npy,
    b"PK\x03\x04": open_npz,
}
"""How files begin; it tells more than their names."""
_COMPRESSED = (".gz", ".bz2")
_BEGIN = 512
"""Bytes by which a file is known."""


@contextmanager
def open_table(path: Path, part: str | None = None, options: Options = OF_HALOS) -> Iterator[Table]:
    """Open the table in a file, in a BigFile folder, or in all the files of a folder.

    Parameters
    ----------
    path
        A file of one of `FORMATS`, text also packed by gzip or bzip2, a BigFile folder, or a
        folder of files of one format, which are the pieces of one table in the order of the
        numbers in their names.
    part
        Group, dataset, extension or block that holds the columns; by default the only one, or
        that of a usual name.
    options
        What messages name.

    Raises
    ------
    BoxError
        If there is nothing there, nothing that can be read, a piece is missing, or the pieces
        tell of different simulations or epochs.
    """
    if not path.exists():
        raise BoxError(f"there is no file or folder {path}; check the path")
    refuse_pipe(path)
    if path.is_dir() and is_bigfile(path):
        with open_bigfile(path, part, options.table) as table:
            yield replace(table, options=options)
        return
    pieces = _pieces(path) if path.is_dir() else [path]
    if len(pieces) > 1:
        yield replace(_joined(path, pieces, part, options.table), options=options)
        return
    with _opener(pieces[0])(pieces[0], part, options.table) as table:
        _check_pieces(table, 1)
        yield replace(table, options=options)


def _pieces(folder: Path) -> list[Path]:
    files = [file for file in folder.iterdir() if file.is_file() and _kind(file) in FORMATS]
    kinds = sorted({_kind(file) for file in files})
    if len(kinds) != 1:
        found = f"files of several kinds, {', '.join(kinds)}" if kinds else "no table"
        raise BoxError(f"{folder} holds {found}; name a file, or a folder of files of one kind")
    stems = Counter(_stem(file) for file in files)
    if twice := [stem for stem, times in stems.items() if times > 1]:
        raise BoxError(f"{folder} holds {twice[0]} packed and unpacked; remove one of them")
    return sorted(files, key=_by_number)


def _stem(file: Path) -> str:
    return file.stem if file.suffix.lower() in _COMPRESSED else file.name


def _kind(file: Path) -> str:
    """Return the suffix that tells the format: that before ``.gz`` or ``.bz2``."""
    return Path(_stem(file)).suffix.lower()


def _by_number(file: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", file.name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _opener(path: Path) -> Opener:
    with path.open("rb") as file:
        begin = file.read(_BEGIN)
    for magic, opener in _MAGIC.items():
        if begin.startswith(magic):
            return opener
    kind = _kind(path)
    if any(begin.startswith(magic) for magic in COMPRESSED):
        if FORMATS.get(kind, open_text) is not open_text or kind == ".tar":
            raise BoxError(f"{path} is a packed {kind} file; unpack it, and name what is in it")
        return open_text
    if (foreign := describe_foreign(begin)) is not None:
        raise BoxError(f"{path} is {foreign[0]}; {foreign[1]}")
    return FORMATS.get(kind, open_text)


def _joined(folder: Path, pieces: Sequence[Path], part: str | None, option: str) -> Table:
    """Make one table of the pieces, each open only while it is read."""
    whole: Table | None = None
    rows: int | None = 0
    filled = []
    told = []
    for piece in pieces:
        with _opener(piece)(piece, part, option) as table:
            told.append((piece.name, table.about))
            if whole is None:
                _check_pieces(table, len(pieces))
            if table.rows == 0 and not table.columns:
                continue
            if whole is None or not whole.columns:
                whole, part = table, table.part or part
            if {*whole.columns} - {*table.columns}:
                missing = sorted({*whole.columns} - {*table.columns})[0]
                raise BoxError(f"{table.name} has no column {missing}, as {whole.name} has")
            rows = None if rows is None or table.rows is None else rows + table.rows
            filled.append(piece)
    if whole is None:
        raise BoxError(f"{folder} holds no table of columns; check the path")

    def read(numbers: Sequence[str], integers: Sequence[str], at_once: int) -> Iterator[Chunk]:
        for piece in filled:
            with _opener(piece)(piece, part, option) as table:
                yield from table.chunks(numbers, integers, at_once)

    check_pieces(told, str(folder))
    return replace(whole, name=str(folder), rows=rows, read=read)


def _check_pieces(table: Table, found: int) -> None:
    """Refuse a part of a catalogue of Gadget's kind, which tells in how many files it is."""
    told = table.about.get("NumFilesPerSnapshot", table.about.get("NumFiles", found))
    if isinstance(told, int) and told != found:
        raise BoxError(
            f"{table.name} is one of {told} files and {found} are here; give the folder of all"
        )
