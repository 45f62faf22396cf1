"""Files that appear whole or not at all."""

import os
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


def unwritable(target: Path, error: OSError) -> OutputError:
    """Give the error that says why `target` cannot be written, and what to do."""
    reason = error.strerror or str(error)
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
