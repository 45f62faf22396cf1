"""What the commands of `halopaint prepare` share: options, and a source made a box."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halokeras.commands.options import known_length, known_seed, refuse, refuse_inputs
from halokeras.commands.terminal import listening, wrote

if TYPE_CHECKING:
    from halokeras.sources.files import BoxWanted
    from halokeras.sources.source import Source

_BOX = "The box that is made"

OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        metavar="FILE",
        help="Box file to write.",
        show_default="boxes/<name>.h5",
        rich_help_panel=_BOX,
    ),
]

VoxelsOption = Annotated[
    int | None,
    typer.Option("--voxels", min=2, help="Voxels along a side of the box.", rich_help_panel=_BOX),
]

VoxelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--voxel-size",
        callback=known_length,
        help="Or their side [Mpc/h].",
        show_default="4, or the grid's",
        rich_help_panel=_BOX,
    ),
]

SeedOption = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        callback=known_seed,
        help="Realisation: of the small scales that initial conditions lack.",
        rich_help_panel=_BOX,
    ),
]

AxesOption = Annotated[
    str | None,
    typer.Option(
        "--axes",
        metavar="X,Y,Z",
        help='Old axes that become x, y, z of the halos: "-z,x,y".',
        rich_help_panel=_BOX,
    ),
]

ShiftOption = Annotated[
    str | None,
    typer.Option(
        "--shift",
        metavar="X,Y,Z",
        help='Voxels added to halo positions then: "0.5,0.5,0.5".',
        rich_help_panel=_BOX,
    ),
]

HostsOption = Annotated[
    bool, typer.Option("--hosts-only", help="Leave out halos that lie within others.")
]


def wanted(  # noqa: PLR0913  (what all of these commands ask, told apart by name)
    name: str,
    *,
    output: Path | None,
    voxels: int | None = None,
    voxel_size: float | None = None,
    seed: int = 0,
    axes: str | None,
    shift: str | None,
    force: bool,
    overwrite: bool,
    inputs: Sequence[Path | None] = (),
) -> "BoxWanted":
    """Return the box file to make, refused now if it could not be written."""
    refuse(
        {
            "--output is a box file and ends in .h5": output is not None and output.suffix != ".h5",
            "give --voxels or --voxel-size, not both": voxels is not None
            and voxel_size is not None,
        }
    )
    from halokeras.sources.files import BoxWanted

    target = output or Path("boxes") / f"{name}.h5"
    refuse_inputs(target, [path for path in inputs if path is not None])
    asked = BoxWanted(target, voxels, voxel_size, seed, axes, shift, force, overwrite)
    asked.check()
    return asked


def make(source: "Source", asked: "BoxWanted", as_json: bool) -> None:
    """Make the box of a source, tell what the checks found and write it."""
    from halokeras.sources.files import prepare_file

    with listening("preparing") as listener:
        report = prepare_file(source, asked, listener)
    if not as_json:
        typer.echo(report.text(), nl=False)
    findings = [{"verdict": found.verdict, "text": found.text} for found in report.findings]
    wrote([asked.target], as_json, report=findings)
