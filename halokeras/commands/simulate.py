"""`halopaint simulate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import (
    CosmologyOption,
    JsonOption,
    OverwriteOption,
    cosmology_of,
    known_length,
    known_seed,
    refuse,
    refuse_inputs,
)
from halokeras.commands.terminal import listening, tell, wrote
from halokeras.resources import or_shipped
from halokeras.storage.files import SUFFIXES

if TYPE_CHECKING:
    from halokeras.listener import Listener
    from halokeras.simulation.simulate import Simulation

_ONE_RUN = "One run"
_MANY_RUNS = "Many runs"


def simulate(  # noqa: PLR0913  (Typer reads one parameter an option)
    box: Annotated[
        str | None, typer.Option("--box", metavar="ID", help="Cosmology, 00 to 04.")
    ] = None,
    cosmology: CosmologyOption = None,
    params: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make the missing ones of the boxes this file names.",
            rich_help_panel=_MANY_RUNS,
        ),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make a folder of boxes of many cosmologies, as this file plans them.",
            rich_help_panel=_MANY_RUNS,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            callback=known_seed,
            help="Realisation.",
            show_default="1",
            rich_help_panel=_ONE_RUN,
        ),
    ] = None,
    size: Annotated[
        float | None,
        typer.Option(
            callback=known_length,
            help="Side of the box [Mpc/h].",
            show_default="256",
            rich_help_panel=_ONE_RUN,
        ),
    ] = None,
    particles: Annotated[
        int | None,
        typer.Option(
            min=2, help="Particles along a side.", show_default="256", rich_help_panel=_ONE_RUN
        ),
    ] = None,
    voxel_size: Annotated[
        float | None,
        typer.Option(
            callback=known_length,
            help="Side of a voxel [Mpc/h].",
            show_default="4",
            rich_help_panel=_ONE_RUN,
        ),
    ] = None,
    redshift: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            help="Redshift of the box; name it again for another box of the same run.",
            show_default="0.3",
            rich_help_panel=_ONE_RUN,
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes of this machine that make a suite.",
            show_default="1",
            rich_help_panel=_MANY_RUNS,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="local|ADDRESS",
            help="Make a suite by Dask workers: this machine's, or those of a scheduler "
            "(tcp://...).",
            rich_help_panel=_MANY_RUNS,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Box file to write, to whose name _z<REDSHIFT> is added for several redshifts; "
            "of a suite, the folder to write.",
            show_default="boxes/box<ID>_seed<SEED>.h5",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make boxes: 2LPT density, N-body simulation, friends-of-friends halos.

    halopaint simulate --box 00 --redshift 1 --redshift 0.3

    halopaint simulate --suite params/suites/sobol64.json --processes 2
    """
    single = [box, cosmology]
    options = [seed, size, particles, voxel_size, redshift]
    ways = [any(each is not None for each in single), params is not None, suite is not None]
    refuse(
        {
            "give one of --box, --cosmology, --params and --suite": sum(ways) != 1,
            "--seed, --size, --particles, --voxel-size and --redshift go with --box or "
            "--cosmology": not ways[0] and any(each is not None for each in options),
            "--processes and --scheduler go with --suite": suite is None
            and (processes is not None or scheduler is not None),
            "give --processes or --scheduler, not both": processes is not None
            and scheduler is not None,
            "--output goes with --box, --cosmology or --suite": params is not None
            and output is not None,
            "--output is a box file and ends in .h5 or .zarr": output is not None
            and ways[0]
            and output.suffix not in SUFFIXES,
            "--overwrite goes with --box or --cosmology": not ways[0] and overwrite,
        }
    )
    facts: dict[str, Any] = {}
    try:
        with listening("initial conditions") as listener:
            if suite is not None:
                folder = output or Path("boxes") / suite.stem
                made, found, facts = _make_suite(suite, folder, processes or 1, scheduler, listener)
                if not as_json:  # of many boxes their folder
                    made, found = ([folder], []) if made else ([], [folder])
            elif params is not None:
                made, found = _make_missing(params, listener)
            else:
                wanted = _wanted(box, cosmology, seed, size, particles, voxel_size, redshift)
                named = "" if cosmology is None else cosmology.stem
                made, found = _make_boxes(wanted, named, output, overwrite, listener)
    except KeyboardInterrupt:
        kept = "boxes that are made are kept, and a checkpoint; the same command goes on with them"
        tell("Interrupted", kept, "yellow")
        raise typer.Exit(130) from None
    wrote(made, as_json, found, **facts)


def _make_suite(
    file: Path, folder: Path, processes: int, scheduler: str | None, listener: "Listener"
) -> tuple[list[Path], list[Path], dict[str, Any]]:
    """Return the boxes that were made, by this command or others, those found, and more."""
    from halokeras.boxes.suite import INDEX
    from halokeras.simulation.suites.make import make_suite
    from halokeras.simulation.suites.params import load_suite_params
    from halokeras.simulation.suites.planned import suite_of_plan

    file = or_shipped(file, "params/suites")
    refuse_inputs(folder / INDEX, [file])  # of the same name, and in the folder itself
    planned = load_suite_params(file)
    boxes = [box.path for box in suite_of_plan(planned, folder).boxes()]
    before = {path: _written_at(path) for path in boxes}
    suite = make_suite(planned, folder, listener, processes, scheduler)
    found = [path for path in boxes if before[path] == _written_at(path)]
    made = [path for path in boxes if path not in found]
    told = {"suite": str(folder), "members": len(suite.members), "boxes": len(boxes)}
    return made, found, told


def _written_at(path: Path) -> int | None:
    """Return the moment [ns] at which a file was written, by which one made again is known."""
    return path.stat().st_mtime_ns if path.exists() else None


def _make_missing(params: Path, listener: "Listener") -> tuple[list[Path], list[Path]]:
    from halokeras.params import load_params
    from halokeras.simulation.files.boxes import simulate_missing

    return simulate_missing(load_params(or_shipped(params, "params")).box, listener)


def _make_boxes(
    wanted: "Simulation", named: str, output: Path | None, overwrite: bool, listener: "Listener"
) -> tuple[list[Path], list[Path]]:
    from halokeras.simulation.files.boxes import box_paths, paths_by_redshift, simulate_files

    targets = paths_by_redshift(output, wanted) if output else box_paths(wanted, named)
    made = simulate_files(wanted, targets, listener, overwrite, names_tell=output is None)
    return made, [path for path in targets.values() if path not in made]


def _wanted(
    box: str | None,
    cosmology: Path | None,
    seed: int | None,
    size: float | None,
    particles: int | None,
    voxel_size: float | None,
    redshifts: list[float] | None,
) -> "Simulation":
    from halokeras.simulation.simulate import Simulation

    chosen = cosmology_of(box, cosmology)
    assert chosen is not None
    return Simulation(
        chosen,
        seed=1 if seed is None else seed,
        size=256.0 if size is None else size,
        particles=256 if particles is None else particles,
        voxel_size=4.0 if voxel_size is None else voxel_size,
        redshifts=tuple(redshifts or [0.3]),
        box_id=box,
    )
