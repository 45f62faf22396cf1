"""Columns in Parquet files, by pyarrow."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.sources.tables.astropy_meta import AstropyMeta, read_meta
from halokeras.sources.tables.table import (
    MOST_COLUMNS,
    NAMED_TWICE,
    Chunk,
    Table,
    TableColumn,
    UnreadableColumn,
    column_of,
    mask_out,
    needs,
    plain_about,
    sort_out,
)
from halokeras.storage.unreadable import reading

_META = b"table_meta_yaml"
"""Of the schema's metadata, what astropy tells of the table."""


@contextmanager
def open_parquet(path: Path, part: str | None, option: str) -> Iterator[Table]:
    """Open the columns of numbers, and of lists of so many numbers in every row.

    Raises
    ------
    BoxError
        If the file is no Parquet, or pyarrow is missing.
    """
    if part is not None:
        raise BoxError(f"{path} holds one table and no {part}; leave {option} out")
    pyarrow = needs("pyarrow", "catalogues", str(path))
    parquet = needs("pyarrow.parquet", "catalogues", str(path))
    with reading(str(path)):
        # A pre-buffer would keep the whole file. Pages without a checksum are read as they are.
        file = parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True)
        fields = list(file.schema_arrow)
    with file:
        if len(fields) > MOST_COLUMNS:
            raise BoxError(f"{path} has {len(fields)} columns; a table has {MOST_COLUMNS} at most")
        stored = dict(file.schema_arrow.metadata or {})
        written = stored.pop(_META, None)
        meta = AstropyMeta()
        if written is not None:
            meta = read_meta(written.decode("utf-8", "replace").splitlines(), str(path))
        described = {field.name: _column(pyarrow, field, meta) for field in fields}
        names_given = Counter(field.name for field in fields)
        described |= {name: NAMED_TWICE for name, times in names_given.items() if times > 1}
        columns, unusable = sort_out(described)

        def read(numbers: Sequence[str], integers: Sequence[str], rows: int) -> Iterator[Chunk]:
            names = [*dict.fromkeys((*numbers, *integers))]
            masks = {name: meta.masks[name] for name in names if name in meta.masks}
            needed = [*dict.fromkeys([*names, *masks.values()])]
            for batch in file.iter_batches(rows, columns=needed):
                chunk = {}
                for name in names:
                    lacking = _lacking(batch, name, masks)
                    if name in integers and lacking.any():
                        raise UnreadableColumn(str(path), name, "has rows without a value")
                    chunk[name] = mask_out(_values(batch.column(name)), lacking)
                yield chunk

        about = {**_about(stored), **meta.about}
        yield Table(str(path), "", columns, file.metadata.num_rows, read, about, unusable)


def _lacking(batch: Any, name: str, masks: Mapping[str, str]) -> NDArray[Any]:
    """Whether each row of a column has no value."""
    lacking: NDArray[Any] = batch.column(name).is_null().to_numpy(zero_copy_only=False)
    if name in masks:
        lacking = lacking | batch.column(masks[name]).to_numpy(zero_copy_only=False).astype(bool)
    return lacking


def _column(pyarrow: Any, field: Any, meta: AstropyMeta) -> TableColumn | str:
    told = (field.metadata or {}).get(b"unit")
    unit = told.decode("utf-8", "replace") if told else meta.units.get(field.name)
    listed = pyarrow.types.is_fixed_size_list(field.type)
    numbers = field.type.value_type if listed else field.type
    if not (pyarrow.types.is_floating(numbers) or pyarrow.types.is_integer(numbers)):
        return f"holds {field.type} and not real numbers"
    shape = (field.type.list_size,) if listed else ()
    # pyarrow's own dtype of a type needs pandas
    dtype = pyarrow.array([], numbers).to_numpy(zero_copy_only=False).dtype
    return column_of(dtype, shape, unit)


def _values(array: Any) -> NDArray[Any]:
    width = getattr(array.type, "list_size", 0)
    numbers = array.flatten() if width else array
    values: NDArray[Any] = numbers.to_numpy(zero_copy_only=False)
    return values.reshape(-1, width) if width else values


def _about(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """Read what is JSON, as our own catalogues are, and leave the rest as text."""
    about: dict[str, Any] = {}
    for name, value in metadata.items():
        text = value.decode("utf-8", "replace")
        try:
            about[name.decode("utf-8", "replace")] = json.loads(text)
        except (ValueError, RecursionError):
            about[name.decode("utf-8", "replace")] = text
    about.pop("ARROW:schema", None)
    about.pop("pandas", None)
    return plain_about(about)
