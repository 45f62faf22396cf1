"""The 2LPT matter of a box below its voxels, made slab by slab and left on disk.

It is that of `halokeras.simulation.fine_fields`, where memory is short or by the workers of a Dask
cluster. What halos fall together with is of transforms on half of its points, which are held whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import coarsened
from halokeras.listener import Listener
from halokeras.simulation.density_file import SLAB
from halokeras.simulation.fine_fields import (
    PARTICLES_BELOW,
    FineFields,
    add_infall,
    fine_estimate,
    finer,
    kept_bytes,
    to_density,
    to_velocity,
    transform_bytes,
)
from halokeras.simulation.lpt_box import LptBox, LptEstimate
from halokeras.simulation.out_of_core import check_room, needs_slabs, particle_sums_on_disk
from halokeras.simulation.slab_plan import (
    BYTES_AT_REST,
    SLOWER,
    DepositPlan,
    Sums,
    pieces,
    slab_estimate,
    written_bytes,
)
from halokeras.simulation.slabs import Recipe, sums_of
from halokeras.simulation.threads import numba_threads
from halokeras.storage.memory import refuse_beyond_memory


def fine_deposit_plan(box: LptBox) -> DepositPlan:
    """Return how the matter below the voxels of a box is summed of particles."""
    points = finer(box.voxels)
    return DepositPlan(PARTICLES_BELOW, (Sums(points, False, "f4"), Sums(points // 2, True, "f4")))


def fine_slab_estimate(box: LptBox) -> LptEstimate:
    """Say what making the fields of a box slab by slab takes."""
    plan = fine_deposit_plan(box)
    slabs = slab_estimate(box, plan, kept_bytes(box))
    finished = BYTES_AT_REST + written_bytes(box, plan) + transform_bytes(box)
    return replace(
        slabs,
        memory=max(slabs.memory, finished),
        disk=0,
        seconds=SLOWER * fine_estimate(box).seconds,
    )


def fine_by_slabs(box: LptBox, folder: Path, scheduler: str | None) -> bool:
    """Say whether the fields are made slab by slab, as `out_of_core.is_made_by_slabs`."""
    return needs_slabs(fine_estimate(box).memory, folder, scheduler)


def check_fine_room(box: LptBox, folder: Path) -> None:
    """Refuse fields for which memory or disk lack, even slab by slab.

    Raises
    ------
    BoxError
        If there is too little memory.
    OutputError
        If there is too little disk.
    """
    refuse_beyond_memory(
        fine_slab_estimate(box).memory,
        "the 2LPT density below the voxels, slab by slab,",
        "place halos by a --sub-density of your own or choose --places uniform",
    )
    check_room(box, folder, fine_deposit_plan(box), kept_bytes(box))


@contextmanager
def fine_fields_on_disk(
    box: LptBox, folder: Path, workers: int, listener: Listener, scheduler: str | None = None
) -> Iterator[FineFields]:
    """Make the fields and have them lie in a folder while the block runs.

    Parameters and errors are those of `particle_sums_on_disk`.
    """
    with particle_sums_on_disk(
        box, fine_deposit_plan(box), folder, workers, listener, scheduler
    ) as recipe:
        with numba_threads(workers):
            fields = _fields(recipe, folder, workers, listener)
        yield fields


def _fields(recipe: Recipe, folder: Path, workers: int, listener: Listener) -> FineFields:
    box = recipe.box
    of_density, of_velocity = (
        tuple(side * sums.points for side in box.voxels) for sums in recipe.deposit_plan.sums
    )
    density = _new(folder / "density.npy", of_density)
    velocity = _new(folder / "velocity.npy", (3, *of_velocity))
    smoothed = _new(folder / "smoothed.npy", of_velocity)
    coarse = np.empty(of_velocity, dtype=np.float32)
    points, half = (sums.points for sums in recipe.deposit_plan.sums)
    for part in pieces(box.voxels[0], SLAB):
        fine = sums_of(recipe, folder, part, 0)
        to_density(fine, points)
        moving = sums_of(recipe, folder, part, 1)
        to_velocity(moving, recipe.linear.speed)
        there = slice(part.start * half, part.stop * half)
        density[part.start * points : part.stop * points] = fine
        coarse[there] = coarsened(fine, 2)
        velocity[:, there] = np.moveaxis(moving[..., 1:], -1, 0)
        listener.progress("matter below the voxels", part.stop / box.voxels[0])
    motion = add_infall(velocity, smoothed, coarse, box, workers)
    return FineFields(density, velocity, smoothed, motion)


def _new(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array: NDArray[np.float32] = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.float32, shape=shape
    )
    return array
