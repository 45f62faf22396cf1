"""`halopaint lpt`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import JsonOption, parse_voxels
from halokeras.commands.terminal import progress, tell, wrote
from halokeras.environment import allotted_cores

if TYPE_CHECKING:
    from halokeras.simulation.density import LptBox


def lpt(
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
        typer.Option(metavar="ID", help="Cosmology, 00 to 04.", show_default="00"),
    ] = None,
    cosmology: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Another: JSON of H0, omega_m, omega_b, sigma8 and n_s."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Realisation.")] = 1,
    size: Annotated[
        float | None,
        typer.Option(
            min=0, help="Side of the box along x [Mpc/h].", show_default="4 times the voxels"
        ),
    ] = None,
    redshift: Annotated[float, typer.Option(min=0, help="Redshift.")] = 0.3,
    initial_modes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own initial conditions, .npy: the linear overdensity at the redshift, in "
            "real space, mean 0, on at least as many points as voxels (best 2 along the side of "
            "a voxel, or 4 in a box of up to 128^3 voxels), the first on the corner of the first "
            "voxel; the seed draws the scales it lacks.",
        ),
    ] = None,
    velocity: Annotated[
        bool, typer.Option("--velocity", help="Write the velocity of the matter too [km/s].")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the 2LPT density of a box of any size, ready to paint."""
    if box is not None and cosmology is not None:
        raise typer.BadParameter("give --box or --cosmology, not both")
    if output.suffix != ".h5":
        raise typer.BadParameter("--output is a box file and ends in .h5")
    from halokeras.cosmology.cosmology import box_cosmology
    from halokeras.cosmology.cosmology_file import load_cosmology
    from halokeras.simulation.density import LptBox
    from halokeras.simulation.initial_modes import modes_of_file
    from halokeras.storage.files import check_absent

    check_absent(output)
    named = None if cosmology else box or "00"
    wanted = LptBox(
        cosmology=load_cosmology(cosmology) if cosmology else box_cosmology(named or ""),
        seed=seed,
        voxels=voxels,
        voxel_size=4.0 if size is None else size / voxels[0],
        redshift=redshift,
        box_id=named,
        initial_modes=modes_of_file(initial_modes) if initial_modes else None,
        modes_name=initial_modes.name if initial_modes else "",
        velocity=velocity,
    )
    make_density(wanted, output)
    wrote([output], as_json)


def make_density(wanted: "LptBox", target: Path) -> None:
    """Say what a density will take, make it with a progress bar and write it."""
    from halokeras.simulation.density import check_memory, estimate, write_density
    from halokeras.storage.files import check_writable

    check_memory(wanted)
    check_writable(target)
    expected = estimate(wanted)
    sides = "x".join(str(side) for side in wanted.voxels)
    tell(
        "Making",
        f"{target} with {sides} voxels: about {expected.memory / 2**30:.1f} GiB of memory, "
        f"{expected.disk / 2**30:.2f} GiB of disk and {max(1, round(expected.seconds / 60))} min",
    )
    with progress("initial modes") as show:
        write_density(
            wanted,
            target,
            workers=allotted_cores(),
            progress=lambda stage, fraction: show(fraction, stage),
        )
