"""`halopaint train` and `halopaint resume`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from halokeras.commands.options import JsonOption, RunOption
from halokeras.commands.terminal import Verbosity, load_tensorflow, tell, verbosity, wrote
from halokeras.resources import or_shipped

if TYPE_CHECKING:
    from halokeras.training.callback import Callback
    from halokeras.training.run_folder import RunRecord


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
    _announce_tensorflow()
    from halokeras.training.run import train

    _train(
        lambda callbacks: train(checked, run, callbacks, movie=movie, tensorboard=tensorboard),
        as_json,
    )


def resume(run: RunOption = None, as_json: JsonOption = False) -> None:
    """Go on with a run, by default the newest unfinished one."""
    from halokeras.training.run_folder import unfinished_run

    folder = unfinished_run(run, Path("runs"))
    _announce_tensorflow()
    from halokeras.training.run import resume

    _train(lambda callbacks: resume(folder, callbacks), as_json)


def _announce_tensorflow() -> None:
    tell("Loading", "TensorFlow, which takes some seconds; Ctrl-C later saves and stops")
    load_tensorflow()


def _train(start: "Callable[[Sequence[Callback]], Path]", as_json: bool) -> None:
    """Show a run while it trains; then tell its painter, its score and the next command."""
    from halokeras.training.display import TrainingDisplay
    from halokeras.training.run import Interrupted
    from halokeras.training.run_folder import read_run

    try:
        console = Console(stderr=True, quiet=verbosity() is Verbosity.QUIET)
        with TrainingDisplay(console) as display:
            painter = start([display])
    except Interrupted as error:
        tell("Interrupted", str(error), "yellow")
        raise typer.Exit(130) from error
    record = read_run(painter.parent)
    score = _score(record)
    wrote([painter] if score else [], as_json, **score)
    if score:
        tell(
            "Score",
            f"{score['score']:.4f} at step {score['step']}, on boxes held out of the training: "
            "the mean over k of |ln T| + 1 - r, plus |ln| of painted over true halos; 0 is perfect",
        )
        held_out = record.params.box.validate_on[0]
        box = held_out.path or held_out.suite or held_out.id
        tell("Next", f"halopaint evaluate --box {box} --model {record.folder}")
    else:
        tell("Warning", "no painter was kept: none painted a halo; see the run's curves", "yellow")


def _score(record: "RunRecord") -> dict[str, Any]:
    """Return how the painter that a run keeps did on held-out boxes, and at which step."""
    row = record.kept
    if row is None or row.validated is None:
        return {}
    return {"score": row.validated.score, "step": row.step}
