"""`halopaint lpt`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from halokeras.commands.options import (
    CosmologyOption,
    JsonOption,
    OverwriteOption,
    SeedOption,
    cosmology_of,
    known_length,
    parse_voxels,
    refuse,
)
from halokeras.commands.terminal import listening, tell, wrote
from halokeras.storage.files import SUFFIXES


def lpt(  # noqa: PLR0913  (Typer reads one parameter an option)
    voxels: Annotated[
        Any,
        typer.Option(
            parser=lambda text: parse_voxels(text),
            metavar="N|NxNxN",
            help="Voxels along a side, or along x, y and z.",
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Box file to write.")],
    box: Annotated[
        str | None,
        typer.Option("--box", metavar="ID", help="Cosmology, 00 to 04.", show_default="00"),
    ] = None,
    cosmology: CosmologyOption = None,
    seed: SeedOption = 1,
    size: Annotated[
        float | None,
        typer.Option(
            callback=known_length,
            help="Side of the box along x [Mpc/h].",
            show_default="4 times the voxels",
        ),
    ] = None,
    redshift: Annotated[float, typer.Option(min=0, help="Redshift.")] = 0.3,
    initial_modes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own initial conditions, .npy: the linear overdensity at the redshift, in "
            "real space, mean 0, on at least as many points as voxels (best 2 along the side of "
            "a voxel), the first on the corner of the first voxel; the seed draws the scales it "
            "lacks.",
        ),
    ] = None,
    velocity: Annotated[
        bool, typer.Option("--velocity", help="Write the velocity of the matter too [km/s].")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="local|ADDRESS",
            help="Make it slab by slab by Dask workers: this machine's, or those of a scheduler "
            "(tcp://...).",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the 2LPT density of a box of any size, ready to paint."""
    refuse(
        {
            "--output is a box file and ends in .h5 or .zarr": output.suffix not in SUFFIXES,
            "--scheduler's workers draw modes; leave --initial-modes out": scheduler is not None
            and initial_modes is not None,
        }
    )
    from halokeras.cosmology.cosmology import box_cosmology
    from halokeras.simulation.files.densities import make_wanted_density
    from halokeras.simulation.lpt.box import LptBox
    from halokeras.simulation.lpt.initial_modes import modes_of_file
    from halokeras.simulation.slabs.out_of_core import slabs_folder
    from halokeras.storage.files import check_no_folder

    check_no_folder(output)
    named = None if cosmology else box or "00"
    wanted = LptBox(
        cosmology=cosmology_of(box, cosmology) or box_cosmology("00"),
        seed=seed,
        voxels=voxels,
        voxel_size=4.0 if size is None else size / voxels[0],
        redshift=redshift,
        box_id=named,
        initial_modes=modes_of_file(initial_modes) if initial_modes else None,
        modes_name=initial_modes.name if initial_modes else "",
        velocity=velocity,
    )
    try:
        with listening("initial modes") as listener:
            written = make_wanted_density(wanted, output, listener, overwrite, scheduler)
    except KeyboardInterrupt:
        if not slabs_folder(output).exists():
            raise
        kept = "slabs that are done are kept; the same command goes on with them"
        tell("Interrupted", kept, "yellow")
        raise typer.Exit(130) from None
    wrote(written, as_json, found=[] if written else [output])
