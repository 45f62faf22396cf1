"""What work on files tells while it goes on; commands show it, and Python need not."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Listener:
    """Who is told.

    Attributes
    ----------
    progress
        Called with the stage that is going on and the fraction of it that is done.
    announce
        Called with a word, such as ``Making``, and what will be made and take how long.
    warn
        Called with a sentence on what may be wrong.
    """

    progress: Callable[[str, float], None] = lambda stage, fraction: None
    announce: Callable[[str, str], None] = lambda what, message: None
    warn: Callable[[str], None] = lambda message: None
