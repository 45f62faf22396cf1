"""Planes of particles of a box whose rows lie on disk, part after part where the disk is short."""

from collections.abc import Iterator
from pathlib import Path

from halokeras.listener import Listener
from halokeras.simulation.lpt.deposit import MakePlanes, ParticlePlane
from halokeras.simulation.slabs.plan import parts_of
from halokeras.simulation.slabs.recipe import Recipe
from halokeras.simulation.slabs.runners import do_step, run_in_process
from halokeras.simulation.slabs.steps import motion_step
from halokeras.simulation.slabs.tasks import planes_of_part


class PlanesInParts:
    """Makes planes of particles, with velocities, fastest in their order; they wrap.

    Of a box of several parts the rows of a part are made, by this process, when one of its planes
    is asked for, and those of another part removed.

    Parameters
    ----------
    recipe
        The box, to whose rows, or products where it has several parts, slabs are made.
    folder
        Where they are.
    workers
        Threads.
    listener
        Who is told of rows that are made.
    """

    def __init__(self, recipe: Recipe, folder: Path, workers: int, listener: Listener) -> None:
        self._recipe, self._folder = recipe, folder
        self._workers, self._listener = workers, listener
        cuts = recipe.cuts
        self._parts = [recipe.voxels[one.start : one.stop] for one in parts_of(recipe.box, cuts)]
        self._at: tuple[int, MakePlanes] | None = None

    def __call__(self, planes: range) -> Iterator[tuple[int, ParticlePlane]]:
        """Make planes of some numbers, with their numbers."""
        for x in planes:
            yield from self._planes_about(x)(range(x, x + 1))

    def _planes_about(self, x: int) -> MakePlanes:
        """Return what makes the planes of the part that has plane x."""
        sides, particles = self._recipe.box.voxels, self._recipe.particle_lattice
        voxel = x % particles[0] * sides[0] // particles[0]
        part = next(
            number
            for number, slabs in enumerate(self._parts)
            if slabs[0].start <= voxel < slabs[-1].stop
        )
        if self._at is None or self._at[0] != part:
            self._at = None  # before others take the memory of its rows
            if len(self._parts) > 1:
                self._make(part)
            planes = planes_of_part(self._recipe, self._folder, part, self._workers)
            self._at = part, planes
        return self._at[1]

    def _make(self, part: int) -> None:
        """Have the rows of a part, and of no other, on disk."""
        ((name, step),) = motion_step(part).items()
        for path in self._folder.glob("motion_*.npy"):
            if not path.name.startswith(f"{name}_"):
                path.unlink()
        run = run_in_process(self._workers)
        do_step(self._recipe, self._folder, name, step, run, self._listener)
