"""JSON that means one thing: no field twice, no number that is none, no half character."""

import json
import math
from collections.abc import Mapping
from typing import Any


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it stands in the file, duplicates and all."""


class _NoNumber(str):
    """NaN or an infinity."""

    __slots__ = ()


def strict_json(text: str | bytes) -> Any:
    """Return the value that a JSON text holds.

    Raises
    ------
    ValueError
        If it is no JSON, or a field, which the message names, is given twice, is NaN or infinite,
        or holds half a character.
    RecursionError
        If brackets are too deep.
    """
    return _checked(json.loads(text, object_pairs_hook=_Pairs, parse_constant=_NoNumber), "")


def _checked(value: Any, path: str) -> Any:
    field = f"field '{path.removesuffix('.')}'"
    if isinstance(value, _Pairs):
        fields: dict[str, Any] = {}
        for name, inner in value:
            if name in fields:
                raise ValueError(f"field '{path}{name}' is given twice; keep one of them")
            fields[name] = _checked(inner, f"{path}{name}.")
        return fields
    if isinstance(value, _NoNumber):
        raise ValueError(f"{field} is {value}, which is not a number; correct it")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"{field} holds half a character; correct it")
    if isinstance(value, list):
        return [_checked(inner, f"{path}{i}.") for i, inner in enumerate(value)]
    return value


def in_json(value: Any) -> Any:
    """Return a value in types that JSON has; null for numbers that are none."""
    if isinstance(value, Mapping):
        return {name: in_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [in_json(inner) for inner in value]
    # NumPy's arrays and numbers, without NumPy, which commands that need none do not import
    if hasattr(value, "tolist"):
        return in_json(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
