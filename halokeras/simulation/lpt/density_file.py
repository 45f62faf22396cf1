"""The box file of a 2LPT density, written whole, slab by slab."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE
from halokeras.boxes.box_file import Header, header_attributes
from halokeras.simulation.lpt.box import POINTS, LptBox
from halokeras.simulation.lpt.density import (
    LptParticles,
    Progress,
    check_memory,
    fields_of,
    lpt_particles,
)
from halokeras.simulation.lpt.recipe import PARTICLES
from halokeras.simulation.threads import numba_threads
from halokeras.storage.store import Layout
from halokeras.storage.stores import new_store

SLAB = 32
"""Voxels a side of the chunks of a file, which is written so many along x at a time."""


def write_density(
    box: LptBox,
    output: Path,
    workers: int = 1,
    progress: Progress = lambda stage, fraction: None,
    beside: Sequence[NDArray[np.floating]] = (),
) -> LptParticles:
    """Make the density of a box and write it as a box file, whole.

    Parameters
    ----------
    box
        What to make.
    output
        The file.
    workers, progress
        As in `make_density`.
    beside
        Grids over the box that its particles are added to as well.

    Returns
    -------
    LptParticles
        Its particles, for who adds them to other grids.

    Raises
    ------
    BoxError
        As `make_density`.
    OutputError
        If the file cannot be written.
    """
    check_memory(box)
    with numba_threads(workers):
        particles = lpt_particles(box, workers, progress)
        density, velocity = fields_of(
            particles, box.voxels, workers, progress, box.velocity, beside
        )
    write_slabs(box, output, slabs_of(density, velocity))
    return particles


def slabs_of(
    density: NDArray[np.float64], velocity: NDArray[np.float64] | None
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
    """Return fields in memory as `write_slabs` takes them."""
    for start in range(0, len(density), SLAB):
        part = slice(start, start + SLAB)
        yield density[part], None if velocity is None else velocity[:, part]


def write_slabs(
    box: LptBox,
    output: Path,
    slabs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64] | None]],
) -> None:
    """Write a box file, whole, of density and velocity that come `SLAB` voxels along x at a time.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    attributes, layouts = structure(box)
    with new_store(output, attributes, layouts) as create:
        stored = {name: create(name) for name in layouts}
        for number, (density, velocity) in enumerate(slabs):
            part = slice(number * SLAB, number * SLAB + len(density))
            stored["density"][part] = density.astype(np.float32)
            if velocity is not None:
                for axis, component in enumerate(velocity):
                    stored["velocity"][axis, part] = component.astype(np.float32)


def structure(box: LptBox) -> tuple[dict[str, Any], dict[str, Layout]]:
    """Return what the file of a box tells of itself, and the arrays that it holds."""
    chunks = tuple(min(SLAB, side) for side in box.voxels)
    layouts = {"density": Layout(box.voxels, np.float32, chunks)}
    if box.velocity:
        layouts["velocity"] = Layout((3, *box.voxels), np.float32, (1, *chunks))
    return header_attributes(header_to_make(box), box.voxels), layouts


def header_to_make(box: LptBox) -> Header:
    """Return what the file of a box tells of its grids, which is known before it is made."""
    named = {} if box.box_id is None else {"box_id": box.box_id}
    given = {} if box.initial_modes is None else {"initial_modes": box.modes_name}
    provenance: dict[str, str | int | float] = {
        **named,
        **given,
        "seed": box.seed,
        "density_scheme": "2lpt",
        "particles_per_voxel": PARTICLES**3,
        "modes_per_voxel": POINTS**3,
        **SOFTWARE,
    }
    return Header(box.voxel_size, box.redshift, box.cosmology, provenance)
