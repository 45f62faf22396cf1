"""The 2LPT matter of a box below its voxels: a finer density, and its velocity.

Both are made of the same particles as the density on the voxels, so of the same modes: they tell
where in its voxel a halo may lie and how fast it moves there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Provenance
from halokeras.boxes.box_file import Header, header_attributes
from halokeras.errors import BoxError
from halokeras.fields.gridding import Shape
from halokeras.simulation.density import PARTICLES, Flow, LptBox, Progress, estimate, flow
from halokeras.simulation.streamed_lpt import deposit_displaced, deposit_momentum
from halokeras.storage.grid import Grid
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store, open_store

_LARGE = 256**3
"""Voxels of the largest box whose sub-voxels are as small as the particles' separation."""


@dataclass(frozen=True)
class FineFields:
    """Density over its mean, on `finer` sub-voxels a side, and velocity [km/s], (3, nx, ny, nz)."""

    density: Grid
    velocity: Grid


def finer(voxels: Shape) -> int:
    """Return the sub-voxels along the side of a voxel."""
    return PARTICLES if prod(voxels) <= _LARGE else PARTICLES // 2


def check_fine_memory(box: LptBox) -> None:
    """Raise `BoxError` if the machine has too little memory for the fields of a box."""
    grids = 8 * (finer(box.voxels) ** 3 + 4 * (finer(box.voxels) // 2) ** 3) * prod(box.voxels)
    refuse_beyond_memory(
        estimate(replace(box, velocity=True)).memory + grids,
        "the 2LPT density below the voxels",
        "place halos by a --sub-density of your own or choose --places uniform",
    )


def make_fine_fields(
    box: LptBox, workers: int = 1, progress: Progress = lambda stage, fraction: None
) -> FineFields:
    """Make the density and the velocity of a box below its voxels.

    Parameters
    ----------
    box
        The box whose density on the voxels is known.
    workers
        Threads.
    progress
        Called with the stage's name and the fraction of it that is done.

    Returns
    -------
    FineFields
        float32: the density on `finer` sub-voxels along the side of a voxel, and the velocity on
        half as many.

    Raises
    ------
    BoxError
        If there is too little memory.
    """
    check_fine_memory(box)
    threads = numba.get_num_threads()
    numba.set_num_threads(min(workers, threads))
    try:
        made = flow(replace(box, velocity=True), workers, progress)
        of_density = finer(box.voxels)
        density = _deposited(made, box.voxels, of_density, workers)
        velocity = _velocity(made, box.voxels, of_density // 2, workers)
    finally:
        numba.set_num_threads(threads)
    return FineFields(density, velocity)


def write_fine_fields(
    box: LptBox,
    path: Path,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
) -> None:
    """Make the fields of a box and write them, whole.

    Raises
    ------
    BoxError
        As `make_fine_fields`.
    OutputError
        If the file cannot be written.
    """
    made = make_fine_fields(box, workers, progress)
    layouts = {
        "sub_density": Layout(made.density.shape, np.float32),
        "velocity": Layout(made.velocity.shape, np.float32),
    }
    header = Header(box.voxel_size, box.redshift, box.cosmology, _told(box))
    with new_store(path, header_attributes(header, box.voxels), layouts) as create:
        create("sub_density")[...] = made.density
        create("velocity")[...] = made.velocity


@contextmanager
def open_fine_fields(path: Path, box: LptBox) -> Iterator[FineFields]:
    """Open what `write_fine_fields` wrote for a box.

    Raises
    ------
    BoxError
        If the file cannot be read, or is of another box.
    """
    header = Header(box.voxel_size, box.redshift, box.cosmology, _told(box))
    wanted = header_attributes(header, box.voxels)
    with open_store(path, f"file {path}") as store:
        store.check_attributes()
        density, velocity = store.array("sub_density", "f"), store.array("velocity", "f")
        kept = {"format_version", "checksums"}
        other = [
            name
            for name, value in wanted.items()
            if name not in kept and not np.array_equal(store.attributes.get(name), value)
        ]
        if other or density is None or velocity is None:
            raise BoxError(
                f"{path} holds no 2LPT density of this box below its voxels "
                f"({', '.join(other) or 'a field is missing'}); remove it"
            )
        yield FineFields(density, velocity)


def _told(box: LptBox) -> Provenance:
    return {"seed": box.seed, "fields": "2lpt below the voxels", "sub_voxels": finer(box.voxels)}


def _deposited(made: Flow, voxels: Shape, points: int, workers: int) -> NDArray[np.float32]:
    """Density over its mean on `points` sub-voxels along the side of a voxel."""
    small = made.small * np.float32(points)
    particles = PARTICLES // points
    density = deposit_displaced(made.potential, _times(voxels, points), particles, small, workers)
    density /= particles**3
    return density.astype(np.float32)


def _velocity(made: Flow, voxels: Shape, points: int, workers: int) -> NDArray[np.float32]:
    """Velocity [km/s] on `points` along the side of a voxel, (3, nx, ny, nz)."""
    assert made.rate is not None  # it was asked for
    small = made.small * np.float32(points)
    particles, shape = PARTICLES // points, _times(voxels, points)
    density = deposit_displaced(made.potential, shape, particles, small, workers)
    momentum = deposit_momentum(made.potential, made.rate, shape, particles, small, workers)
    np.divide(momentum, density, out=momentum, where=density > 0)
    return (momentum * (made.speed / points)).astype(np.float32)


def _times(voxels: Shape, points: int) -> Shape:
    x, y, z = (points * side for side in voxels)
    return x, y, z
