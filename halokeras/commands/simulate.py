"""`halopaint simulate`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from halokeras.commands.options import JsonOption, or_shipped
from halokeras.commands.terminal import progress, tell, wrote

if TYPE_CHECKING:
    from halokeras.boxes.asked import AskedBox


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
    from halokeras.boxes.asked import asked_for
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
            if named.path is not None:
                continue
            asked = asked_for(named, wanted)
            missing = _missing(asked)
            if missing is not None:
                _simulate(
                    missing,
                    box_id=asked.id,
                    seed=asked.seed,
                    size=asked.size,
                    particles=asked.particles,
                    redshift=asked.redshift,
                )
                made.append(missing)
    wrote(made, as_json)


def _missing(asked: "AskedBox") -> Path | None:
    """Return where to make a box that is asked for; None if there is one."""
    from halokeras.boxes.asked import OtherBoxError, find_asked
    from halokeras.boxes.box_file import box_name

    try:
        found = find_asked(asked)
    except OtherBoxError as error:
        target = Path("boxes") / asked.name
        tell("Warning", f"{error}, so {target} is made beside it", "yellow")
        return target
    if found is None:
        return Path("boxes") / box_name(asked.id, asked.seed)
    tell("Found", str(found))
    return None


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
            workers=os.cpu_count() or 1,
            progress=lambda stage, fraction: show(fraction, stage),
            **of_the_box,
        )
    write_box(box, target)
