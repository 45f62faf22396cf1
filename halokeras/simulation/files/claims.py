"""Runs of simulations that one process makes at a time, and where they keep their state."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from halokeras.storage.files import locked, remove_abandoned


def state_of(target: Path) -> Path:
    """Return where the state of the run that begins with `target` is kept."""
    return target.parent / f".{target.name}.run" / "state.h5"


@contextmanager
def claimed(target: Path) -> Iterator[Path]:
    """Hold what `target` begins for this process alone; give the file of the run's state.

    The claim is a folder beside `target`, which the system frees when its holder dies, so that
    the next one takes over, with the state that is left.

    Raises
    ------
    Locked
        If another process holds it.
    OutputError
        If the folder cannot be made.
    """
    state = state_of(target)
    folder = state.parent
    with locked(folder):
        remove_abandoned(folder)
        try:
            yield state
        finally:
            if not any(folder.iterdir()):
                folder.rmdir()
