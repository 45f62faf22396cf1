"""A suite as planned, in its folder: its index, and the simulation and files of each member."""

from pathlib import Path

from halokeras.boxes.suite import INDEX, Member, Suite, is_suite, read_suite, write_index
from halokeras.errors import OutputError
from halokeras.simulation.simulate import Simulation
from halokeras.simulation.suites.params import Planned, SuiteParams
from halokeras.storage.files import check_writable


def write_longer_index(suite: Suite) -> None:
    """Write the index of a suite as `suite_of_plan` returns it, unless all members are in it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    check_writable(suite.folder / INDEX)
    if not is_suite(suite.folder) or len(read_suite(suite.folder).members) < len(suite.members):
        write_index(suite)


def suite_of_plan(planned: SuiteParams, folder: Path) -> Suite:
    """Return the suite that a plan makes of a folder, whose index, if there is one, agrees.

    Raises
    ------
    OutputError
        If the index is that of another suite; the message states both values of what differs.
    """
    simulations = planned.simulations()
    old = read_suite(folder) if is_suite(folder) else None
    before = () if old is None else old.members
    if len(before) > len(simulations):
        raise OutputError(
            f"{folder} is a suite of {len(before)} members, not of {len(simulations)}; choose "
            "another --output"
        )
    for member, wanted in zip(before, simulations, strict=False):
        other = _differences(member, wanted)
        if other:
            raise OutputError(
                f"{folder} is another suite: member {member.name} has {other}; choose another "
                "--output"
            )
    if old is not None:
        told = {"size": planned.size, "particles": planned.particles}
        told["voxel_size"] = planned.voxel_size
        for name, value in told.items():
            if getattr(old, name) != value:
                raise OutputError(
                    f"{folder} is another suite, of {name} {getattr(old, name):g} instead of "
                    f"{value:g}; choose another --output"
                )
    stem = folder.resolve().name
    members = [*before, *(_member(wanted, stem) for wanted in simulations[len(before) :])]
    return Suite(
        folder,
        planned.size,
        planned.particles,
        planned.voxel_size,
        tuple(members),
        planned.model_dump(mode="json"),
    )


def simulation_of(suite: Suite, member: Member) -> Simulation:
    """Return the simulation of a member."""
    return Simulation(
        member.cosmology,
        member.seed,
        suite.size,
        suite.particles,
        suite.voxel_size,
        member.redshifts,
    )


def targets_of(suite: Suite, member: Member) -> dict[float, Path]:
    """Return the file of each redshift of a member."""
    return {redshift: suite.folder / name for redshift, name in member.files.items()}


def _member(planned: Planned, stem: str) -> Member:
    name, wanted = planned
    files = {redshift: f"{stem}_{name}_z{redshift:g}.h5" for redshift in wanted.redshifts}
    return Member(name, wanted.cosmology, wanted.seed, files)


def _differences(member: Member, planned: Planned) -> str:
    """Say what a member of an index has that is not planned."""
    wanted = planned.simulation
    has = {"seed": member.seed, **vars(member.cosmology), "redshifts": list(member.redshifts)}
    asked = {"seed": wanted.seed, **vars(wanted.cosmology), "redshifts": list(wanted.redshifts)}
    return ", ".join(
        f"{name} {value} instead of {asked[name]}"
        for name, value in has.items()
        if value != asked[name]
    )
