"""Where the params, saved painters and boxes that travel with halopaint lie."""

from pathlib import Path
from typing import Literal

Kind = Literal["params", "params/suites", "saved_models", "boxes"]

_PACKAGE = Path(__file__).parent


def shipped(kind: Kind) -> Path:
    """Return the folder of what is shipped: inside the wheel, or in a checkout at its top level."""
    inside = _PACKAGE / "shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def or_shipped(path: Path, kind: Kind) -> Path:
    """Return `path`, or where there is none the file or folder of that name that ships."""
    beside = shipped(kind) / path.name
    return beside if not can_be_seen(path) and beside.exists() else path


def can_be_seen(path: Path) -> bool:
    """Whether there is something at `path` that this user may look at."""
    try:
        return path.exists()
    except OSError:  # a folder that is closed to this user, such as the one to work in
        return False
