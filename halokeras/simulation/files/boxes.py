"""Boxes made as files, with what making them will take told first."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from halokeras.boxes.asked import OtherBoxError, asked_for, find_asked
from halokeras.boxes.box_file import box_name, read_box, told_redshift, write_box
from halokeras.environment import allotted_cores
from halokeras.errors import DamagedError
from halokeras.listener import Listener
from halokeras.params import BoxParams
from halokeras.readable import amount_of_bytes, duration
from halokeras.simulation import simulate
from halokeras.simulation.files.claims import claimed
from halokeras.simulation.files.found_boxes import found_boxes
from halokeras.simulation.simulate import Simulation
from halokeras.storage.files import check_writable, made_again, replacing
from halokeras.storage.stores import check_replaceable_store

BOXES = Path("boxes")
"""Where boxes go that no output names."""


def box_paths(wanted: Simulation, named: str = "own") -> dict[float, Path]:
    """Return where the boxes of a run go if no output is named, and where params find them.

    Parameters
    ----------
    wanted
        The run.
    named
        What the files of a cosmology without an id are called.
    """

    def name(redshift: float) -> str:
        if wanted.box_id is not None:
            return box_name(wanted.box_id, wanted.seed, redshift)
        return f"{named}_seed{wanted.seed}{told_redshift(redshift)}.h5"

    return {redshift: BOXES / name(redshift) for redshift in wanted.redshifts}


def paths_by_redshift(output: Path, wanted: Simulation) -> dict[float, Path]:
    """Return the files of a run by redshift: `output`, or of several redshifts one each beside."""
    if len(wanted.redshifts) == 1:
        return {wanted.redshifts[0]: output}
    return {
        redshift: output.with_name(f"{output.stem}_z{redshift:g}{output.suffix}")
        for redshift in wanted.redshifts
    }


def simulate_files(
    wanted: Simulation,
    targets: Mapping[float, Path],
    listener: Listener,
    overwrite: bool = False,
    names_tell: bool = False,
) -> list[Path]:
    """Run a simulation and write its boxes, each whole as soon as it is made; return those made.

    Boxes may be there, as after a kill: the others are made, the run going on from its last
    checkpoint, and so are those that are damaged.

    Parameters
    ----------
    wanted
        The run.
    targets
        File of each redshift.
    listener
        Who is told.
    overwrite
        Whether files that are there are made again.
    names_tell
        As in `found_boxes`.

    Raises
    ------
    BoxError
        If it cannot be run, or there is too little memory.
    OutputError
        If a file is of another box and not to be replaced, one cannot be written, there is too
        little disk, or another process is making them.
    """
    paths = list(targets.values())
    for path in paths:
        check_replaceable_store(path)
        check_writable(path)
    with claimed(paths[0]) as state:
        found = {} if overwrite else found_boxes(wanted, targets, replacing(), names_tell)
        left = {one: path for one, path in targets.items() if found.get(one) != "whole"}
        for redshift, path in targets.items():
            if redshift not in left:
                listener.announce("Found", str(path))
            elif found.get(redshift) == "damaged":
                listener.warn(made_again(path))
        if not left:
            return []
        _announce(wanted, left, state, listener)
        return list(make_files(wanted, left, state, allotted_cores(), listener.progress))


def make_files(
    wanted: Simulation,
    targets: Mapping[float, Path],
    state: Path,
    workers: int,
    progress: Callable[[str, float], None],
) -> Iterator[Path]:
    """Run a simulation and write the boxes of some of its redshifts; yield each once written."""
    only = replace(wanted, redshifts=tuple(targets))
    for box in simulate.simulate(only, workers, state, progress):
        path = targets[box.redshift]
        write_box(box, path)
        yield path


def simulate_missing(wanted: BoxParams, listener: Listener) -> tuple[list[Path], list[Path]]:
    """Simulate those boxes that params name by id and seed and that are not there.

    Returns
    -------
    tuple
        The boxes that were made, and those that were found.
    """
    made: list[Path] = []
    found: list[Path] = []
    for named in (*wanted.train, *wanted.validate_on):
        if named.id is None:
            continue
        asked = asked_for(named, wanted)
        target = BOXES / box_name(asked.id, asked.seed, asked.redshift)
        there = None
        try:
            there = find_asked(asked)
        except OtherBoxError as error:
            target = BOXES / asked.name
            listener.warn(f"{error}, so {target} is made beside it")
        except DamagedError:
            if not target.exists():  # it is another's
                raise
        if there is not None and _is_whole(there):
            listener.announce("Found", str(there))
            found.append(there)
            continue
        target = there or target
        run = Simulation(
            asked.cosmology,
            asked.seed,
            asked.size,
            asked.particles,
            redshifts=(asked.redshift,),
            box_id=asked.id,
        )
        written = simulate_files(run, {asked.redshift: target}, listener, names_tell=True)
        made += written
        found += [] if written else [target]
    return made, found


def _is_whole(path: Path) -> bool:
    """Whether a box is undamaged; refuse one that is, where it is not ours to make again."""
    try:
        read_box(path)
    except DamagedError:
        if path.parent != BOXES:
            raise
        return False
    return True


def _announce(
    wanted: Simulation, targets: Mapping[float, Path], state: Path, listener: Listener
) -> None:
    need = simulate.estimate(wanted.particles, tuple(targets))
    if state.exists():
        listener.announce("Resuming", f"the run that {state} keeps")
    listener.announce(
        "Simulating",
        f"{', '.join(map(str, targets.values()))} with {wanted.particles}^3 particles: about "
        f"{amount_of_bytes(need.memory)} of memory, {amount_of_bytes(need.work)} of disk meanwhile "
        f"and {duration(max(need.seconds, 1))} on one core",
    )
    warn_of_lattice(wanted, listener)


def warn_of_lattice(wanted: Simulation, listener: Listener) -> None:
    """Warn of a density that shows the lattice of the particles."""
    said = simulate.lattice_warning(wanted)
    if said is not None:
        listener.warn(said)
