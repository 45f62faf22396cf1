"""`halopaint doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from halokeras.commands.options import JsonOption
from halokeras.commands.terminal import load_tensorflow, progress

if TYPE_CHECKING:
    from halokeras.doctor.finding import Finding


def doctor(as_json: JsonOption = False) -> None:
    """Check that halopaint works here, with a self-test of ten seconds; exit 1 if it does not."""
    import dataclasses
    import json

    from halokeras.doctor.examine import examine
    from halokeras.doctor.finding import Level

    found = []
    with progress("looking") as show:
        for finding in examine(Path.cwd(), load_tensorflow):
            found.append(finding)
            if not as_json:
                _print(finding)
            show(0.0, f"looking; last at {finding.name}")
    problems = sum(finding.level == Level.PROBLEM for finding in found)
    if as_json:
        listed = [dataclasses.asdict(finding) for finding in found]
        typer.echo(json.dumps({"works": not problems, "findings": listed}, indent=1))
    elif problems:
        typer.echo(f"{problems} problem{'s' * (problems > 1)}; each tells its remedy")
    else:
        typer.echo("halopaint works here")
    if problems:
        raise typer.Exit(1)


def _print(finding: "Finding") -> None:
    from rich.text import Text

    colour = {"ok": "green", "warning": "yellow", "problem": "red"}[finding.level]
    line = Text.assemble((f"{finding.level:<8}", colour), f"{finding.name:<18}", finding.value)
    console = Console(highlight=False, soft_wrap=True)
    console.print(line)
    if finding.remedy:
        console.print(Text(f"{'':<8}{'':<18}-> {finding.remedy}", colour))
