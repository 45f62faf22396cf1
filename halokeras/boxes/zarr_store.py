"""Zarr groups, which many processes of a cluster read and write chunk by chunk."""

from pathlib import Path
from typing import Any

from halokeras.errors import BoxError

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


def is_array(entry: Any) -> bool:
    """Whether an entry of a group is an array of real numbers."""
    return hasattr(entry, "chunks") and entry.dtype.kind in "fiu"
