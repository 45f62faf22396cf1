"""`halopaint inspect`: what a file or folder is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from halokeras.commands.options import JsonOption, OverwriteOption
from halokeras.commands.terminal import print_tables, progress, tell
from halokeras.resources import or_shipped


def inspect(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR", help="A box, painted box, catalogue, suite, run or saved painter."
        ),
    ],
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw a slice of a box, or the curves of a run: PNG, SVG or PDF.",
            show_default=False,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a box, catalogue, suite, run or painter is, and what is wrong with it.

    Exits 1 if it is damaged.
    """
    if figure is not None and figure.suffix not in (".png", ".svg", ".pdf"):
        raise typer.BadParameter("--figure is a .png, .svg or .pdf file")
    if overwrite and figure is None:
        raise typer.BadParameter("--overwrite goes with --figure")
    from halokeras.inspection.inspect import inspect

    for kind in ("saved_models", "boxes"):
        path = or_shipped(path, kind)
    with progress("looking at the box") as show:
        found = inspect(path, show)
    if figure is not None:
        from halokeras.inspection.figure import draw_figure

        draw_figure(found, figure, overwrite)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        from rich.console import Console

        from halokeras.inspection.table import inspection_table

        print_tables(inspection_table(found, Console().color_system is not None))
    for problem in found.problems:
        tell("Warning", problem, "yellow")
    if figure is not None:
        typer.echo(f"wrote {figure}", err=as_json)
    if found.damaged:
        raise typer.Exit(1)
