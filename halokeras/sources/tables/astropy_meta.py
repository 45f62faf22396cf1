"""What astropy writes beside the columns of a table: units, masks and meta, as YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from halokeras.sources.tables.table import needs, plain_about, unit_in
from halokeras.storage.unreadable import unreadable

_SERIALIZED = "__serialized_columns__"
_VALUES = ("data", "value", "unmasked")


@dataclass(frozen=True)
class AstropyMeta:
    """What is told of the columns of a table, and of the table.

    Attributes
    ----------
    names
        Of the columns as they are stored, in order.
    units
        By column, where there is one.
    masks
        By column the one that is true where it has no value.
    about
        As `halokeras.sources.tables.table.Table`.
    delimiter
        Of an ECSV file.
    """

    names: Sequence[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    delimiter: str = " "


def read_meta(lines: Sequence[str], name: str) -> AstropyMeta:
    """Read the YAML that astropy writes; nothing that it names is run.

    Raises
    ------
    BoxError
        If it is no such text, or astropy is missing; `name` is the file in messages.
    """
    meta = needs("astropy.table.meta", "catalogues", name)
    try:
        told = meta.get_header_from_yaml(lines)
        named = [str(column["name"]) for column in told["datatype"]]
        units = {
            str(column["name"]): column.get("unit") or unit_in(column.get("description"))
            for column in told["datatype"]
        }
        about = dict(told.get("meta") or {})
        masks = _masks(about.pop(_SERIALIZED, None) or {}, named)
        delimiter = str(told.get("delimiter", " "))
    except Exception as error:  # YAML's own and astropy's errors have no base of their own
        raise unreadable(name, error) from error
    stated = {column: str(unit) for column, unit in units.items() if unit is not None}
    return AstropyMeta(named, stated, masks, plain_about(about), delimiter)


def _masks(serialized: Mapping[str, Any], named: Sequence[str]) -> dict[str, str]:
    masks = {}
    for whole in serialized.values():
        mask = whole.get("mask")
        values = next((whole[name] for name in _VALUES if name in whole), None)
        if isinstance(mask, Mapping) and isinstance(values, Mapping):
            pair = str(values.get("name")), str(mask.get("name"))
            if all(name in named for name in pair):
                masks[pair[0]] = pair[1]
    return masks
