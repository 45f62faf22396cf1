"""The one family of errors that halopaint raises for what a user can put right."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_LONGEST = 2000
"""Characters of a message, whatever a file calls its fields."""
_LONGEST_VALUE = 60
"""Characters of a value that a message quotes."""


class HalopaintError(Exception):
    """A problem with the user's input, told in one sentence that names the remedy."""

    def __str__(self) -> str:
        # Names and values from a stranger's file must not break the line or steer the terminal.
        told = "".join(c if c.isprintable() else " " for c in super().__str__())
        half = _LONGEST // 2
        return told if len(told) <= _LONGEST else f"{told[:half]} ... {told[-half:]}"


class BoxError(HalopaintError):
    """A box file, density or halo catalogue that cannot be used."""


class DamagedError(BoxError):
    """One that is cut short, or is not what was written."""


class ParamsError(HalopaintError):
    """Training parameters that are unknown, duplicated, out of range or at odds."""


class ModelError(HalopaintError):
    """A saved painter that cannot be loaded, or does not fit the input."""


class RunError(HalopaintError):
    """A training run that cannot start, go on or be found."""


class OutputError(HalopaintError):
    """A file or folder that cannot be written."""


def first_problem(error: "ValidationError", of_all: str = "") -> str:
    """Return the first thing that pydantic finds wrong, after the field or else `of_all`."""
    first = error.errors()[0]
    return problem(first, ".".join(str(part) for part in first["loc"]) or of_all)


def problem(found: "ErrorDetails", where: str) -> str:
    """Return what pydantic finds wrong in plain words, with the value, after the field it is in."""
    told = _problem(found["type"], found.get("ctx", {}), found["input"])
    if told is None:
        reason = found["msg"].removeprefix("Value error, ")
        return f"{where}: {reason}" if where else reason
    return f"{where} {told}".lstrip()


def _problem(kind: str, limits: dict[str, Any], value: object) -> str | None:
    if kind == "missing":
        return "is missing"
    if kind == "union_tag_not_found":
        return f"has no {limits['discriminator']}"
    if kind == "union_tag_invalid":
        kinds = limits["expected_tags"].replace(", ", " or ")
        return f"must be of {limits['discriminator']} {kinds}, not {limits['tag']!r}"
    if kind == "too_short":
        return f"must have {limits['min_length']} or more in it"
    if kind == "string_too_short":
        return "must not be empty"
    if kind in _KINDS:
        wanted = _KINDS[kind]
    elif kind in _BOUNDS:
        numbers = {name: _as_number(limit) for name, limit in limits.items()}
        wanted = _BOUNDS[kind].format(**numbers)
    else:
        return None
    return f"must be {wanted}, not {_as_json(value)}"


_KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a JSON object",
    "model_type": "a JSON object",
}
_BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "below {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "as {pattern} has it",
}
"""What a value must be, by what pydantic calls it when it is not."""


def _as_number(limit: object) -> object:
    return f"{limit:g}" if isinstance(limit, float) else limit


def _as_json(value: object) -> str:
    if isinstance(value, dict | list | tuple):
        return "a JSON object" if isinstance(value, dict) else "a list"
    told = json.dumps(value, default=str, ensure_ascii=False)
    return told if len(told) <= _LONGEST_VALUE else f"{told[:_LONGEST_VALUE]}..."


def install(extra: str) -> str:
    """Say how an optional part of halopaint is installed, from the index or in a clone."""
    return f"pip install 'halopaint[{extra}]', or in a clone pip install '.[{extra}]'"
