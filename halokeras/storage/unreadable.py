"""What the libraries of the formats raise on files that are damaged or made up, as one error."""

import errno
import os
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from halokeras.errors import BoxError, DamagedError

UNREADABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""Not what a bug raises: a TypeError is the file's only to `reading`."""

_BUGS = (AttributeError, SystemError, TypeError)

_CHECKED = ("filter returned failure", "checksum", "CRC", "deserialize thrift")
"""What HDF5, Parquet and ZIP say of parts that are not what their checksums tell, or no parts."""
_CUT = ("truncated file", "not found in footer", "minimum file footer", "Empty or corrupt FITS")
"""What HDF5, Parquet and FITS say of files that are shorter than they were written."""
_PACKAGE = Path(__file__).parents[1]
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_UNLOCKED = "HDF5_USE_FILE_LOCKING=FALSE in the environment"


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Raise as a `BoxError` on file `name` what a library raises in the block that reads it.

    Of malformed files libraries raise what else only a bug raises, such as a TypeError. Where our
    own code raised that it is a bug of ours, and raised as it is.
    """
    try:
        yield
    except (*UNREADABLE, *_BUGS) as error:
        if isinstance(error, _BUGS) and _is_ours(error):
            raise
        raise unreadable(name, error) from error


def unreadable(name: str, error: BaseException) -> BoxError:
    """Return the error that says in one sentence why a file cannot be read, and what helps."""
    reason = (" ".join(str(error).split()) or type(error).__name__).rstrip(".")[:200]
    locked = _lock_trouble(error)
    if locked is not None:
        return BoxError(f"{name} cannot be read: {locked}")
    if isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError) and error.errno:
        return BoxError(
            f"{name} cannot be read ({os.strerror(error.errno)}); check the path and its "
            "permissions"
        )
    if type(error).__name__ == "UnknownCodecError":  # zarr's, and numcodecs'
        return BoxError(
            f"{name} is packed by a codec that is not installed ({reason}); install it, or write "
            "the array again with zstd or gzip"
        )
    if any(told in reason for told in _CHECKED):
        return DamagedError(f"{name} is damaged ({reason}); fetch or make it again")
    if any(told in reason for told in _CUT):
        return DamagedError(f"{name} is damaged: its end is missing; fetch or make it again")
    return BoxError(
        f"{name} cannot be read ({reason}); it may be truncated or of another kind: fetch or "
        "write it again"
    )


def refuse_pipe(path: Path) -> None:
    """Refuse a pipe in the place of a file that is read here and there, and waited for in vain."""
    if path.is_fifo():
        raise BoxError(f"{path} is a pipe; write what it gives to a file, and name that")


def _lock_trouble(error: BaseException) -> str | None:
    """Say what is wrong and what helps if HDF5 could not lock a file; None of any other error."""
    if "unable to lock file" not in str(error):
        return None
    if isinstance(error, OSError) and error.errno in _NO_LOCKS:
        return f"its file system has no file locks; set {_UNLOCKED}"
    return (
        "another process has it open and may be writing it; wait until that is done, or, if "
        f"nothing writes it, set {_UNLOCKED}"
    )


def _is_ours(error: BaseException) -> bool:
    """Whether an exception was raised by code of this package, not by that of a library."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and Path(trace.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE)
