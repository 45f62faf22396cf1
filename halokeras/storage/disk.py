"""How much space a disk has to spare, and what needs more."""

import shutil
from contextlib import suppress
from pathlib import Path

from halokeras.errors import OutputError
from halokeras.readable import amount_of_bytes


def refuse_beyond_disk(need: float, folder: Path, what: str, remedy: str) -> None:
    """Raise `OutputError` if `what` needs more bytes than are free where `folder` is or will be."""
    free = free_disk(folder)
    if need > free:
        raise OutputError(
            f"{what} needs {amount_of_bytes(need)} of disk in {folder} and {amount_of_bytes(free)} "
            f"are free; {remedy}"
        )


def free_disk(folder: Path) -> int:
    """Return the bytes that are free where a folder is or will be."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def size_on_disk(path: Path) -> int:
    """Return the bytes of a file; 0 where there is none, as when another process removes it."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
