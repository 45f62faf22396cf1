"""What commands show: one line of progress or trouble on stderr, results on stdout."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console

from halokeras import environment

if TYPE_CHECKING:
    from rich.console import RenderableType

    from halokeras.listener import Listener


class Verbosity(IntEnum):
    """How much commands say on stderr: trouble only, progress too, tracebacks too."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class _State:
    verbosity = Verbosity.NORMAL


def set_verbosity(verbosity: Verbosity) -> None:
    """Say from now on as much as `verbosity` means."""
    _State.verbosity = verbosity


def verbosity() -> Verbosity:
    """Return how much is said."""
    return _State.verbosity


class Show(Protocol):
    """Moves a progress bar to the fraction `done`, under another `task` if one is named."""

    def __call__(self, done: float, task: str | None = None) -> None: ...  # noqa: D102


@contextmanager
def progress(task: str) -> Iterator[Show]:
    """Show a progress bar on stderr while the block runs, if that is a terminal."""
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = not console.is_terminal or _State.verbosity is Verbosity.QUIET
    with Progress(console=console, transient=True, disable=hidden) as bar:
        identity = bar.add_task(task, total=1)

        def show(done: float, task: str | None = None) -> None:
            bar.update(identity, completed=done, description=task)

        yield show


@contextmanager
def listening(task: str) -> Iterator["Listener"]:
    """Show on stderr what work on files tells while the block runs."""
    from halokeras.listener import Listener

    with progress(task) as show:
        yield Listener(
            progress=lambda stage, fraction: show(fraction, stage),
            announce=tell,
            warn=lambda message: tell("Warning", message, "yellow"),
        )


def load_tensorflow() -> None:
    """Import TensorFlow, with what it says of itself only if everything is said."""
    if _State.verbosity is Verbosity.VERBOSE:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    else:
        environment.load_tensorflow()


def print_tables(*tables: "RenderableType") -> None:
    """Print tables to stdout, as wide as the terminal, or in a file as wide as they need."""
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(*tables, sep="\n")


def wrote(
    files: Sequence[Path], as_json: bool = False, found: Sequence[Path] | None = None, **facts: Any
) -> None:
    """Print to stdout which files were written, or those and `facts` as one JSON object.

    Those that were `found` are told before them, by a command that may find any.
    """
    if as_json:
        there = {} if found is None else {"found": [str(path) for path in found]}
        typer.echo(json.dumps({"wrote": [str(path) for path in files], **there, **facts}))
        return
    for path in found or ():
        typer.echo(f"found {path}")
    for path in files:
        typer.echo(f"wrote {path}")


def tell(what: str, message: str, color: str = "none") -> None:
    """Print one line to stderr, however long, without reading markup in it.

    What has no color is no trouble, and is not said where only trouble is.
    """
    if color == "none" and _State.verbosity is Verbosity.QUIET:
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"{what}: {' '.join(message.split())}", style=color, markup=False)
