"""The `halopaint` command: its commands, and every problem told in one line.

Commands import what they use, so that `halopaint --help` answers at once.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from halokeras.commands.benchmark import benchmark
from halokeras.commands.doctor import doctor
from halokeras.commands.evaluate import evaluate
from halokeras.commands.galaxies import galaxies
from halokeras.commands.help import PlainHelp
from halokeras.commands.inspect import inspect
from halokeras.commands.lpt import lpt
from halokeras.commands.paint import paint
from halokeras.commands.prepare import prepare
from halokeras.commands.runs import runs
from halokeras.commands.simulate import simulate
from halokeras.commands.terminal import Verbosity, set_verbosity, tell, verbosity
from halokeras.commands.train import resume, train
from halokeras.errors import HalopaintError

COMMANDS: dict[Callable[..., None], list[str]] = {
    simulate: [
        "halopaint simulate --box 00 --seed 7",
        "halopaint simulate --params params/box00.json",
    ],
    lpt: [
        "halopaint lpt --voxels 256 --seed 7 --output density.h5",
        "halopaint lpt --voxels 512x256x256 --cosmology my.json --output density.h5",
    ],
    train: ["halopaint train --params params/quick.json"],
    resume: ["halopaint resume", "halopaint resume --run runs/box00"],
    paint: [
        "halopaint paint",
        "halopaint paint --voxels 256 --seed 7 --draw --catalogue",
        "halopaint paint --density rho.npy --voxel-size 4 --redshift 0.3",
    ],
    galaxies: [
        "halopaint galaxies painted/halos.hdf5 --hod zheng07 --threshold -21",
        "halopaint galaxies 00 --threshold -20.5 --seed 3 --output galaxies.parquet "
        "--catalogue-format parquet",
    ],
    evaluate: [
        "halopaint evaluate --box 04",
        "halopaint evaluate --box my.h5 --model runs/my/best",
    ],
    benchmark: ["halopaint benchmark"],
    runs: ["halopaint runs", "halopaint runs --compare quick other --figure curves.png"],
    inspect: [
        "halopaint inspect box.h5 --figure slice.png",
        "halopaint inspect saved_models/gen",
        "halopaint inspect runs/box00 --json",
    ],
    doctor: ["halopaint doctor"],
}
"""The commands, with examples that their help shows."""

_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM
_FAILING = {errno.EIO, errno.ESTALE, errno.ENOSPC, errno.EDQUOT}
"""What a disk fails by, as far as the code that uses it does not tell more."""
_ANYWHERE = ("--quiet", "-q", "--verbose", "-v")


def _in_a_line(error: HalopaintError | OSError | RuntimeError) -> str | None:
    """Say what is wrong; None for an error of the system that no path which was given makes."""
    if isinstance(error, HalopaintError):
        return str(error)
    if isinstance(error, RuntimeError):  # so Python before 3.13 tells of links
        return f"{error}; choose another path" if "Symlink loop" in str(error) else None
    if isinstance(error, PermissionError):
        return f"{error.filename} is closed to this user; choose another path, or open it"
    if error.errno == errno.ENAMETOOLONG:
        return f"{error.filename} is longer than a path may be; choose another"
    if error.errno in _FAILING:
        where = f"the disk of {error.filename}" if error.filename else "a disk"
        return f"{where} fails ({os.strerror(error.errno)}); mend it, or work on another"
    return None


class Commands(TyperGroup):
    """The commands, with every problem told in one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take --quiet and --verbose wherever they stand, before the command or behind it."""
        end = args.index("--") if "--" in args else len(args)
        said = [word for word in args[:end] if word in _ANYWHERE]
        others = [word for word in args[:end] if word not in _ANYWHERE]
        return super().parse_args(ctx, [*said, *others, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a HalopaintError exits 1 and Ctrl-C 130, without a traceback."""
        try:
            return super().invoke(ctx)
        except (HalopaintError, OSError, RuntimeError) as error:
            told = _in_a_line(error)
            if told is None:
                raise
            if verbosity() is Verbosity.VERBOSE:
                traceback.print_exception(error)
            tell("Error", told, "red")
            raise typer.Exit(1) from error
        except KeyboardInterrupt:
            told = "nothing was left half-written; the same command begins again"
            tell("Interrupted", told, "yellow")
            raise typer.Exit(_INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command, examples in COMMANDS.items():
    app.command(cls=PlainHelp, epilog="\n\n".join(["Examples:", *examples]))(command)

app.add_typer(prepare, name="prepare")


def main() -> None:
    """Run the command line; SIGTERM, as schedulers send, is answered as Ctrl-C is, and exits 143.

    Training answers both itself.
    """
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        app()
    except KeyboardInterrupt:  # before the command began
        sys.exit(_TERMINATED if asked else _INTERRUPTED)
    except SystemExit as end:
        if asked and end.code == _INTERRUPTED:
            sys.exit(_TERMINATED)
        raise


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
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only results and trouble; goes anywhere.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show tracebacks and libraries' messages too.")
    ] = False,
) -> None:
    """Paint dark-matter halos onto a 2LPT density with a trained neural network."""
    if quiet and verbose:
        raise typer.BadParameter("give --quiet or --verbose, not both")
    set_verbosity(Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL)
