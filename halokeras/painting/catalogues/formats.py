"""Files of halo catalogues, each written whole, piece by piece, by the library of its format."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.columns import Column
from halokeras.boxes.halos import COLUMNS as DECLARED
from halokeras.errors import OutputError, install
from halokeras.readable import in_ascii
from halokeras.storage.checksums import COLUMN_SHA256, ROWS_SHA256, ROWS_SUM, ArraySum, fits_sum
from halokeras.storage.files import whole_file, whole_folder
from halokeras.storage.hdf5_store import create_array, new_file, stored_bytes
from halokeras.storage.store import Layout

Columns = dict[str, NDArray[Any]]
About = dict[str, str | int | float | list[float]]
Append = Callable[[Columns], None]


_PAINTED_ID = replace(DECLARED["id"], meaning="voxel index x 65536 + number in the voxel")
"""What an id is in a catalogue that was painted."""
_PAINTED_MASS = replace(DECLARED["mass"], meaning="mass, by the mass_definition of the catalogue")
_DECLARED = {**DECLARED, "id": _PAINTED_ID, "mass": _PAINTED_MASS}
HOST = "halo_hostid"
_SEEN = {
    f"halo_{axis}_rsd": Column(
        "f4",
        "Mpc/h",
        f"{axis} in redshift space, {axis} + v{axis} / (a H)",
        name=f"halo_{axis}_rsd",
    )
    for axis in "xyz"
}
_GALAXIES = {
    "galaxy_type": Column("i2", "", "0 of a central galaxy, 1 of a satellite", name="galaxy_type"),
    **{
        name: Column(dtype, unit, meaning.format(axis), name=name)
        for dtype, unit, meaning, names in (
            ("f4", "Mpc/h", "comoving {}", "{}"),
            ("f4", "km/s", "peculiar v{}", "v{}"),
            ("f4", "Mpc/h", "{0} in redshift space, {0} + v{0} / (a H)", "{}_rsd"),
        )
        for axis in "xyz"
        for name in (names.format(axis),)
    },
}
"""Those of galaxies by their halotools names; of their halos they have id and mass."""
COLUMNS: Mapping[str, Column] = {
    name: part for column in _DECLARED.values() for name, part in column.parts().items()
} | {
    HOST: Column("i8", "", "id of the halo itself, or of the one around it", name=HOST),
    **_SEEN,
    **_GALAXIES,
}
"""The columns of halos and galaxies by their halotools names."""
# To astropy "Mpc/h" is megaparsec per hour, so FITS and ECSV tell units in descriptions only.

_BIGFILE = {
    "ID" if name == "id" else name.title().replace("_", ""): tuple(column.parts())
    for name, column in _DECLARED.items()
} | {"HostID": (HOST,), **{f"RedshiftSpace{name[5].upper()}": (name,) for name in _SEEN}}
"""The columns by the names that nbodykit looks for."""
_BIGFILE_GALAXIES = {
    "HaloID": ("halo_id",),
    "Type": ("galaxy_type",),
    "Position": ("x", "y", "z"),
    "Velocity": ("vx", "vy", "vz"),
    **{f"RedshiftSpace{axis.upper()}": (f"{axis}_rsd",) for axis in "xyz"},
    **{f"Halo{name}": parts for name, parts in _BIGFILE.items() if name.startswith("Mass")},
}
_BIGFILE_HEADER = {"Lbox": "BoxSize", "redshift": "Redshift"}
_HDF5_ROWS = 2**16
"""Rows in a chunk."""
_BIGFILE_ROWS = 2**25
"""Rows in each physical file, as the bigfile package writes an array."""
_FITS_BLOCK = 2880
_NO_SHA256 = "0" * 64
"""Takes the place of the checksum that is told at the end."""


@contextmanager
def catalogue_file(
    target: Path, format: str, names: Sequence[str], size: int, about: About
) -> Iterator[Append]:
    """Return a function that appends rows to a catalogue, which appears whole after the block.

    Parameters
    ----------
    target
        The file, or for BigFile the folder, to write.
    format
        One of `FORMATS`.
    names
        The columns, of `COLUMNS`.
    size
        Rows that will be appended.
    about
        What else the file tells.

    Raises
    ------
    OutputError
        If the file cannot be written, or the package for its format is not installed.
    """
    check_format(format)
    whole: AbstractContextManager[Path] = (
        whole_folder(target, "Header", "BigFile") if format == "bigfile" else whole_file(target)
    )
    with whole as temporary, FORMATS[format].write(temporary, names, size, about) as append:
        yield append


def check_format(format: str) -> None:
    """Raise `OutputError` now if the package that writes `format` is not installed."""
    wanted = FORMATS[format]
    try:
        import_module(wanted.package)
    except ImportError as error:
        raise OutputError(
            f"a {format} catalogue needs the package {wanted.package}, which is not installed: "
            f"{install(wanted.extra)}"
        ) from error


@contextmanager
def _hdf5(path: Path, names: Sequence[str], size: int, about: About) -> Iterator[Append]:
    rows = min(size, _HDF5_ROWS)
    layouts = {name: Layout((size,), COLUMNS[name].dtype, (rows,)) for name in names}
    with new_file(path, sum(map(stored_bytes, layouts.values()))) as file:
        file.attrs.update(about)
        for name in names:
            stored = create_array(file, name, layouts[name])
            stored.attrs["unit"] = COLUMNS[name].unit
            stored.attrs["description"] = COLUMNS[name].description
            stored.attrs[COLUMN_SHA256] = np.bytes_(_NO_SHA256)
        sums = {name: ArraySum(layouts[name].dtype, (size,)) for name in names}
        done = 0

        def append(rows: Columns) -> None:
            nonlocal done
            stop = done + len(rows["halo_id"])
            for name in names:
                file[name][done:stop] = rows[name]
                sums[name].add(rows[name])
            done = stop

        yield append
        for name in names:  # in its place, as it is of one length
            file[name].attrs.modify(COLUMN_SHA256, np.bytes_(sums[name].hexdigest()))


@contextmanager
def _fits(path: Path, names: Sequence[str], size: int, about: About) -> Iterator[Append]:
    """Write the header by astropy and the rows behind it, as astropy cannot append to a table."""
    from astropy.io import fits

    row = np.dtype([(name, f">{COLUMNS[name].dtype}") for name in names])
    header = fits.BinTableHDU(np.empty(0, row), name="HALOS").header
    header["NAXIS2"] = size
    for number, name in enumerate(names, start=1):
        header[f"TCOMM{number}"] = COLUMNS[name].description
    for name, value in about.items():
        values = dict(zip("XYZ", value, strict=True)) if isinstance(value, list) else {"": value}
        for axis, part in values.items():
            told = in_ascii(part) if isinstance(part, str) else part
            header[f"HIERARCH {name.upper()}{axis and '_'}{axis}"] = told
    first = fits.PrimaryHDU().header
    first[ROWS_SUM] = "0" * 10, "sum of the rows, as DATASUM"
    with path.open("w+b") as file:
        file.write(first.tostring().encode("ascii") + header.tostring().encode("ascii"))
        start = file.tell()

        def append(rows: Columns) -> None:
            table = np.empty(len(rows["halo_id"]), row)
            for name in names:
                table[name] = rows[name]
            file.write(table.tobytes())

        yield append
        file.write(bytes(-size * row.itemsize % _FITS_BLOCK))
        end = file.tell()
        file.seek(start)
        first[ROWS_SUM] = fits_sum(file, end - start)
        file.seek(0)
        file.write(first.tostring().encode("ascii"))


@contextmanager
def _ecsv(path: Path, names: Sequence[str], size: int, about: About) -> Iterator[Append]:
    from astropy.io import ascii
    from astropy.table import Column as TableColumn
    from astropy.table import Table

    columns = [
        TableColumn(np.empty(0, COLUMNS[name].dtype), name, description=COLUMNS[name].description)
        for name in names
    ]
    head = StringIO()
    Table(columns, meta=about).write(head, format="ascii.ecsv")
    *above, named = head.getvalue().splitlines(keepends=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("".join(above) + "# " + ROWS_SHA256)
        file.flush()
        place = path.stat().st_size
        file.write(_NO_SHA256 + "\n" + named)
        file.flush()
        start = path.stat().st_size
        yield lambda rows: ascii.write(Table([rows[name] for name in names]), file, "no_header")
    with path.open("r+b") as written:
        written.seek(start)
        told = hashlib.file_digest(written, "sha256").hexdigest()
        written.seek(place)
        written.write(told.encode())


@contextmanager
def _parquet(path: Path, names: Sequence[str], size: int, about: About) -> Iterator[Append]:
    import pyarrow
    from pyarrow import parquet

    fields = [
        pyarrow.field(
            name,
            pyarrow.from_numpy_dtype(COLUMNS[name].dtype),
            nullable=False,
            metadata={"unit": COLUMNS[name].unit, "description": COLUMNS[name].description},
        )
        for name in names
    ]
    told = {name: json.dumps(value) for name, value in about.items()}
    schema = pyarrow.schema(fields, metadata=told)
    with parquet.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        yield lambda rows: writer.write_table(pyarrow.table(rows, schema=schema))


@contextmanager
def _bigfile(path: Path, names: Sequence[str], size: int, about: About) -> Iterator[Append]:
    import bigfile

    known = _BIGFILE_GALAXIES if "galaxy_type" in names else _BIGFILE
    parts = {name: columns for name, columns in known.items() if columns[0] in names}
    files = -(-size // _BIGFILE_ROWS)
    try:
        with bigfile.BigFile(str(path), create=True) as folder, ExitStack() as opened:
            with folder.create("Header") as header:
                for name, value in about.items():
                    header.attrs[_BIGFILE_HEADER.get(name, name)] = value
            blocks = {}
            for name, columns in parts.items():
                dtype = np.dtype((COLUMNS[columns[0]].dtype, len(columns)))
                blocks[name] = opened.enter_context(folder.create(name, dtype, size, files))
            done = 0

            def append(rows: Columns) -> None:
                nonlocal done
                for name, columns in parts.items():
                    blocks[name].write(done, np.stack([rows[part] for part in columns], axis=1))
                done += len(rows["halo_id"])

            yield append
    except bigfile.Error as error:
        raise OSError(str(error)) from error


@dataclass(frozen=True)
class Format:
    """How a catalogue is written.

    Attributes
    ----------
    suffix
        Of its name.
    package, extra
        What writes it, and the extra that has it.
    halo_bytes
        Bytes of a halo with place, velocity, mass and hierarchy, as measured; beside them HDF5
        has columns end with a whole piece of `_HDF5_ROWS`.
    write
        The writer.
    """

    suffix: str
    package: str
    extra: str
    halo_bytes: int
    write: Callable[[Path, Sequence[str], int, About], AbstractContextManager[Append]]


FORMATS: Mapping[str, Format] = {
    "hdf5": Format(".hdf5", "h5py", "", 52, _hdf5),
    "fits": Format(".fits", "astropy", "catalogues", 52, _fits),
    "ecsv": Format(".ecsv", "astropy", "catalogues", 153, _ecsv),
    "parquet": Format(".parquet", "pyarrow", "catalogues", 51, _parquet),
    "bigfile": Format(".bigfile", "bigfile", "bigfile", 52, _bigfile),
}


def format_of(path: Path) -> str | None:
    """Return the format that the ending of a name stands for, if it is one of these."""
    if path.suffix == ".h5":
        return "hdf5"
    return next((name for name, one in FORMATS.items() if one.suffix == path.suffix), None)
