"""A density that is wanted as a file: found as it was made before, or made."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from halokeras.boxes.box_file import Header, describe, open_box
from halokeras.errors import BoxError, DamagedError
from halokeras.fields.gridding import shape_text
from halokeras.listener import Listener
from halokeras.readable import differences_told
from halokeras.simulation.files import make_density_file
from halokeras.simulation.found_boxes import unusable
from halokeras.simulation.lpt_box import LptBox
from halokeras.simulation.lpt_recipe import PARTICLES
from halokeras.storage.files import made_again, refusal, remove_abandoned, replacing

LACKING = "no velocity"
"""What differs where a density is as wanted but for the velocity."""


def make_wanted_density(
    wanted: LptBox,
    target: Path,
    listener: Listener,
    overwrite: bool = False,
    scheduler: str | None = None,
) -> list[Path]:
    """Make a density as `make_density_file`, unless it is there, whole; return what was written.

    One that is there and tells that it is wanted, but whose values are damaged, is made again.

    Raises
    ------
    HalopaintError
        As `make_density_file`. Where the file is something else the message says what differs.
    """
    if target.exists() and not overwrite:
        if _is_whole(target, wanted):
            remove_abandoned(target.parent)  # of a process that died once the file had its name
            listener.announce("Found", str(target))
            return []
        listener.warn(made_again(target))
        overwrite = True
    make_density_file(wanted, target, listener, overwrite, scheduler)
    return [target]


def differences(header: Header, shape: Sequence[int], moving: bool, wanted: LptBox) -> list[str]:
    """Say what the file of a density tells that is not as wanted, one clause each.

    Parameters
    ----------
    header
        What it tells.
    shape
        Voxels of its density.
    moving
        Whether it holds velocities.
    wanted
        The density that is wanted.
    """
    told, asked = header.provenance, wanted.cosmology.parameters
    has = {} if header.cosmology is None else header.cosmology.parameters
    values = {
        "seed": (told.get("seed"), wanted.seed),
        "voxels": (shape_text(tuple(shape)), shape_text(wanted.voxels)),
        "voxel_size": (header.voxel_size, wanted.voxel_size),
        "redshift": (header.redshift, wanted.redshift),
        **{f"cosmology {name}": (has.get(name), asked.get(name)) for name in {**has, **asked}},
        "density_scheme": (told.get("density_scheme"), "2lpt"),
        "particles_per_voxel": (told.get("particles_per_voxel"), PARTICLES**3),
    }
    unlike = [name for name, (held, value) in values.items() if held != value]
    held, value = ({name: pair[side] for name, pair in values.items()} for side in (0, 1))
    other = [differences_told(unlike, held, value)] if unlike else []
    if "initial_modes" in told:
        # Of their file only the name is known, under which others may lie now.
        other.append("initial modes of a file, which nothing compares with those of now")
    elif wanted.initial_modes is not None:
        other.append("initial modes of its seed instead of those of a file")
    return [*other, LACKING] if wanted.velocity and not moving else other


def _is_whole(target: Path, wanted: LptBox) -> bool:
    """Whether a file of a density is undamaged; refuse one that is no box, or not as wanted."""
    try:
        with open_box(target) as store:
            header, fields = describe(store)
            velocity = store.array("velocity", "f")
            shape = fields["density"].shape if "density" in fields else ()
            other = differences(header, shape, velocity is not None, wanted)
            if other:
                raise refusal(target, f"is there and has {', '.join(other)}")
            arrays = fields if velocity is None else {**fields, "velocity": velocity}
            with suppress(DamagedError):
                store.check_values(arrays)
                return True
            return False
    except BoxError as error:
        raise unusable(target, error, replacing()) from error
