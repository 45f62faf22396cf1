"""What is safely on the disk, and names that files and folders take in one step of the system."""

import ctypes
import os
import shutil
import sys
from pathlib import Path

_CLOCK_TICK = 10**8
"""Nanoseconds by which the times of files may lag behind the clock."""


def reserve(path: Path, size: int) -> None:
    """Make a file `size` bytes long and take the space on the disk, where the system can."""
    if hasattr(os, "posix_fallocate"):
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path, since: int = 0) -> None:
    """Have the disk hold all files below a folder that were written `since` then [ns], by name."""
    for path in [*folder.rglob("*"), folder]:
        if path.stat().st_mtime_ns >= since - _CLOCK_TICK:
            sync(path)


def swap(temporary: Path, target: Path) -> None:
    """Give `temporary` the name `target`; what had that name gets the temporary one."""
    if not target.exists():
        temporary.rename(target)
        return
    if _exchange(temporary, target):
        return
    # A file system that cannot exchange, such as NFS: the old folder steps aside for a moment.
    aside = _aside(target)
    target.rename(aside)
    temporary.rename(target)
    aside.rename(temporary)


def finish_swap(target: Path) -> None:
    """Put right what a process that was killed in the midst of `swap` left."""
    aside = _aside(target)
    if aside.exists():
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)


def take(part: Path, target: Path) -> None:
    """Give `part`, a file or folder, the name `target`, in place of what has that name."""
    if part.is_dir():
        swap(part, target)
    else:
        part.replace(target)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.aside")


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step of the system; tell whether it could."""
    libc = ctypes.CDLL(None)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        return bool(libc.renamex_np(*names, 2) == 0)
    return bool(libc.renameat2(-100, names[0], -100, names[1], 2) == 0)
