"""How much space a disk has to spare, and what needs more."""

import shutil
from pathlib import Path

from halokeras.errors import OutputError


def refuse_beyond_disk(need: float, folder: Path, what: str, remedy: str) -> None:
    """Raise `OutputError` if `what` needs more bytes than are free where `folder` is or will be."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(there).free
    if need > free:
        raise OutputError(
            f"{what} needs {need / 2**30:.1f} GiB of disk in {folder} and {free / 2**30:.1f} GiB "
            f"are free; {remedy}"
        )
