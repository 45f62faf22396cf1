"""`halopaint benchmark`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from halokeras.commands.options import JsonOption, OverwriteOption
from halokeras.commands.terminal import load_tensorflow, print_tables, tell, wrote


def benchmark(
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs of each, in turn.")] = 7,
    side: Annotated[
        list[int] | None,
        typer.Option(
            min=32,
            help="Box to paint [voxels a side]; more than once for more.",
            show_default="128, 192, 256",
        ),
    ] = None,
    without_onednn: Annotated[
        bool,
        typer.Option("--without-onednn", help="Time updates without oneDNN too: some minutes."),
    ] = False,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")] = Path(
        "benchmark"
    ),
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Time training and painting on this machine, beside stock Keras and, if there, PyTorch."""
    import json

    from halokeras.storage.files import check_absent, check_writable, write_text

    numbers, picture = output / "benchmark.json", output / "growth.png"
    for path in (numbers, picture):
        check_absent(path, overwrite)
    check_writable(numbers)
    load_tensorflow()
    from halokeras.benchmark.run import benchmark, draw, plan, tables

    parts = plan(
        repeats,
        side or [128, 192, 256],
        without_onednn,
        lambda line: tell("Warning", line, "yellow"),
    )
    found: dict[str, Any] = {}
    stopped = False
    try:
        benchmark(parts, found, lambda what: tell("Timing", what))
    except KeyboardInterrupt:
        stopped = True
        done = len(found.get("done", []))
        tell("Stopped", f"{done} of {len(parts)} parts are measured, and kept", "yellow")
    written = [numbers]
    write_text(numbers, json.dumps(found, indent=2) + "\n")
    if "growth" in found:
        written.append(picture)
        draw(found, picture)
    if not as_json:
        print_tables(*tables(found))
    wrote(written, as_json, **found)
    if stopped:
        raise typer.Exit(130)
