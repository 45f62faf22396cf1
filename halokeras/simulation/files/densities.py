"""Densities wanted as files: found as they were made before, or made, in memory or by slabs."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box_file import Header, describe, open_box
from halokeras.environment import allotted_cores
from halokeras.errors import BoxError, DamagedError
from halokeras.fields.gridding import shape_text
from halokeras.listener import Listener
from halokeras.readable import amount_of_bytes, differences_told, duration
from halokeras.simulation.files.found_boxes import unusable
from halokeras.simulation.fine_matter.by_slabs import fine_way
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import LptParticles, check_memory, slow_side
from halokeras.simulation.lpt.density_file import write_density
from halokeras.simulation.lpt.recipe import PARTICLES
from halokeras.simulation.slabs.out_of_core import (
    Heir,
    density_estimate,
    is_made_by_slabs,
    remove_finished_slabs,
    write_by_slabs,
)
from halokeras.storage.files import (
    check_absent,
    check_writable,
    made_again,
    refusal,
    remove_abandoned,
    replacing,
)
from halokeras.storage.stores import check_replaceable_store

LACKING = "no velocity"
"""What differs where a density is as wanted but for the velocity."""


def make_density_file(
    wanted: LptBox,
    target: Path,
    listener: Listener,
    overwrite: bool = False,
    scheduler: str | None = None,
    beside: Sequence[NDArray[np.floating]] = (),
    matter_in: Path | None = None,
) -> LptParticles | None:
    """Make a 2LPT density and write it as a box file, whole.

    Parameters
    ----------
    wanted
        What to make.
    target
        The file.
    listener
        Who is told.
    overwrite
        Whether it may replace one that is there.
    scheduler
        Dask workers that make it slab by slab: ``local``, or the address of a scheduler.
    beside
        As in `write_density`, if it is made in memory.
    matter_in
        Folder where the matter below its voxels is made slab by slab next, if it is: what both are
        made of is left there.

    Returns
    -------
    LptParticles or None
        Its particles; None if it was made slab by slab, as it is where memory is short.

    Raises
    ------
    BoxError
        If it cannot be made, or there is too little memory.
    OutputError
        If the file is there and not to be replaced, or cannot be written.
    ClusterError
        If the scheduler does not answer, or its workers vanish.
    """
    check_absent(target, overwrite)
    check_replaceable_store(target)
    check_writable(target)
    slab_by_slab = is_made_by_slabs(wanted, target, scheduler)
    if not slab_by_slab:
        check_memory(wanted)
        slow = slow_side(wanted)
        if slow is not None:
            listener.warn(slow)
    heir = None if matter_in is None else Heir(matter_in, fine_way(wanted))
    need = density_estimate(wanted, target, scheduler, heir is not None)
    sides = "x".join(str(side) for side in wanted.voxels)
    of_each = " of each worker" if scheduler else ""
    meanwhile = f", {amount_of_bytes(need.work)} meanwhile," if slab_by_slab else ""
    listener.announce(
        "Making",
        f"{target} with {sides} voxels{', slab by slab' if slab_by_slab else ''}: about "
        f"{amount_of_bytes(need.memory)} of memory{of_each}, {amount_of_bytes(need.disk)} of "
        f"disk{meanwhile} and {duration(max(need.seconds, 1))}",
    )
    listener.progress("initial modes", 0.0)
    if slab_by_slab:
        write_by_slabs(wanted, target, allotted_cores(), listener, scheduler, heir)
        return None
    return write_density(wanted, target, allotted_cores(), listener.progress, beside)


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
            remove_finished_slabs(wanted, target)
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
