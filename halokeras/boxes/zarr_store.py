"""Zarr groups, which many processes of a cluster read and write chunk by chunk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from halokeras.errors import BoxError, HalopaintError

SUFFIX = ".zarr"


def open_group(path: Path, mode: str = "r") -> Any:
    """Open a Zarr group in a folder, or raise `BoxError` if there is none or Zarr is missing."""
    try:
        import zarr
    except ImportError as error:
        raise BoxError(
            f"{path} needs Zarr; install it with `pip install 'halopaint[cluster]'`"
        ) from error
    try:
        return zarr.open_group(str(path), mode=mode)
    except (OSError, ValueError, KeyError) as error:
        raise BoxError(
            f"{path} cannot be read as a Zarr group ({str(error).splitlines()[0]}); check the path"
        ) from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what Zarr raises for damaged metadata or chunks into `BoxError`."""
    try:
        yield
    except HalopaintError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        line = (str(error) or type(error).__name__).splitlines()[0]
        raise BoxError(
            f"{path} cannot be read as a Zarr group ({line}); fetch or make it again"
        ) from error


def is_array(entry: Any) -> bool:
    """Whether an entry of a group is an array of real numbers."""
    return hasattr(entry, "chunks") and entry.dtype.kind in "fiu"
