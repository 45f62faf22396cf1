"""Densities and boxes made as files, with what they will take told first."""

from dataclasses import dataclass
from pathlib import Path

from halokeras.boxes.asked import AskedBox, OtherBoxError, asked_for, find_asked
from halokeras.boxes.box_file import box_name, write_box
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.environment import allotted_cores
from halokeras.listener import Listener
from halokeras.params import BoxParams
from halokeras.simulation import density, simulate
from halokeras.storage.files import check_absent, check_writable

BOXES = Path("boxes")
"""Where boxes go that no output names."""


@dataclass(frozen=True)
class Simulation:
    """A box to simulate: its cosmology, realisation, side [Mpc/h], particles a side and voxels."""

    box_id: str
    seed: int = 1
    size: float = 256.0
    particles: int = 256
    voxel_size: float = 4.0
    redshift: float = 0.3

    @property
    def path(self) -> Path:
        """Where it goes if no output is named, and where params find it."""
        return BOXES / box_name(self.box_id, self.seed)


def make_density_file(
    wanted: density.LptBox, target: Path, told: Listener, overwrite: bool = False
) -> None:
    """Make a 2LPT density and write it as a box file, whole.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    OutputError
        If the file is there and not to be replaced, or cannot be written.
    """
    check_absent(target, overwrite)
    density.check_memory(wanted)
    check_writable(target)
    expected = density.estimate(wanted)
    sides = "x".join(str(side) for side in wanted.voxels)
    told.announce(
        "Making",
        f"{target} with {sides} voxels: about {expected.memory / 2**30:.1f} GiB of memory, "
        f"{expected.disk / 2**30:.2f} GiB of disk and {_minutes(expected.seconds)}",
    )
    told.progress("initial modes", 0.0)
    density.write_density(wanted, target, allotted_cores(), told.progress)


def simulate_file(
    wanted: Simulation, target: Path, told: Listener, overwrite: bool = False
) -> None:
    """Simulate a box and write its file, whole.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    OutputError
        If the file is there and not to be replaced, or cannot be written.
    """
    box_cosmology(wanted.box_id)  # an unknown id is told before any estimate
    check_absent(target, overwrite)
    check_writable(target)
    expected = simulate.estimate(wanted.particles)
    told.announce(
        "Simulating",
        f"{target} with {wanted.particles}^3 particles: about {expected.memory / 2**30:.1f} GiB "
        f"of memory and {_minutes(expected.seconds)} on one core",
    )
    box = simulate.simulate(
        box_id=wanted.box_id,
        seed=wanted.seed,
        size=wanted.size,
        particles=wanted.particles,
        voxel_size=wanted.voxel_size,
        redshift=wanted.redshift,
        workers=allotted_cores(),
        progress=told.progress,
    )
    write_box(box, target)


def simulate_missing(wanted: BoxParams, told: Listener) -> list[Path]:
    """Simulate those boxes that params name by id and seed and that are not there; return them."""
    made = []
    for named in (*wanted.train, *wanted.validate_on):
        if named.path is not None:
            continue
        asked = asked_for(named, wanted)
        target = _missing(asked, told)
        if target is not None:
            box = Simulation(
                asked.id, asked.seed, asked.size, asked.particles, redshift=asked.redshift
            )
            simulate_file(box, target, told)
            made.append(target)
    return made


def _missing(asked: AskedBox, told: Listener) -> Path | None:
    """Return where to make a box that is asked for; None if there is one."""
    try:
        found = find_asked(asked)
    except OtherBoxError as error:
        target = BOXES / asked.name
        told.warn(f"{error}, so {target} is made beside it")
        return target
    if found is None:
        return BOXES / box_name(asked.id, asked.seed)
    told.announce("Found", str(found))
    return None


def _minutes(seconds: float) -> str:
    return f"{max(1, round(seconds / 60))} min"
