"""What a user probably meant by a name that is not there."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path

_NEAR = 0.6
"""Least likeness of a name that is suggested, as `difflib.get_close_matches` has it."""


def did_you_mean(name: str, known: Iterable[str], ending: str = "") -> str:
    """Return `` (did you mean X?)`` for the nearest of the known names, or nothing if none is.

    Names are compared without an `ending` that all of them have, which is told with X, and capitals
    are as small letters.
    """
    likeness = {
        one: SequenceMatcher(None, one.lower(), name.lower()).ratio() for one in sorted(set(known))
    }
    near = max(likeness, key=likeness.__getitem__, default="")  # the first of those equally near
    return f" (did you mean {near}{ending}?)" if likeness.get(near, 0.0) >= _NEAR else ""


def beside(path: Path, *others: Path, pattern: str = "*") -> str:
    """Suggest a file or folder in that of `path`, or in `others`, with a name like its own."""
    folders = [path.parent, *others]
    known = [found.name for folder in folders if folder.is_dir() for found in folder.glob(pattern)]
    # Of names that all end alike the end says nothing of what was meant.
    ending = path.suffix if pattern == f"*{path.suffix}" else ""
    stems = [name.removesuffix(ending) for name in known]
    return did_you_mean(path.name.removesuffix(ending), stems, ending)
