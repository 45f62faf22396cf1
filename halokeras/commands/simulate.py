"""`halopaint simulate`."""

from pathlib import Path
from typing import Annotated

import typer

from halokeras.commands.options import CosmologyIdOption, JsonOption, OverwriteOption, refuse
from halokeras.commands.terminal import listening, wrote
from halokeras.resources import or_shipped


def simulate(  # noqa: PLR0913  (Typer reads one parameter an option)
    box: CosmologyIdOption = None,
    params: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make the missing ones of the boxes this file names."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Realisation.", show_default="1")] = None,
    size: Annotated[float, typer.Option(min=0, help="Side of the box [Mpc/h].")] = 256,
    particles: Annotated[int, typer.Option(min=2, help="Particles along a side.")] = 256,
    voxel_size: Annotated[float, typer.Option(min=0, help="Side of a voxel [Mpc/h].")] = 4,
    redshift: Annotated[float, typer.Option(min=0, help="Redshift.")] = 0.3,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Box file to write.", show_default="boxes/box<ID>_seed<SEED>.h5"
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a box: 2LPT density, N-body simulation, friends-of-friends halos."""
    refuse({"give either --box or --params": (box is None) == (params is None)})
    from halokeras.params import load_params
    from halokeras.simulation.files import Simulation, simulate_file, simulate_missing

    with listening("initial conditions") as told:
        if params is not None:
            made = simulate_missing(load_params(or_shipped(params, "params")).box, told)
        else:
            wanted = Simulation(
                box or "00", 1 if seed is None else seed, size, particles, voxel_size, redshift
            )
            made = [output or wanted.path]
            simulate_file(wanted, made[0], told, overwrite)
    wrote(made, as_json)
