"""The 2LPT matter of a box below its voxels where memory is short, or by workers of a Dask cluster.

The rows of its planes of particles are made slab by slab and lie on disk; the fields are then swept
of them, as halos are placed.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.listener import Listener
from halokeras.simulation.fine_matter.far_infall import FAR, write_far_infall
from halokeras.simulation.fine_matter.fields import FineFields, fine_estimate, fine_seconds
from halokeras.simulation.fine_matter.halo_motion import halo_motion
from halokeras.simulation.fine_matter.plane_rows import rows_on_disk
from halokeras.simulation.fine_matter.sweep import FineSweep, sweep_bytes
from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.density import LptParticles, seconds_at_best
from halokeras.simulation.lpt.deposit import MakePlanes
from halokeras.simulation.lpt.recipe import PARTICLES
from halokeras.simulation.slabs.out_of_core import (
    Way,
    check_room,
    cuts_in,
    made_by_slabs,
    needs_slabs,
    to_rows,
)
from halokeras.simulation.slabs.parts import PlanesInParts
from halokeras.simulation.slabs.plan import BYTES_AT_REST, planes_bytes, rows_need, slower
from halokeras.storage.durable import reserve
from halokeras.storage.files import unwritable
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory


def fine_slab_estimate(box: LptBox, folder: Path, products_there: bool = False) -> LptEstimate:
    """Say what making the fields of a box slab by slab in a folder takes.

    The products of the second order may be there then, left by the density.
    """
    moving, (x, y, z) = replace(box, velocity=True), box.voxels
    cuts = cuts_in(moving, folder, fine_way(box))
    rows = rows_need(moving, cuts)
    made_then = rows.memory if cuts.parts > 1 else 0
    planes = planes_bytes(moving, cuts, added=PARTICLES, rows=made_then)
    swept = sweep_bytes(box, planes, kept=planes_bytes(moving, cuts, added=0))
    return LptEstimate(
        memory=BYTES_AT_REST + max(rows.memory, 3 * 4 * x * y * z, swept),
        disk=0,
        seconds=slower(cuts, products_there) * seconds_at_best(box) + fine_seconds(box),
        work=max(rows.work, rows.kept + far_bytes(box)),
    )


def far_bytes(box: LptBox) -> int:
    """Return what the far scales of the velocity take on disk."""
    x, y, z = box.voxels
    return 3 * FAR.itemsize * x * y * z


def fine_way(box: LptBox) -> Way:
    """Return how far slabs are made for the fields."""
    return to_rows(far_bytes(box))


def fine_by_slabs(box: LptBox, folder: Path, scheduler: str | None) -> bool:
    """Say whether the fields are made slab by slab, as `out_of_core.is_made_by_slabs`."""
    return needs_slabs(fine_estimate(box).memory, folder, scheduler)


def check_fine_room(box: LptBox, folder: Path, freed: int = 0) -> None:
    """Refuse fields for which memory or disk lack, even slab by slab.

    Bytes on disk that are `freed` before they are made are there for them.

    Raises
    ------
    BoxError
        If there is too little memory.
    OutputError
        If there is too little disk.
    """
    need = fine_slab_estimate(box, folder)
    refuse_beyond_memory(
        need.memory,
        "the 2LPT density below the voxels, slab by slab,",
        "place halos by a --sub-density of your own or choose --places uniform",
    )
    check_room(box, folder, need, freed)


@contextmanager
def fine_fields_by_slabs(
    box: LptBox,
    density: Grid,
    folder: Path,
    workers: int,
    listener: Listener,
    scheduler: str | None = None,
    particles: LptParticles | None = None,
) -> Iterator[FineFields]:
    """Give the fields, to be read slab by slab while the block runs.

    Parameters
    ----------
    box
        The box.
    density
        Its density on the voxels, rho/mean.
    folder, workers, listener, scheduler
        As in `made_by_slabs`, which tells what is raised.
    particles
        The particles of the box, where they are made.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    with ExitStack() as held:
        if particles is None:
            moving = replace(box, velocity=True)
            recipe = held.enter_context(
                made_by_slabs(moving, folder, workers, listener, scheduler, fine_way(box))
            )
            planes: MakePlanes = PlanesInParts(recipe, folder, workers, listener)
            speed = recipe.linear.speed
        else:
            planes = held.enter_context(rows_on_disk(particles, box, folder, workers, listener))
            speed = particles.speed
            del particles  # its modes take more memory than the sweep
        far = _room_for_far(box, folder)
        motion = halo_motion(box.cosmology, box.redshift)
        write_far_infall(density, box.voxel_size, motion, far, workers)
        yield FineSweep(box, planes, speed, far, workers).fields()


def _room_for_far(box: LptBox, folder: Path) -> NDArray[np.float16]:
    """Return the far scales of the velocity, not told yet, in a file whose space is taken."""
    path = folder / "far.npy"
    try:
        far: NDArray[np.float16] = np.lib.format.open_memmap(
            path, mode="w+", dtype=FAR, shape=(3, *box.voxels)
        )
        reserve(path, path.stat().st_size)  # or a disk that is full would end the process
    except OSError as error:
        raise unwritable(folder, error) from error
    return far
