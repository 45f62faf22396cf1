"""Where the params, saved painters and boxes that travel with halopaint lie."""

from pathlib import Path
from typing import Literal

Kind = Literal["params", "params/suites", "saved_models", "boxes"]

GEN_PAINTER = "gen"
"""Name of the painter that ships for one epoch and cosmology."""
ANY_PAINTER = "any"
"""Name of the painter that ships and is told redshift and cosmology."""

_PACKAGE = Path(__file__).parent


def shipped(kind: Kind) -> Path:
    """Return the folder of what is shipped: inside the wheel, or in a checkout at its top level."""
    inside = _PACKAGE / "shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def or_shipped(path: Path, kind: Kind) -> Path:
    """Return `path`, or where there is none what ships as ``gen`` or ``saved_models/gen``.

    A path into another folder, such as ``painted/box00_seed103.h5``, never means what ships.
    """
    if can_be_seen(path) or ".." in path.parts:
        return path
    beside = shipped(kind) / (path.relative_to(kind) if path.parts[:1] == (kind,) else path)
    return beside if beside.exists() else path


def can_be_seen(path: Path) -> bool:
    """Whether there is something at `path` that this user may look at."""
    try:
        return path.exists()
    except OSError:  # a folder that is closed to this user, such as the one to work in
        return False
