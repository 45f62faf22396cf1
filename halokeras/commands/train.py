"""`halopaint train` and `halopaint resume`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from halokeras.commands.options import JsonOption, RunOption
from halokeras.commands.terminal import Verbosity, load_tensorflow, tell, verbosity, wrote
from halokeras.resources import or_shipped

if TYPE_CHECKING:
    from halokeras.training.run import Report


def train(
    params: Annotated[Path, typer.Option(metavar="FILE", help="Training parameters, JSON.")],
    run: RunOption = None,
    movie: Annotated[
        bool,
        typer.Option(
            "--movie", help="Show how a held-out slice is painted, in the run's movie.gif."
        ),
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Log for TensorBoard, in the run's tensorboard folder."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a painter as a params file says.

    The run's folder shows its losses and validations as curves.png and curves.svg; `halopaint runs`
    lists and compares runs. A resumed run goes on with its movie and TensorBoard.
    """
    from halokeras.params import load_params

    checked = load_params(or_shipped(params, "params"))
    load_tensorflow()
    from halokeras.training.run import train

    _train(
        lambda report: train(checked, run, report, movie=movie, tensorboard=tensorboard), as_json
    )


def resume(run: RunOption = None, as_json: JsonOption = False) -> None:
    """Go on with a run, by default the newest unfinished one."""
    load_tensorflow()
    from halokeras.training.run import resume

    _train(lambda report: resume(run, report), as_json)


def _train(start: "Callable[[Report], Path]", as_json: bool) -> None:
    """Show a run while it trains, and name the painter it made."""
    from halokeras.training.display import TrainingDisplay
    from halokeras.training.run import Interrupted

    try:
        console = Console(stderr=True, quiet=verbosity() is Verbosity.QUIET)
        with TrainingDisplay(console) as display:
            painter = start(display.report)
    except Interrupted as error:
        tell("Interrupted", str(error), "yellow")
        raise typer.Exit(130) from error
    wrote([painter], as_json)
