"""Files and folders that appear whole or not at all."""

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from halokeras.errors import OutputError
from halokeras.storage.durable import finish_swap, swap, sync, sync_tree

_SUFFIX = ".halopaint"
SUFFIXES = (".h5", ".zarr")
"""That the names of box files end in."""
Found = Literal["absent", "whole", "damaged"]
"""What there is of a file that is to be written."""
DAMAGED = "it is damaged, and does not tell what it was"
"""Why an output that is cut is refused where its name does not tell either."""
_GROUPS = (".zarr", ".bigfile")
_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.halopaint")


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Return a temporary path near `target` that takes its name once the block succeeds.

    The temporary file is synced to disk before the rename, so a reader, or a crash at any
    moment, sees the old file or the new one, never a part. On any exception the temporary
    file is removed and `target` is left as it was; what a killed process left behind, the next
    one that writes into the folder removes.

    Parameters
    ----------
    target
        The file to write, or a symbolic link to it; missing parent folders are made.

    Raises
    ------
    OutputError
        If the folder cannot be made or written, or the disk is full.
    """
    target = target.resolve()
    with _temporary_folder(target) as folder:
        temporary = folder / target.name
        temporary.touch()
        yield temporary
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)


@contextmanager
def whole_folder(target: Path, mark: str, kind: str) -> Iterator[Path]:
    """Return an empty folder near `target` that takes its name once the block succeeds.

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
    target = target.resolve()
    finish_swap(target)
    check_replaceable(target, mark, kind)
    with _temporary_folder(target) as folder:
        temporary = folder / target.name
        temporary.mkdir()
        yield temporary
        sync_tree(temporary)
        swap(temporary, target)
        sync(target.parent)


def check_replaceable(target: Path, mark: str, kind: str) -> None:
    """Raise `OutputError` if `target` is there and neither empty nor a folder that holds `mark`."""
    if target.exists() and not (target / mark).exists() and not _is_empty(target):
        raise OutputError(f"{target} is there and no {kind}; choose another folder")


def make_folder(target: Path) -> None:
    """Make a folder, with its parents, if it is not there; or raise `OutputError`."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error


def check_no_folder(target: Path) -> None:
    """Raise `OutputError` if a folder has the name of a file to write.

    Groups of files, such as Zarr's, are folders; who writes them looks at what they replace.
    """
    if target.is_dir() and target.suffix not in _GROUPS:
        raise OutputError(f"{target} is a folder; name a file to write")


def check_writable(target: Path) -> None:
    """Make the folder of `target`, or raise `OutputError` now if that or it cannot be written."""
    check_could_be_written(target)
    target = target.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error


def check_could_be_written(target: Path) -> None:
    """Raise `OutputError` now if `target` could not be written after hours of work; make nothing.

    Of folders that are not there yet the one that they would be made in is tried.
    """
    check_no_folder(target)
    try:
        there = next(folder for folder in target.resolve().parents if folder.exists())
        with tempfile.TemporaryFile(dir=there):
            pass
    except (OSError, RuntimeError) as error:  # the latter of links that lead to themselves
        raise unwritable(target, error) from error


def check_absent(target: Path, overwrite: bool = False) -> None:
    """Raise `OutputError` if `target` is there and is not to be overwritten."""
    check_no_folder(target)
    if target.exists() and not overwrite:
        remove_abandoned(target.parent)
        raise refusal(target, "exists")


def refusal(target: Path, reason: str, option: str = "--output") -> OutputError:
    """Return the error of an output, which `option` names, that is never replaced unasked."""
    return OutputError(f"{target} {reason}; {replacing(option)}")


def refusal_of_other(target: Path, otherwise: str) -> OutputError:
    """Return the refusal of an output that is there, by what says that it is another."""
    return refusal(target, f"is there and holds something else ({otherwise})")


def made_again(target: Path) -> str:
    """Warn of an output that is there and damaged, and is replaced by the same whole."""
    return f"{target} is damaged, and is made again"


def replacing(option: str = "--output") -> str:
    """Say what helps where an output, which `option` names, is there."""
    return f"remove it, choose another {option}, or replace it with --overwrite"


class Locked(OutputError):
    """A folder that another process holds."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made if missing, for this process alone; the system lets go of a dead one's.

    On a file system without such locks, as some of clusters, the block runs without one.

    Raises
    ------
    Locked
        If another process holds it.
    OutputError
        If it cannot be made.
    """
    try:
        lock = _hold(folder)
        while lock is None:  # it was removed by the one who held it
            lock = _hold(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        os.close(lock)


def empty_folder(folder: Path) -> None:
    """Remove all that is in a folder, which stays.

    Raises
    ------
    OSError
        If something cannot be removed.
    """
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary folders in `folder` whose processes are dead, and no others."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return
    for name in names:
        if not _TEMPORARY.fullmatch(name):
            continue
        try:
            lock = os.open(folder / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder / name, ignore_errors=True)
        except OSError:  # it is alive, or the file system cannot tell
            continue
        finally:
            os.close(lock)


def write_text(target: Path, text: str) -> None:
    """Write `text` to `target` whole, or raise `OutputError` and leave it as it was."""
    with whole_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def unwritable(target: Path, error: OSError | RuntimeError) -> OutputError:
    """Return the error that says why `target` cannot be written, and what to do."""
    reason = " ".join(str(error).split())
    of_the_system = re.search(r"error message = '([^']+)'", reason)  # within what HDF5 tells
    number = getattr(error, "errno", None)
    if number == errno.EEXIST:  # of a folder to make where a file has its name
        number = errno.ENOTDIR
    if number:
        reason = os.strerror(number)
    elif of_the_system:
        reason = of_the_system[1]
    elif re.fullmatch(r"\d+ requested and \d+ written", reason):  # so numpy tells of a full disk
        reason = "the disk did not take all of it"
    return OutputError(
        f"cannot write {target}: {reason}; choose a folder that is writable and has space"
    )


def _is_empty(target: Path) -> bool:
    return target.is_dir() and not any(target.iterdir())


@contextmanager
def _temporary_folder(target: Path) -> Iterator[Path]:
    """Return an empty folder beside `target`, held while the block runs and removed after it.

    Raises
    ------
    OutputError
        For every `OSError`.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target.parent)
        folder, lock = _new_folder(target)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
    except OSError as error:
        raise unwritable(target, error) from error


def _new_folder(target: Path) -> tuple[Path, int]:
    """Make a folder beside `target` and lock it."""
    while True:  # others may take it for abandoned before it is locked
        made = tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=_SUFFIX)
        with suppress(Locked):
            lock = _hold(Path(made))
            if lock is not None:
                return Path(made), lock


def _of_another_process(folder: Path) -> str:
    """Say what another process is at: in a hidden folder, .NAME.ENDING, what is to be NAME."""
    if not folder.name.startswith("."):
        return f"another process is at work in {folder}; wait for it, or stop it first"
    made = folder.with_name(folder.stem[1:])
    return (
        f"another process is making {made}; wait for it, stop it first, or choose another --output"
    )


def _hold(folder: Path) -> int | None:
    """Lock a folder; None if it was removed meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:  # what is there is no folder, or was one
        if os.path.lexists(error.filename):
            raise
        return None
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Locked(_of_another_process(folder)) from None
    except OSError:  # no such locks here
        return lock
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(lock), folder.stat()):
            return lock
    os.close(lock)
    return None
