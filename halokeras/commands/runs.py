"""`halopaint runs`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import JsonOption, OverwriteOption
from halokeras.commands.terminal import print_tables, tell
from halokeras.errors import HalopaintError, RunError
from halokeras.readable import duration
from halokeras.strict_json import in_json

if TYPE_CHECKING:
    from rich.table import Table

    from halokeras.training.run_folder import RunRecord

_RUNS = Path("runs")


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR",
            help="A folder of runs; with --compare, two runs or more, by folder or by name.",
            show_default="runs",
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare the runs that are named.")
    ] = False,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw their curves: a .png, .svg or .pdf to write."),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """List training runs, or compare some: params that differ, scores and curves."""
    named = folders or [_RUNS]
    if compare and len(named) < 2:
        raise typer.BadParameter("--compare takes two runs or more: --compare runs/a runs/b")
    if not compare and len(named) > 1:
        raise typer.BadParameter("name one folder of runs, or add --compare to compare runs")
    if figure is not None and not compare:
        raise typer.BadParameter("--figure goes with --compare")
    if figure is not None and figure.suffix not in (".png", ".svg", ".pdf"):
        raise typer.BadParameter("--figure is a .png, .svg or .pdf file")
    if overwrite and figure is None:
        raise typer.BadParameter("--overwrite goes with --figure")
    if compare:
        _compare([_found(path) for path in named], figure, overwrite, as_json)
    else:
        _list(named[0], as_json)


def _list(folder: Path, as_json: bool) -> None:
    from halokeras.training.compare import curves, summary
    from halokeras.training.run_folder import is_run, read_run, run_folders

    paths = [folder] if is_run(folder) else run_folders(folder)
    if not paths:
        raise RunError(f"no run in {folder}; start one with `halopaint train`, or name its folder")
    records = []
    for path in paths:
        try:
            records.append(read_run(path))
        except HalopaintError as error:
            tell("Warning", f"left out {path}: {error}", "yellow")
    if as_json:
        _print_json([{**summary(run), "curves": curves(run)} for run in records])
    else:
        print_tables(_table(records))


def _compare(paths: list[Path], figure: Path | None, overwrite: bool, as_json: bool) -> None:
    from halokeras.training.compare import curves, differing_params, summary
    from halokeras.training.run_folder import read_run

    records = dict(zip(_labels(paths), map(read_run, paths), strict=True))
    differing = differing_params({name: run.params for name, run in records.items()})
    if figure is not None:
        from halokeras.training.curves import draw_comparison

        draw_comparison({name: run.rows for name, run in records.items()}, figure, overwrite)
    if as_json:
        shown = {name: {**summary(run), "curves": curves(run)} for name, run in records.items()}
        _print_json({"runs": shown, "params": differing})
    else:
        print_tables(_table(list(records.values()), list(records)))
        for table in (_params_table(differing, list(records)), *_spectra_tables(records)):
            typer.echo()
            print_tables(table)
    if figure is not None:
        # with --json, stdout holds nothing else
        typer.echo(f"wrote {figure}", err=as_json)


def _found(path: Path) -> Path:
    """Return the run `path`, or the one of that name among the runs of this folder."""
    from halokeras.training.run_folder import is_run

    return _RUNS / path if not is_run(path) and is_run(_RUNS / path) else path


def _labels(paths: list[Path]) -> list[str]:
    """Name runs as short as tells them apart."""
    names = [path.resolve().name for path in paths]
    if len(set(names)) == len(names):
        return names
    whole = [str(path) for path in paths]
    if len(set(whole)) < len(whole):
        raise typer.BadParameter("a run is named twice; name each once")
    return whole


def _table(records: "list[RunRecord]", names: list[str] | None = None) -> "Table":
    from rich.text import Text

    table = _new_table("run", "state", "steps", "best score", "at", "trained", "started", "updated")
    for number, run in enumerate(records):
        best = run.best
        table.add_row(
            Text(names[number] if names else run.folder.name),
            run.state,
            f"{run.done}/{run.total}",
            f"{best.validated.score:.4f}" if best and best.validated else "-",
            str(best.step) if best else "-",
            duration(run.seconds),
            _date(run.started),
            _date(run.updated),
        )
    return table


def _params_table(differing: dict[str, dict[str, Any]], names: list[str]) -> "Table":
    import json

    from rich.text import Text

    table = _new_table("params that differ" if differing else "no params differ", *names)
    for path, values in differing.items():
        table.add_row(path, *(Text(json.dumps(values[name])) for name in names))
    return table


def _spectra_tables(records: "dict[str, RunRecord]") -> "list[Table]":
    """Show T and r of each run's best painter, where its bins of k are known."""
    best = {
        name: run.best.validated
        for name, run in records.items()
        if run.best is not None and run.best.validated is not None and run.best.validated.k
    }
    from rich.text import Text

    tables = []
    for k in dict.fromkeys(held.k for held in best.values()):  # one set of bins after the other
        for letter, attribute in (("T", "transfer_function"), ("r", "cross_correlation")):
            table = _new_table(f"{letter} at k [h/Mpc]", *(f"{each:.2f}" for each in k))
            for name, held in best.items():
                if held.k == k:
                    values = getattr(held, attribute)
                    table.add_row(Text(name), *(f"{value:.3f}" for value in values))
            tables.append(table)
    return tables


def _new_table(first: str, *others: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(Text(first), overflow="fold")  # Text: names and units are no markup
    for name in others:
        table.add_column(Text(name), justify="right", overflow="fold")
    return table


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _print_json(value: Any) -> None:
    import json

    typer.echo(json.dumps(in_json(value), indent=1))
