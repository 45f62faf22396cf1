"""Quantities and names as people read them."""

import os
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

_MOST_DIFFERENCES = 3
"""Of two files that a message tells of."""


def duration(seconds: float) -> str:
    """Return a time in seconds below two minutes, minutes below two hours, or hours and minutes."""
    if round(seconds) < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60:,} h {minutes % 60:02d} min"


def amount_of_bytes(size: float) -> str:
    """Return a size in B, KiB, MiB or GiB."""
    amount, units = float(size), ["B", "KiB", "MiB", "GiB"]
    while amount >= 1024 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def in_ascii(text: str) -> str:
    """Return a text as a FITS header can hold it, in one line and without other letters."""
    return " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")


def name_of(path: Path) -> str:
    """Return the name of a file as every format can tell it, which the system's need not be."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


def differences_told(
    names: Iterable[str], has: Mapping[str, Any], wanted: Mapping[str, Any]
) -> str:
    """Say of the first few names what something has instead of what is wanted."""
    return ", ".join(
        f"{name} {_in_short(has.get(name))} instead of {_in_short(wanted.get(name))}"
        for name in islice(names, _MOST_DIFFERENCES)
    )


def _in_short(value: Any) -> str:
    """Return a value in a few letters: of a hash, which is no word, the first."""
    if value is None:
        return "not told"
    if isinstance(value, str) and len(value) == 64 and " " not in value:
        return f"{value[:8]}..."
    return f"{value:.10g}" if isinstance(value, float) else str(value)
