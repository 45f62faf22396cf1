"""`halopaint evaluate`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from halokeras.commands.options import SHIPPED_PAINTER, ModelOption, load_saved
from halokeras.commands.terminal import load_tensorflow, print_tables, progress, tell
from halokeras.errors import ModelError

if TYPE_CHECKING:
    from halokeras.boxes.box import Box
    from halokeras.evaluation.report import Report
    from halokeras.evaluation.scorecard import Scorecard
    from halokeras.painters.model_store import SavedPainter


Format = Literal["png", "svg", "pdf"]

PUBLISHED_PAINTER = Path("saved_models/paper_equal_time")


def evaluate(  # noqa: PLR0913  (Typer reads one parameter an option)
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
        bool, typer.Option("--json", help="Print the report as JSON instead of tables.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a target is missed.")
    ] = False,
    allow_training_box: Annotated[
        bool, typer.Option("--allow-training-box", help="Score on boxes it was trained on too.")
    ] = False,
) -> None:
    """Score painted halos against those of a box: of an id, every realisation held out."""
    if page is not None and painted is not None:
        raise typer.BadParameter("--report paints every realisation itself; drop --painted")
    load_tensorflow()
    from halokeras.boxes.box import halo_counts
    from halokeras.evaluation.held_out import held_out
    from halokeras.evaluation.table import report_table, scorecard_table
    from halokeras.storage.files import check_writable

    if page is not None:
        check_writable(page)
    from halokeras.painters.folders import painter_name

    saved = load_saved(model)
    boxes = held_out(box, saved, str(model), allow_training_box)
    if painted is not None:
        path, reference = list(boxes.items())[-1]
        found = _read_painted(painted, saved)
        card, written = _score(path, reference, found, saved, output, figures_format)
        tables = [scorecard_table(card)]
        told, passed = _as_text(card.to_json()), card.passed
    else:
        written, counts = [], {}
        for path, reference in boxes.items():
            found = _paint_box(reference, saved, painter_name(model))
            folder = output and (output / path.stem if len(boxes) > 1 else output)
            card, files = _score(path, reference, found, saved, folder, figures_format)
            written += files
            counts[path.stem] = halo_counts(found)
        from halokeras.evaluation.provenance import provenance
        from halokeras.evaluation.report import report

        named = {path.stem: reference for path, reference in boxes.items()}
        others = _others(against or [PUBLISHED_PAINTER])
        whole = report(named, saved, others, draws, counts)
        about = provenance(named, saved, str(model), others, draws)
        told, passed = _as_text({**whole.to_json(), "provenance": about}), whole.passed
        folder = output or Path("evaluation") / Path(box).stem
        written += _write_report(whole, about, told, folder, figures_format, page)
        tables = [scorecard_table(card)] if len(boxes) == 1 else []
        tables.append(report_table(whole))
    if as_json:
        typer.echo(told, nl=False)
    else:
        print_tables(*tables)
    for file in written:
        typer.echo(f"wrote {file}", err=as_json)
    if strict and not passed:
        raise typer.Exit(1)


def _others(folders: list[Path]) -> "dict[str, SavedPainter]":
    """Load painters by the names of their folders, or by their paths where names are the same."""
    names = [folder.name for folder in folders]
    return {
        folder.name if names.count(folder.name) == 1 else str(folder): load_saved(folder)
        for folder in folders
    }


def _read_painted(painted: Path, saved: "SavedPainter") -> "Box":
    """Read what this painter painted before."""
    from halokeras.boxes.box_file import read_box

    found = read_box(painted)
    if found.provenance.get("model_hash", saved.hash) != saved.hash:
        raise ModelError(f"{painted} was painted by another painter; name that one with --model")
    return found


def _score(
    source: Path,
    reference: "Box",
    found: "Box",
    saved: "SavedPainter",
    output: Path | None,
    figures_format: Format,
) -> "tuple[Scorecard, list[Path]]":
    """Score one painted box, and write its card and figures."""
    from halokeras.boxes.box import halo_counts
    from halokeras.evaluation.figures import FigureFormat, scorecard_figures
    from halokeras.evaluation.scorecard import score
    from halokeras.storage.files import write_text

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
        FigureFormat(figures_format),
    )
    return card, [folder / "scorecard.json", *figures]


def _write_report(
    whole: "Report",
    about: dict[str, Any],
    told: str,
    folder: Path,
    figures_format: Format,
    page: Path | None,
) -> list[Path]:
    """Write a report as JSON, as a figure and, if asked for, as a page."""
    from halokeras.evaluation.page import write_page
    from halokeras.evaluation.report_figure import draw_report
    from halokeras.storage.files import write_text

    figure = folder / f"report.{figures_format}"
    write_text(folder / "report.json", told)
    draw_report(whole, figure)
    if page is not None:
        write_page(whole, about, page)
    return [folder / "report.json", figure, *([] if page is None else [page])]


def _as_text(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=1) + "\n"


def _paint_box(given: "Box", saved: "SavedPainter", model: str) -> "Box":
    """Paint as `_paint_file`, in memory."""
    from halokeras.painting.check import check_input
    from halokeras.painting.inputs import density_of
    from halokeras.painting.paint import paint_box

    for warning in check_input(saved.provenance, density_of(given)):
        tell("Warning", warning, "yellow")
    with progress("painting") as show:
        return paint_box(given, saved, model, show)
