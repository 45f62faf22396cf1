"""What there is already of the boxes that a run is to write: nothing, whole ones, damaged ones."""

from collections.abc import Mapping
from pathlib import Path

from halokeras.boxes.asked import AskedBox, differences
from halokeras.boxes.box_file import read_box
from halokeras.errors import BoxError, DamagedError, OutputError
from halokeras.simulation.simulate import Simulation, engine_of
from halokeras.storage.files import Found


def found_boxes(
    wanted: Simulation,
    targets: Mapping[float, Path],
    remedy: str = "remove it, or make the box elsewhere",
    names_tell: bool = True,
    read: bool = True,
) -> dict[float, Found]:
    """Say what there is of the boxes of a run, or refuse to replace another's.

    Parameters
    ----------
    wanted, targets
        The run, and the file of each redshift.
    remedy
        What helps with another's.
    names_tell
        Whether the names of files tell what they hold, so that one which is cut is known by it.
    read
        Whether they are read; where not, one whose values are damaged is taken for whole.

    Raises
    ------
    OutputError
        If one is there but not as asked, where the message states both values of what differs, or
        is no box.
    """
    return {
        redshift: _found_box(path, _asked_of(wanted, redshift), remedy, names_tell, read)
        for redshift, path in targets.items()
    }


def _found_box(path: Path, asked: AskedBox, remedy: str, name_tells: bool, read: bool) -> Found:
    if not path.exists():
        return "absent"
    try:
        other = differences(path, asked)
    except BoxError as error:
        if isinstance(error, DamagedError) and name_tells:
            return "damaged"
        raise unusable(path, error, remedy) from error
    if other:
        raise OutputError(f"{path} is there and has {', '.join(other)}; {remedy}")
    try:
        if read:
            read_box(path)
    except DamagedError:
        return "damaged"
    except BoxError as error:
        raise unusable(path, error, remedy) from error
    return "whole"


def unusable(path: Path, error: BoxError, remedy: str) -> OutputError:
    """Return the refusal of a file that is there and no whole box, by what was found."""
    what = str(error).partition(";")[0].removeprefix(f"box file {path}").lstrip(": ")
    return OutputError(f"{path} is there, but no whole box ({what}); {remedy}")


def _asked_of(wanted: Simulation, redshift: float) -> AskedBox:
    """Return what is asked of the box of a run at a redshift."""
    return AskedBox(
        wanted.box_id or "",
        wanted.seed,
        wanted.size,
        redshift,
        wanted.particles,
        own=wanted.cosmology,
        voxel_size=wanted.voxel_size,
        engine=engine_of(wanted),
    )
