"""`halopaint evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from halokeras.commands.options import (
    MassMinOption,
    OptionalModelOption,
    load_saved,
    painter_for,
    refuse,
)
from halokeras.commands.terminal import print_tables, progress, tell
from halokeras.resources import or_shipped

if TYPE_CHECKING:
    from halokeras.evaluation.evaluate import EvaluationRequest
    from halokeras.painters.model_store import SavedPainter


Format = Literal["png", "svg", "pdf"]


def evaluate(  # noqa: PLR0913  (Typer reads one parameter an option)
    box: Annotated[
        str | None,
        typer.Option(
            metavar="ID|FILE|DIR",
            help="A box id, 00 to 04, a box file, with halos, or the folder of a suite.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of a suite, of which each box is scored."),
    ] = None,
    model: OptionalModelOption = None,
    mass_min: MassMinOption = None,
    painted: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the painter painted on it. [default: paint now]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write. [default: evaluation/<painter>/<box>]"),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Another painter to show beside it; may be repeated.",
            show_default="saved_models/paper, where that fits",
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of each box that are scored.")] = 4,
    page: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", help="Write one HTML page with everything on it too."
        ),
    ] = None,
    figures_format: Annotated[
        Format, typer.Option(help="What figures are written as; svg and pdf stay sharp.")
    ] = "png",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the scorecard as JSON instead of tables.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a target is missed.")
    ] = False,
    allow_training_box: Annotated[
        bool, typer.Option("--allow-training-box", help="Score on boxes it was trained on too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of another evaluation.")
    ] = False,
) -> None:
    """Score painted halos against those of a box: of an id, every realisation held out."""
    from halokeras.boxes.suite import is_suite, read_suite

    refuse(
        {
            "give one of --box and --suite": (box is None) == (suite is None),
            "--painted is of one box, and a suite has many": painted is not None
            and (suite is not None or is_suite(Path(box or ""))),
        }
    )
    if suite is not None:
        read_suite(suite)  # or it is refused as what it is not
    named = str(suite) if box is None else box
    model = model or _painter_for(Path(named), mass_min)
    saved = load_saved(model, mass_min)
    from halokeras.evaluation.evaluate import EvaluationRequest, evaluate
    from halokeras.evaluation.table import scorecard_table
    from halokeras.evaluation.verdict import Verdict
    from halokeras.storage.figure_file import FigureFormat

    request = EvaluationRequest(
        box=named,
        saved=saved,
        model=str(model),
        painted=painted,
        against=None if against is None else _named(against, mass_min),
        draws=draws,
        allow_training=allow_training_box,
        output=output,
        figures=FigureFormat(figures_format),
        page=page,
        overwrite=overwrite,
    )
    if suite is not None or is_suite(Path(named)):
        _suite(request, as_json, strict)
        return
    with progress("painting and measuring") as show:
        found = evaluate(request, lambda warning: tell("Warning", warning, "yellow"), show)
    if as_json:
        typer.echo(found.to_json(), nl=False)
    else:
        cards = [found.scorecard, *([found.catalogues] if found.catalogues else [])]
        print_tables(*map(scorecard_table, cards))
    for file in found.files:
        typer.echo(f"wrote {file}", err=as_json)
    if strict and found.scorecard.verdict is Verdict.MISSED:
        raise typer.Exit(1)


def _suite(request: "EvaluationRequest", as_json: bool, strict: bool) -> None:
    """Score a painter on each box of a suite."""
    from halokeras.evaluation.derivatives import derivative_sheets
    from halokeras.evaluation.suite import evaluate_suite, suite_sheet
    from halokeras.evaluation.table import sheet_table
    from halokeras.evaluation.verdict import Verdict

    with progress("painting and measuring") as show:
        found = evaluate_suite(request, lambda warning: tell("Warning", warning, "yellow"), show)
    if as_json:
        typer.echo(found.to_json(), nl=False)
    else:
        sheets = [suite_sheet(found), *derivative_sheets(found.derivatives)]
        print_tables(*map(sheet_table, sheets))
    for file in found.files:
        if file.name.endswith(".json"):
            typer.echo(f"wrote {file}", err=as_json)
    if strict and found.verdict is Verdict.MISSED:
        raise typer.Exit(1)


def _painter_for(named: Path, mass_min: float | None) -> Path:
    """Return the shipped painter of what is evaluated: of a suite, of its first box."""
    from halokeras.boxes.box_file import box_path
    from halokeras.boxes.suite import choose, is_suite, read_suite

    if is_suite(named):
        return painter_for(choose(read_suite(named))[0].path, None, None, mass_min)
    return painter_for(or_shipped(box_path(str(named)), "boxes"), None, None, mass_min)


def _named(folders: list[Path], mass_min: float | None) -> "dict[str, SavedPainter]":
    """Load painters by the names of their folders, or by their paths where names are the same."""
    names = [folder.name for folder in folders]
    return {
        folder.name if names.count(folder.name) == 1 else str(folder): load_saved(folder, mass_min)
        for folder in folders
    }
