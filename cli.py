"""The `halopaint` command: its commands, and every problem told in one line.

Commands import what they use, so that `halopaint --help` answers at once.
"""

import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from halokeras.commands.benchmark import benchmark
from halokeras.commands.evaluate import evaluate
from halokeras.commands.lpt import lpt
from halokeras.commands.paint import paint
from halokeras.commands.simulate import simulate
from halokeras.commands.terminal import tell
from halokeras.commands.train import resume, train
from halokeras.errors import HalopaintError


class Commands(TyperGroup):
    """The commands, with every problem told in one line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a HalopaintError exits 1 and Ctrl-C 130, without a traceback."""
        try:
            return super().invoke(ctx)
        except HalopaintError as error:
            tell("Error", str(error), "red")
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            tell("Interrupted", "nothing was left half-written", "yellow")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (simulate, lpt, train, resume, paint, evaluate, benchmark):
    app.command()(command)


def main() -> None:
    """Run the command line; SIGTERM ends it as Ctrl-C does, with nothing left half-written."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        app()
    except KeyboardInterrupt:  # before the command began
        sys.exit(130)


def _version(wanted: bool) -> None:
    if wanted:
        import halokeras

        typer.echo(f"halopaint {halokeras.__version__}")
        raise typer.Exit


@app.callback()
def _before(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Paint dark-matter halos onto a 2LPT density with a trained neural network."""


if __name__ == "__main__":
    main()
