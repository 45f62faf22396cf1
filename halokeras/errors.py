"""The one family of errors that halopaint raises for what a user can put right."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_LONGEST = 2000
"""Characters of a message, whatever a file calls its fields."""


class HalopaintError(Exception):
    """A problem with the user's input, told in one sentence that names the remedy."""

    def __str__(self) -> str:
        # Names and values from a stranger's file must not break the line or steer the terminal.
        told = "".join(c if c.isprintable() else " " for c in super().__str__())
        half = _LONGEST // 2
        return told if len(told) <= _LONGEST else f"{told[:half]} ... {told[-half:]}"


class BoxError(HalopaintError):
    """A box file, density or halo catalogue that cannot be used."""


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
    where = ".".join(str(part) for part in first["loc"]) or of_all
    reason = first["msg"].removeprefix("Value error, ")
    return f"{where}: {reason}" if where else reason


def install(extra: str) -> str:
    """Say how an optional part of halopaint is installed, from the index or in a clone."""
    return f"pip install 'halopaint[{extra}]', or in a clone pip install '.[{extra}]'"
