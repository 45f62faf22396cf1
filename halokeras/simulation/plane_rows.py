"""Rows of planes of particles whose modes are in memory, on disk: to be read in any order."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from halokeras.listener import Listener
from halokeras.simulation.density import LptParticles
from halokeras.simulation.deposit import ParticlePlane
from halokeras.simulation.lpt_box import LptBox
from halokeras.simulation.lpt_recipe import PARTICLES, small_scales
from halokeras.simulation.out_of_core import claimed
from halokeras.simulation.planes import Planes
from halokeras.simulation.streamed_lpt import ParticlePlanes, rows_by_pass
from halokeras.storage.files import unwritable

MakePlanes = Callable[[range], Iterator[tuple[int, ParticlePlane]]]
"""Makes planes of particles of some numbers, which wrap, in their order."""


@contextmanager
def rows_on_disk(
    particles: LptParticles, box: LptBox, folder: Path, workers: int, listener: Listener
) -> Iterator[MakePlanes]:
    """Have the rows of all planes of a box's particles lie in a folder while the block runs.

    Parameters
    ----------
    particles
        The particles.
    box
        The box that they are of.
    folder
        Where the rows go; removed at the end.
    workers
        Threads.
    listener
        Who is told.

    Raises
    ------
    OutputError
        If a file cannot be written, or another process is at work in the folder.
    """
    with claimed(folder):
        try:
            try:
                made = _write(particles, box, folder, workers, listener)
            except OSError as error:
                raise unwritable(folder, error) from error
            del particles  # its modes take more memory than what reads the rows
            yield _reader(made, box, folder, workers)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write(
    particles: LptParticles, box: LptBox, folder: Path, workers: int, listener: Listener
) -> ParticlePlanes:
    x, y, z = (side * PARTICLES for side in box.voxels)
    small = small_scales(particles.small, PARTICLES, workers)
    made = ParticlePlanes((x, y, z), True, small)
    for plane_set, rows in rows_by_pass(made, particles.displacement, workers):
        np.save(_file(folder, plane_set.residue), rows)
        listener.progress("displacements", (plane_set.residue + 1) / plane_set.passes)
    return made


def _reader(made: ParticlePlanes, box: LptBox, folder: Path, workers: int) -> MakePlanes:
    stored = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("rows_*.npy"))]
    to_plane = Planes(made.particles, box.lattice, made.particles, workers)

    def planes(numbers: range) -> Iterator[tuple[int, ParticlePlane]]:
        for x in numbers:
            inside = x % made.particles[0]
            plane, residue = divmod(inside, len(stored))
            yield x, made.plane(inside, np.array(stored[residue][:, plane]), to_plane)

    return planes


def _file(folder: Path, residue: int) -> Path:
    return folder / f"rows_{residue:05d}.npy"
