"""JSON files of a section: read, validated, and what is wrong in one told by its dotted path."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from halokeras.errors import ParamsError, problem
from halokeras.sections import Section
from halokeras.strict_json import strict_json
from halokeras.suggestions import beside, did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Fields = TypeVar("Fields", bound=Section)

_LARGEST = 2**24
"""Bytes that no such file has; a device has no end."""


def load_json(path: Path, kind: str, option: str, model: type[Fields], *beside_it: Path) -> Fields:
    """Read and validate a JSON file of any kind.

    Parameters
    ----------
    path
        The file.
    kind, option
        What errors call it, and the option that names it.
    model
        Its fields.
    beside_it
        Folders of such files, of which one may have been meant.

    Raises
    ------
    ParamsError
        If the file is missing or not JSON, or a field is unknown, duplicated or out of range;
        the message names the file and the field's dotted path.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except FileNotFoundError:
        meant = beside(path, *beside_it, pattern="*.json")
        raise ParamsError(
            f"{kind} {path} does not exist{meant}; give {option} an existing JSON file"
        ) from None
    except IsADirectoryError:
        raise ParamsError(f"{kind} {path} is a folder; give {option} a JSON file") from None
    except OSError as error:
        raise ParamsError(f"{kind} {path} cannot be read: {error.strerror}") from error
    if len(text) > _LARGEST:
        raise ParamsError(
            f"{kind} {path} has more than {_LARGEST} bytes; give {option} a JSON file"
        )
    return parse_json(text, str(path), model)


def parse_json(text: str | bytes, source: str, model: type[Fields]) -> Fields:
    """Validate a JSON `text` that errors will call `source`.

    Raises
    ------
    ParamsError
        As `load_json`.
    """
    try:
        fields = strict_json(text)
    except UnicodeDecodeError:
        raise ParamsError(f"{source} is not text in UTF-8; save it as that") from None
    except (ValueError, RecursionError) as error:  # also of numbers too long, brackets too deep
        raise ParamsError(f"{source} is not valid JSON: {error}") from error
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors()
        # pydantic counts what is wrong within a list as lacking there
        told = [
            _explain(one, model)
            for one in found
            if not (one["type"] == "too_short" and any(_within(each, one) for each in found))
        ]
        raise ParamsError(f"{source}: {'; '.join(told)}") from None


def _within(inner: "ErrorDetails", outer: "ErrorDetails") -> bool:
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _explain(error: "ErrorDetails", model: type[Section]) -> str:
    parts, known = _place(model, error["loc"])
    path = ".".join(parts)
    if error["type"] == "extra_forbidden":
        meant = did_you_mean(parts[-1], known) or f"; there are {', '.join(known)}"
        return f"unknown field '{path}'{meant}"
    if not path and error["type"] == "model_type":
        return f"must be a JSON object of {', '.join(known)}"
    return problem(error, f"field '{path}'" if path else "")


def _place(model: type[BaseModel], location: Sequence[str | int]) -> tuple[list[str], list[str]]:
    """Return the parts of a field's path, as the file has them, and the names of its section."""
    parts: list[str] = []
    section = inside = [model]
    kinds: str | None = None  # the field that tells which section it is
    for part in location:
        if kinds is not None:  # pydantic names it here, where the file does not
            inside = [each for each in inside if part in _choices(each, kinds)]
            kinds = None
            continue
        parts.append(str(part))
        section = inside
        fields = [each.model_fields[part] for each in section if part in each.model_fields]
        # what is no field is the number in a list, or a key
        inside = [found for field in fields for found in _models(field.annotation)] or section
        kinds = next((f.discriminator for f in fields if isinstance(f.discriminator, str)), None)
    return parts, list(dict.fromkeys(name for each in section for name in each.model_fields))


def _choices(model: type[BaseModel], field: str) -> tuple[Any, ...]:
    return get_args(model.model_fields[field].annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation, *annotation.__subclasses__()]  # of a painter, its kinds
    return [found for part in get_args(annotation) for found in _models(part)]
