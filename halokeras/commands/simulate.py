"""`halopaint simulate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from halokeras.commands.options import JsonOption
from halokeras.commands.terminal import progress, tell, wrote
from halokeras.environment import allotted_cores
from halokeras.errors import BoxError
from halokeras.resources import or_shipped


def simulate(
    box: Annotated[str | None, typer.Option(metavar="ID", help="Cosmology, 00 to 04.")] = None,
    params: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Make the missing ones of the boxes this file names."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Realisation.")] = 1,
    size: Annotated[float, typer.Option(min=0, help="Side of the box [Mpc/h].")] = 256,
    particles: Annotated[int, typer.Option(min=2, help="Particles along a side.")] = 256,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Box file. [default: boxes/box<ID>_seed<SEED>.h5]"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a box: 2LPT density, N-body simulation, friends-of-friends halos."""
    if (box is None) == (params is None):
        raise typer.BadParameter("give either --box or --params")
    from halokeras.boxes.box_file import box_name
    from halokeras.cosmology.cosmology import box_cosmology
    from halokeras.params import load_params
    from halokeras.storage.files import check_absent

    made = []
    if box is not None:
        box_cosmology(box)  # an unknown id is told before any estimate
        target = output or Path("boxes") / box_name(box, seed)
        check_absent(target)
        _simulate(target, box_id=box, seed=seed, size=size, particles=particles)
        made.append(target)
    if params is not None:
        wanted = load_params(or_shipped(params, "params")).box
        for named in (*wanted.train, *wanted.validate_on):
            if (
                named.id is not None
                and named.seed is not None
                and _is_missing(named.id, named.seed)
            ):
                target = Path("boxes") / box_name(named.id, named.seed)
                _simulate(
                    target,
                    box_id=named.id,
                    seed=named.seed,
                    size=wanted.size,
                    particles=wanted.particles,
                    redshift=wanted.redshift,
                )
                made.append(target)
    wrote(made, as_json)


def _is_missing(box_id: str, seed: int) -> bool:
    from halokeras.boxes.box_file import find_box

    try:
        tell("Found", str(find_box(box_id, seed)))
    except BoxError:
        return True
    return False


def _simulate(target: Path, *, particles: int, **of_the_box: Any) -> None:
    """Say what the simulation will take, run it with a progress bar and write the box."""
    from halokeras.boxes.box_file import write_box
    from halokeras.simulation.simulate import estimate, simulate
    from halokeras.storage.files import check_writable

    check_writable(target)
    expected = estimate(particles)
    tell(
        "Simulating",
        f"{target} with {particles}^3 particles: about {expected.memory / 2**30:.1f} GiB of memory "
        f"and {max(1, round(expected.seconds / 60))} min on one core",
    )
    with progress("initial conditions") as show:
        box = simulate(
            particles=particles,
            workers=allotted_cores(),
            progress=lambda stage, fraction: show(fraction, stage),
            **of_the_box,
        )
    write_box(box, target)
