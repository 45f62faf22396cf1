"""Where the params, saved painters and boxes that travel with halopaint lie."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent


def shipped(kind: Literal["params", "saved_models", "boxes"]) -> Path:
    """Return the folder of what is shipped: inside the wheel, or in a checkout at its top level."""
    inside = _PACKAGE / "shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind
