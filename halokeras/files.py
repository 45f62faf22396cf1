"""Files and folders that appear whole or not at all."""

import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from halokeras.errors import OutputError


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a temporary path beside `target` that takes its name once the block succeeds.

    The temporary file is synced to disk before the rename, so a reader, or a crash at any
    moment, sees the old file or the new one, never a part. On any exception the temporary
    file is removed and `target` is left as it was.

    Parameters
    ----------
    target
        The file to write; missing parent folders are made.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or the disk is full.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name}.", suffix=".part"
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
        sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path, mark: str, kind: str) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its name once the block succeeds.

    As `whole_file`; a folder of that name is replaced if it is of the same kind.

    Parameters
    ----------
    target
        The folder to write; missing parent folders are made.
    mark
        What every folder of this kind holds, so that no other is ever replaced.
    kind
        What such a folder is called in messages.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, the disk is full, or another folder is there.
    """
    temporary: Path | None = None
    target = target.resolve()
    if target.exists() and not (target / mark).exists() and not _is_empty(target):
        raise OutputError(f"{target} is there and no {kind}; choose another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        temporary.chmod(0o755)
        yield temporary
        for path in [*temporary.rglob("*"), temporary]:
            sync(path)
        _swap(temporary, target)
        sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def make_folder(target: Path) -> None:
    """Make a folder, with its parents, if it is not there; or raise `OutputError`."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error


def check_writable(target: Path) -> None:
    """Raise `OutputError` now if `target` could not be written after hours of work."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise unwritable(target, error) from error


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` whole, or raise `OutputError` and leave it as it was."""
    with whole_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def unwritable(target: Path, error: OSError | RuntimeError) -> OutputError:
    """Give the error that says why `target` cannot be written, and what to do."""
    reason = getattr(error, "strerror", None) or str(error)
    of_the_system = re.search(r"error message = '([^']+)'", reason)  # within what HDF5 tells
    reason = of_the_system[1] if of_the_system else " ".join(reason.split())
    return OutputError(
        f"cannot write {target}: {reason}; choose a folder that is writable and has space"
    )


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _swap(temporary: Path, target: Path) -> None:
    """Give `temporary` the name `target`; what had that name gets the temporary one."""
    if not target.exists():
        temporary.rename(target)
        return
    if _exchange(temporary, target):
        return
    # A file system that cannot exchange, such as NFS: the old folder steps aside for a moment.
    aside = temporary.with_name(f"{temporary.name}.old")
    target.rename(aside)
    temporary.rename(target)
    aside.rename(temporary)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step of the system; tell whether it could."""
    libc = ctypes.CDLL(None)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        return bool(libc.renamex_np(*names, 2) == 0)
    return bool(libc.renameat2(-100, names[0], -100, names[1], 2) == 0)


def _is_empty(target: Path) -> bool:
    return target.is_dir() and not any(target.iterdir())
