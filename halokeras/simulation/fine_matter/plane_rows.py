"""Rows of planes of particles whose modes are in memory, on disk: to be read in any order."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from halokeras.fields.modes import Modes
from halokeras.listener import Listener
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import LptParticles
from halokeras.simulation.lpt.deposit import MakePlanes
from halokeras.simulation.lpt.ordered import POTENTIALS, OrderedPlanes, potential_rows
from halokeras.simulation.lpt.planes import Columns, PlaneSet, rows_in_passes
from halokeras.simulation.lpt.recipe import PARTICLES, particle_lattice, small_scales
from halokeras.simulation.lpt.streamed import DisplacementModes
from halokeras.simulation.threads import numba_threads
from halokeras.storage.files import empty_folder, locked, unwritable

_COLUMNS = 32
"""Columns of modes that potentials are made of at a time."""


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
                    passes = _write(particles, box, folder, workers, listener)
            except OSError as error:
                raise unwritable(folder, error) from error
            small = small_scales(particles.small, PARTICLES, workers)
            share = particles.displacement.share
            del particles  # its modes take more memory than what reads the rows
            read = _reader(folder, passes)
            planes = OrderedPlanes(
                read, box.lattice, particle_lattice(box.voxels), share, small, PARTICLES, workers
            )
            yield lambda numbers: ((x, planes.plane(x)) for x in numbers)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write(
    particles: LptParticles, box: LptBox, folder: Path, workers: int, listener: Listener
) -> int:
    """Write the rows of each pass over the modes; return how many passes there are."""
    potential, overdensity, share = particles.displacement
    lattice, columns = particle_lattice(box.voxels), potential.shape[1]

    def write(plane_set: PlaneSet, rows: Modes) -> None:
        for first in range(0, columns, _COLUMNS):  # potentials of all would take as much as modes
            some = slice(first, min(first + _COLUMNS, columns))
            modes = DisplacementModes(potential[:, some], overdensity[:, some], share)
            made = np.empty_like(rows[:, :, some])
            potential_rows(modes, Columns(box.lattice, some), lattice, plane_set, made, workers)
            rows[:, :, some] = made

    passes = 1
    for plane_set, rows in rows_in_passes(lattice[0], POTENTIALS, potential, write):
        passes = plane_set.passes
        np.save(_file(folder, plane_set.residue), rows)
        listener.progress("displacements", (plane_set.residue + 1) / passes)
    return passes


def _reader(folder: Path, passes: int) -> Callable[[range], Modes]:
    """Return what reads the rows of some planes, which wrap."""
    stored = [np.load(_file(folder, residue), mmap_mode="r") for residue in range(passes)]

    def read(planes: range) -> Modes:
        places = (divmod(x % (passes * stored[0].shape[1]), passes) for x in planes)
        return np.stack([stored[residue][:, plane] for plane, residue in places], axis=1)

    return read


def _file(folder: Path, residue: int) -> Path:
    return folder / f"rows_{residue:05d}.npy"
