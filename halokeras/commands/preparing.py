"""What the commands of `halopaint prepare` share: options, and a source made a box."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halokeras.commands.terminal import progress, wrote
from halokeras.environment import allotted_cores

if TYPE_CHECKING:
    from halokeras.cosmology.cosmology import Cosmology
    from halokeras.sources.source import Source

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="Box file. [default: boxes/<name>.h5]"),
]

VoxelsOption = Annotated[
    int | None, typer.Option("--voxels", min=2, help="Voxels along a side of the box.")
]

VoxelSizeOption = Annotated[
    float | None,
    typer.Option(
        "--voxel-size", min=0, help="Or their side [Mpc/h].", show_default="4, or the grid's"
    ),
]

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Draws small scales that initial conditions lack.")
]

AxesOption = Annotated[
    str | None,
    typer.Option(
        "--axes", metavar="X,Y,Z", help='Old axes that become x, y, z of the halos: "-z,x,y".'
    ),
]

ShiftOption = Annotated[
    str | None,
    typer.Option(
        "--shift", metavar="X,Y,Z", help='Voxels added to halo positions then: "0.5,0.5,0.5".'
    ),
]

ForceOption = Annotated[
    bool, typer.Option("--force", help="Write the box though checks refuse it.")
]

HostsOption = Annotated[
    bool, typer.Option("--hosts-only", help="Leave out halos that lie within others.")
]

CosmologyOption = Annotated[
    Path | None,
    typer.Option(
        "--cosmology", metavar="FILE", help="JSON of H0, omega_m, omega_b, sigma8 and n_s."
    ),
]


def cosmology_of(box: str | None, file: Path | None) -> "Cosmology | None":
    """Return the cosmology of a box id or a file, or None where neither is given."""
    if box is not None and file is not None:
        raise typer.BadParameter("give --box or --cosmology, not both")
    from halokeras.cosmology.cosmology import box_cosmology
    from halokeras.cosmology.cosmology_file import load_cosmology

    if file is not None:
        return load_cosmology(file)
    return None if box is None else box_cosmology(box)


def target_of(output: Path | None, name: str, phase: int | None = None) -> Path:
    """Return the box file to write, which must not be there yet."""
    if output is not None and output.suffix != ".h5":
        raise typer.BadParameter("--output is a box file and ends in .h5")
    numbered = name if phase is None else f"{name}-{phase}"
    target = output or Path("boxes") / f"{numbered}.h5"
    from halokeras.storage.files import check_absent, check_writable

    check_absent(target)
    check_writable(target)
    return target


def finish(
    source: "Source",
    target: Path,
    voxels: int | None,
    voxel_size: float | None,
    seed: int,
    axes: str | None,
    shift: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make the box of a source, tell what the checks found and write it."""
    from dataclasses import replace

    from halokeras.boxes.box_file import write_box
    from halokeras.fields.orientation import Orientation, read_axes, read_shift
    from halokeras.sources.prepare import prepare, voxels_of

    turned = Orientation() if axes is None else read_axes(axes)
    moved = turned if shift is None else replace(turned, shift=read_shift(shift))
    with progress("preparing") as show:
        box, report = prepare(
            source,
            voxels_of(source, voxels, voxel_size),
            seed=seed,
            orientation=moved,
            force=force,
            workers=allotted_cores(),
            progress=lambda stage, fraction: show(fraction, stage),
        )
    write_box(box, target)
    if not as_json:
        typer.echo(report.text(), nl=False)
    findings = [{"verdict": found.verdict, "text": found.text} for found in report.findings]
    wrote([target], as_json, report=findings)
