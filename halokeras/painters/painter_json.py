"""JSON of a saved painter, read with suspicion: no field twice, no NaN, no control characters."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from halokeras.errors import ModelError
from halokeras.strict_json import strict_json


def parse(path: Path, content: bytes) -> dict[str, Any]:
    """Return the JSON object in the content of `path`, or raise `ModelError` that names it."""
    try:
        value = strict_json(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON ({error}); copy the folder again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object; copy the folder again")
    if not all(text.isprintable() for text in _texts(value)):
        raise ModelError(f"{path} holds control characters; remove them")
    return value


def to_json(value: dict[str, Any], name: str) -> bytes:
    """Return the text of a JSON file, or raise `ModelError` that names it."""
    try:
        return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} takes plain, finite JSON values only: {error}") from error


def _texts(value: Any) -> Iterator[str]:
    """Return all texts of a JSON value, line breaks and tabs made spaces: some will be shown."""
    if isinstance(value, str):
        yield value.translate({ord(c): " " for c in "\n\r\t"})
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (name, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
