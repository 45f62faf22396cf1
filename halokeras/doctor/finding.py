"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How a check went: well, so that something is worth knowing, or not."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    name
        Of what was looked at.
    value
        What was found, for a reader.
    level
        A problem keeps halopaint from working; a warning tells why it may be slow or differ.
    remedy
        What to do about a warning or problem.
    details
        Plain values for scripts.
    """

    name: str
    value: str
    level: Level = Level.OK
    remedy: str = ""
    details: dict[str, Any] | None = None
