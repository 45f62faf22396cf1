"""`halopaint evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halokeras.commands.options import SHIPPED_PAINTER, ModelOption, load_saved
from halokeras.commands.terminal import print_tables, progress, tell
from halokeras.errors import ModelError

if TYPE_CHECKING:
    from halokeras.boxes.box import Box
    from halokeras.evaluation.scorecard import Scorecard
    from halokeras.training.model_store import SavedPainter


PUBLISHED_PAINTER = Path("saved_models/paper_equal_time")


def evaluate(
    box: Annotated[
        str, typer.Option(metavar="ID|FILE", help="A box id, 00 to 04, or a box file, with halos.")
    ],
    model: ModelOption = SHIPPED_PAINTER,
    painted: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the painter painted on it. [default: paint now]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write. [default: evaluation/<box>]"),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Another painter to show beside it; may be repeated.",
            show_default=str(PUBLISHED_PAINTER),
        ),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Draws of each box that are scored.")] = 4,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a target is missed.")
    ] = False,
    allow_training_box: Annotated[
        bool, typer.Option("--allow-training-box", help="Score on boxes it was trained on too.")
    ] = False,
) -> None:
    """Score painted halos against those of a box: of an id, every realisation held out."""
    import json

    from halokeras.boxes.box_file import read_box
    from halokeras.evaluation.held_out import held_out
    from halokeras.evaluation.report import report
    from halokeras.evaluation.report_figure import draw_report
    from halokeras.evaluation.table import report_table, scorecard_table
    from halokeras.files import write_text

    saved = load_saved(model)
    boxes = held_out(box, saved, str(model), allow_training_box)
    if painted is not None:
        found = read_box(painted)
        if found.provenance.get("model_hash", saved.hash) != saved.hash:
            raise ModelError(
                f"{painted} was painted by another painter; name that one with --model"
            )
        path, reference = list(boxes.items())[-1]
        card, written = _score(path, reference, found, saved, output)
        print_tables(scorecard_table(card))
        passed = card.passed
    else:
        written = []
        for path, reference in boxes.items():
            found = _paint_box(reference, saved, model.name)
            folder = output and (output / path.stem if len(boxes) > 1 else output)
            card, files = _score(path, reference, found, saved, folder)
            written += files
        others = {path.name: load_saved(path) for path in against or [PUBLISHED_PAINTER]}
        named = {path.stem: reference for path, reference in boxes.items()}
        whole = report(named, saved, others, draws)
        folder = output or Path("evaluation") / Path(box).stem
        write_text(folder / "report.json", json.dumps(whole.to_json(), indent=1) + "\n")
        print_tables(*([scorecard_table(card)] if len(boxes) == 1 else []), report_table(whole))
        draw_report(whole, folder / "report.png")
        written += [folder / "report.json", folder / "report.png"]
        passed = whole.passed
    for file in written:
        typer.echo(f"wrote {file}")
    if strict and not passed:
        raise typer.Exit(1)


def _score(
    source: Path, reference: "Box", found: "Box", saved: "SavedPainter", output: Path | None
) -> "tuple[Scorecard, list[Path]]":
    """Score one painted box, and write its card and figures."""
    import json

    from halokeras.boxes.box import halo_counts
    from halokeras.evaluation.figures import scorecard_figures
    from halokeras.evaluation.scorecard import score
    from halokeras.files import write_text

    selection = saved.provenance.selection
    card = score(reference, found, selection.mass_min, selection.mass_max)
    assert reference.density is not None  # or it would have no score
    folder = output or Path("evaluation") / source.stem
    write_text(folder / "scorecard.json", json.dumps(card.to_json(), indent=2) + "\n")
    figures = scorecard_figures(
        reference.density,
        halo_counts(reference, selection.mass_min, selection.mass_max),
        halo_counts(found),
        card,
        reference.voxel_size,
        folder,
    )
    return card, [folder / "scorecard.json", *figures]


def _paint_box(given: "Box", saved: "SavedPainter", model: str) -> "Box":
    """Paint as `_paint_file`, in memory."""
    from halokeras.painting.check import check_input
    from halokeras.painting.inputs import density_of
    from halokeras.painting.paint import paint_box

    for warning in check_input(saved.provenance, density_of(given)):
        tell("Warning", warning, "yellow")
    with progress("painting") as show:
        return paint_box(given, saved, model, show)
