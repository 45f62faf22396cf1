"""2LPT densities made slab by slab: where memory is short, or by the workers of a Dask cluster.

Slabs are kept in a hidden folder beside the output until that is there, so that the same command,
killed, goes on with those that are done. By a cluster that folder is on a file system that all
workers see.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from halokeras.fields.gridding import shape_text
from halokeras.listener import Listener
from halokeras.simulation.lpt.box import LptBox, LptEstimate
from halokeras.simulation.lpt.density import estimate, from_sums
from halokeras.simulation.lpt.density_file import SLAB, structure, write_slabs
from halokeras.simulation.lpt.recipe import linear_theory
from halokeras.simulation.slabs.begun import RECIPE, cuts_begun, recipe_text
from halokeras.simulation.slabs.plan import (
    BYTES_AT_REST,
    Cuts,
    bytes_added,
    cuts_of,
    fitted,
    in_parts,
    pieces,
    rows_need,
    slab_estimate,
)
from halokeras.simulation.slabs.recipe import GROUP, Recipe, checksums_of, sums_of
from halokeras.simulation.slabs.runners import SMALLER, Run, do_step, runner
from halokeras.simulation.slabs.steps import (
    Step,
    product_steps,
    steps_to_a_group,
    steps_to_rows,
    steps_to_sums,
)
from halokeras.storage.disk import free_disk, refuse_beyond_disk
from halokeras.storage.durable import sync, take
from halokeras.storage.files import (
    Locked,
    empty_folder,
    locked,
    remove_abandoned,
    unwritable,
    write_text,
)
from halokeras.storage.memory import fits_in_memory, refuse_beyond_memory
from halokeras.storage.stores import check_replaceable_store, resumed_store, shares

_KEPT = ("group", "small")
"""Steps whose files are kept to the end."""
_SHARE = 0.85
"""Share of the free disk that slabs may take: the rest is for what is made of them."""


class Way(NamedTuple):
    """How far slabs are made, and what that takes.

    Attributes
    ----------
    steps
        Returns the steps, in their order, by their names.
    beside
        Returns the bytes on disk of what is made while rows are there.
    memory
        Returns the bytes of memory that each process takes.
    """

    steps: Callable[[Cuts], dict[str, Step]]
    beside: Callable[[LptBox, Cuts], int]
    memory: Callable[[LptBox, Cuts], int]


def _memory_to_sums(box: LptBox, cuts: Cuts) -> int:
    return slab_estimate(box, cuts).memory


def _memory_to_rows(box: LptBox, cuts: Cuts) -> int:
    return BYTES_AT_REST + rows_need(box, cuts).memory


TO_SUMS = Way(steps_to_sums, bytes_added, _memory_to_sums)
"""To the sums of particles, for `sums_of`."""
TO_A_GROUP = Way(steps_to_a_group, bytes_added, _memory_to_sums)
"""To a Zarr group that workers write."""


def to_rows(beside: int) -> Way:
    """Return the way that ends before the sums, beside some bytes of another."""
    return Way(steps_to_rows, lambda box, cuts: beside, _memory_to_rows)


class Heir(NamedTuple):
    """Slabs that are made next, of the same modes and so of the same products.

    Attributes
    ----------
    folder
        Where they go.
    way
        How far they are made, with velocities.
    """

    folder: Path
    way: Way


def cuts_in(box: LptBox, folder: Path, way: Way) -> Cuts:
    """Return how a box is cut: as it was begun in a folder, or as the free disk asks for."""
    begun = cuts_begun(box, folder)
    if begun is not None:
        return begun
    cuts = cuts_of(box)
    room = _SHARE * (free_disk(folder) + bytes_in(folder))
    return fitted(box, cuts, way.beside(box, cuts), room)


def slabs_folder(output: Path) -> Path:
    """Return the folder of the slabs of an output."""
    output = output.resolve()
    return output.parent / f".{output.name}.slabs"


def is_made_by_slabs(box: LptBox, output: Path, scheduler: str | None) -> bool:
    """Say whether a density is made slab by slab: by workers, gone on with, or as memory is short.

    Initial modes of one's own are read whole, so their densities are made in memory.
    """
    if box.initial_modes is not None:
        return False
    return needs_slabs(estimate(box).memory, slabs_folder(output), scheduler)


def needs_slabs(in_memory: int, folder: Path, scheduler: str | None) -> bool:
    """Say whether fields that need so many bytes `in_memory` are made in slabs in a folder."""
    return scheduler is not None or folder.exists() or not fits_in_memory(in_memory)


def density_estimate(
    box: LptBox, output: Path, scheduler: str | None = None, with_heir: bool = False
) -> LptEstimate:
    """Say what making a density will take, the way that it will be made, as `write_by_slabs`."""
    if not is_made_by_slabs(box, output, scheduler):
        return estimate(box)
    return estimate_by_slabs(box, output, with_heir)


def estimate_by_slabs(box: LptBox, output: Path, with_heir: bool = False) -> LptEstimate:
    """Say what making a density slab by slab will take, beside what is made."""
    return slab_estimate(box, cuts_in(box, slabs_folder(output), TO_SUMS), with_heir)


def write_by_slabs(
    box: LptBox,
    output: Path,
    workers: int,
    listener: Listener,
    scheduler: str | None = None,
    heir: Heir | None = None,
) -> None:
    """Make the density of a box slab by slab and write it as a box file, whole.

    Parameters
    ----------
    box
        What to make, drawn from its seed.
    output
        The file.
    workers, listener, scheduler, heir
        As in `made_by_slabs`.

    Raises
    ------
    HalopaintError
        As `made_by_slabs`, or if the file cannot be written.
    """
    folder = slabs_folder(output)
    check_room(box, folder, estimate_by_slabs(box, output, heir is not None))
    if scheduler is not None and shares(output):
        check_replaceable_store(output)
        with made_by_slabs(box, folder, workers, listener, scheduler, TO_A_GROUP, heir) as recipe:
            _finish(recipe, folder, output)
        return
    with made_by_slabs(box, folder, workers, listener, scheduler, TO_SUMS, heir) as recipe:
        parts = pieces(box.voxels[0], SLAB)

        def slabs() -> Iterator[Any]:
            for number, part in enumerate(parts):
                yield from_sums(sums_of(recipe, folder, part), recipe.linear.speed)
                listener.progress("writing", (number + 1) / len(parts))

        write_slabs(box, output, slabs())


def _finish(recipe: Recipe, folder: Path, output: Path) -> None:
    """Seal the group that workers have written, and give it its name."""
    group = folder / GROUP
    try:
        with resumed_store(group, structure(recipe.box)[1]) as store:
            store.seal_parts(checksums_of(recipe, folder))
        # a kill after the group has its name must not find slabs to go on with
        (folder / RECIPE).unlink()
        sync(folder)
        take(group, output.resolve())
        sync(output.resolve().parent)
    except OSError as error:
        raise unwritable(output, error) from error


@contextmanager
def made_by_slabs(
    box: LptBox,
    folder: Path,
    workers: int,
    listener: Listener,
    scheduler: str | None = None,
    way: Way = TO_SUMS,
    heir: Heir | None = None,
) -> Iterator[Recipe]:
    """Have the files of the last of some steps lie in a folder while the block runs.

    Parameters
    ----------
    box
        What to make, drawn from its seed; of rows alone, whether they tell velocities too.
    folder
        Where the slabs go; removed once the block succeeds, and else gone on with.
    workers
        Threads of this process.
    listener
        Who is told.
    scheduler
        Dask workers that make the slabs: ``local``, or the address of a scheduler.
    way
        How far they are made.
    heir
        Slabs that the products of the second order are left to once the block succeeds.

    Raises
    ------
    BoxError
        If all local workers together need more memory than there is.
    OutputError
        If a file cannot be written, or another process is at it.
    ClusterError
        If the scheduler does not answer, or its workers vanish.
    """
    folder = folder.resolve()
    with ExitStack() as held:
        cuts = cuts_in(box, folder, way)
        with runner(way.memory(box, cuts), workers, scheduler) as run:
            held.enter_context(locked(folder))
            recipe = Recipe(box, linear_theory(box), cuts)
            try:
                _begin(recipe, folder, listener)
            except OSError as error:
                raise unwritable(folder, error) from error
            left = () if heir is None else product_steps(cuts)
            _make(recipe, folder, run, listener, way.steps(cuts), left)
        yield recipe
        # or slabs that are left of a kill now would be gone on with
        (folder / RECIPE).unlink(missing_ok=True)
        if heir is not None:
            _leave(recipe, folder, heir)
        shutil.rmtree(folder)


def remove_finished_slabs(box: LptBox, output: Path) -> None:
    """Remove slabs of a density that is there, whole, which a kill left."""
    folder = slabs_folder(output)
    unfinished = (folder / RECIPE).exists() and cuts_begun(box, folder) is None  # of another box
    if folder.exists() and not unfinished:
        with suppress(Locked), locked(folder):
            shutil.rmtree(folder)


def has_slabs(folder: Path) -> bool:
    """Say whether a folder keeps slabs that are done."""
    return any(folder.glob("*.npy"))


def check_room(box: LptBox, folder: Path, need: LptEstimate, freed: int = 0) -> None:
    """Refuse slabs for which memory or disk lack.

    Parameters
    ----------
    box
        The box that they are of.
    folder
        Where they go; what is there already needs no more room.
    need
        What they take.
    freed
        Bytes on disk that are removed before.

    Raises
    ------
    BoxError
        If there is too little memory.
    OutputError
        If there is too little disk.
    """
    what = f"the 2LPT density of {shape_text(box.voxels)} voxels, slab by slab,"
    refuse_beyond_memory(need.memory, what, SMALLER)
    there = bytes_in(folder)
    larger = "choose an --output on a larger disk, fewer voxels or a machine of more memory"
    refuse_beyond_disk(need.work - there - freed, folder.parent, what, larger)


def bytes_in(folder: Path) -> int:
    """Return what the files of a folder take, which another process may be writing."""
    found = 0
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                found += path.stat().st_size
    return found


def _begin(recipe: Recipe, folder: Path, listener: Listener) -> None:
    """Keep the slabs of this very recipe that are there, and remove any others."""
    if cuts_begun(recipe.box, folder) == recipe.cuts:
        remove_abandoned(folder)
        listener.announce("Resuming", f"with the slabs that {folder} keeps")
        return
    empty_folder(folder)
    write_text(folder / RECIPE, recipe_text(recipe.box, recipe.cuts))


def _leave(recipe: Recipe, folder: Path, heir: Heir) -> None:
    """Leave the products to slabs that are made next, cut as the disk asks for by now.

    Where that fails, as on two file systems, they are made again.
    """
    box, made = replace(recipe.box, velocity=True), recipe.cuts
    cuts = cuts_of(box)._replace(
        planes=made.planes, passes=made.passes, sixteen_bits=made.sixteen_bits
    )
    left = [path for name in ("small", *product_steps(made)) for path in _files(folder, name)]
    for path in folder.glob("*.npy"):
        if path not in left:
            path.unlink()
    try:
        with locked(heir.folder):
            empty_folder(heir.folder)
            room = _SHARE * (free_disk(heir.folder) + bytes_in(folder))
            cuts = in_parts(box, cuts, heir.way.beside(box, cuts), room)
            for path in left:
                path.rename(heir.folder / path.name)
            write_text(heir.folder / RECIPE, recipe_text(box, cuts))
    except OSError:
        shutil.rmtree(heir.folder, ignore_errors=True)


def _make(
    recipe: Recipe,
    folder: Path,
    run: Run,
    listener: Listener,
    steps: dict[str, Step],
    left: tuple[str, ...],
) -> None:
    """Do every task that is not done, step by step, and remove what no step needs any more.

    Files of some steps are `left`.
    """
    begun = [bool(_files(folder, name)) for name in steps]
    last = max((at for at, is_begun in enumerate(begun) if is_begun), default=0)
    for at, (name, step) in enumerate(steps.items()):
        # Of a step before the last that was begun all tasks were done, whatever was removed since.
        if at >= last or name in _KEPT:
            do_step(recipe, folder, name, step, run, listener)
        for spent in step.spent:
            for path in () if spent in left else _files(folder, spent):
                path.unlink()


def _files(folder: Path, step: str) -> list[Path]:
    """Return the files that a folder has of a step."""
    return [*folder.glob(f"{step}_*.npy")]
