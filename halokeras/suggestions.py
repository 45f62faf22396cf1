"""What a user probably meant by a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean X?)`` for the nearest of the known names, or nothing if none is."""
    near = get_close_matches(name, sorted(set(known)), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def beside(path: Path, *others: Path, pattern: str = "*") -> str:
    """Suggest a file or folder in that of `path`, or in `others`, with a name like its own."""
    folders = [path.parent, *others]
    known = [found.name for folder in folders if folder.is_dir() for found in folder.glob(pattern)]
    return did_you_mean(path.name, known)
