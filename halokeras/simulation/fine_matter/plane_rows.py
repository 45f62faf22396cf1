"""Rows of planes of particles whose modes are in memory, on disk: to be read in any order."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from halokeras.listener import Listener
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import LptParticles
from halokeras.simulation.lpt.deposit import ParticlePlane
from halokeras.simulation.lpt.planes import Planes
from halokeras.simulation.lpt.recipe import PARTICLES, small_scales
from halokeras.simulation.lpt.streamed import ParticlePlanes, rows_by_pass
from halokeras.simulation.threads import numba_threads
from halokeras.storage.files import empty_folder, locked, unwritable

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
    with locked(folder):
        try:
            try:
                empty_folder(folder)  # of what another painting left when it was killed
                with numba_threads(workers):
                    made = _write(particles, box, folder, workers, listener)
            except OSError as error:
                raise unwritable(folder, error) from error
            del particles  # its modes take more memory than what reads the rows
            yield _reader(*made, box, folder, workers)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write(
    particles: LptParticles, box: LptBox, folder: Path, workers: int, listener: Listener
) -> tuple[ParticlePlanes, int]:
    """Write the rows of each pass; return how planes are made of them, and how many passes."""
    x, y, z = (side * PARTICLES for side in box.voxels)
    small = small_scales(particles.small, PARTICLES, workers)
    made, passes = ParticlePlanes((x, y, z), True, small), 1
    for plane_set, rows in rows_by_pass(made, particles.displacement, workers):
        passes = plane_set.passes
        np.save(_file(folder, plane_set.residue), rows)
        listener.progress("displacements", (plane_set.residue + 1) / passes)
    return made, passes


def _reader(
    made: ParticlePlanes, passes: int, box: LptBox, folder: Path, workers: int
) -> MakePlanes:
    stored = [np.load(_file(folder, residue), mmap_mode="r") for residue in range(passes)]
    to_plane = Planes(made.particles, box.lattice, made.particles, workers)

    def planes(numbers: range) -> Iterator[tuple[int, ParticlePlane]]:
        for x in numbers:
            inside = x % made.particles[0]
            plane, residue = divmod(inside, passes)
            yield x, made.plane(inside, np.array(stored[residue][:, plane]), to_plane)

    return planes


def _file(folder: Path, residue: int) -> Path:
    return folder / f"rows_{residue:05d}.npy"
