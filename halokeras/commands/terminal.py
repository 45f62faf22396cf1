"""What commands show: one line of progress or trouble on stderr, results on stdout."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

if TYPE_CHECKING:
    from rich.console import RenderableType


class Show(Protocol):
    """Moves a progress bar to the fraction `done`, under another `task` if one is named."""

    def __call__(self, done: float, task: str | None = None) -> None: ...  # noqa: D102


@contextmanager
def progress(task: str) -> Iterator[Show]:
    """Show a progress bar on stderr while the block runs, if that is a terminal."""
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        identity = bar.add_task(task, total=1)

        def show(done: float, task: str | None = None) -> None:
            bar.update(identity, completed=done, description=task)

        yield show


def load_tensorflow() -> None:
    """Import TensorFlow without what it says on stderr, which no setting of its own silences."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def print_tables(*tables: "RenderableType") -> None:
    """Print tables to stdout, as wide as the terminal, or in a file as wide as they need."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(*tables, sep="\n")


def tell(what: str, message: str, color: str = "none") -> None:
    """Print one line to stderr, however long, without reading markup in it."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"{what}: {' '.join(message.split())}", style=color, markup=False)
