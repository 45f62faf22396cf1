"""2LPT densities made slab by slab: where memory is short, or by the workers of a Dask cluster.

Slabs are kept in a hidden folder beside the output until that is there, so that the same command,
killed, goes on with those that are done. By a cluster that folder is on a file system that all
workers see.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from halokeras.boxes.box import SOFTWARE
from halokeras.errors import HalopaintError, OutputError
from halokeras.fields.gridding import shape_text
from halokeras.listener import Listener
from halokeras.simulation.density import (
    SLAB,
    LptBox,
    LptEstimate,
    estimate,
    from_sums,
    linear_theory,
    write_slabs,
)
from halokeras.simulation.slab_plan import cuts_of, pieces, slab_estimate
from halokeras.simulation.slabs import STEPS, Recipe, file_of, make_slab, sums_of
from halokeras.storage.disk import refuse_beyond_disk
from halokeras.storage.files import Locked, locked, remove_abandoned, unwritable, write_text
from halokeras.storage.memory import available_memory, refuse_beyond_memory
from halokeras.workers import RETRIES, connected, result_of

if TYPE_CHECKING:
    from distributed import Client

_RECIPE = "recipe.json"
_SMALLER = "choose fewer voxels or a larger machine"

Run = Callable[[Recipe, Path, str, Sequence[int], Callable[[], None]], None]
"""Does tasks of one step, by number, and tells of each that is done."""


def slabs_folder(output: Path) -> Path:
    """Return the folder of the slabs of an output."""
    return output.parent / f".{output.name}.slabs"


def by_slabs(box: LptBox, output: Path, scheduler: str | None) -> bool:
    """Say whether a density is made slab by slab: by workers, gone on with, or as memory is short.

    Initial modes of one's own are read whole, so their densities are made in memory.
    """
    if box.initial_modes is not None:
        return False
    free = available_memory()
    short = free is not None and estimate(box).memory > free
    return scheduler is not None or slabs_folder(output).exists() or short


def expected(box: LptBox, output: Path, scheduler: str | None = None) -> LptEstimate:
    """Say what making a density will take, the way that it will be made."""
    return slab_estimate(box) if by_slabs(box, output, scheduler) else estimate(box)


def write_by_slabs(
    box: LptBox, output: Path, workers: int, told: Listener, scheduler: str | None = None
) -> None:
    """Make the density of a box slab by slab and write it as a box file, whole.

    Parameters
    ----------
    box
        What to make, drawn from its seed.
    output
        The file.
    workers
        Threads of this process.
    told
        Who is told.
    scheduler
        Dask workers that make the slabs: ``local``, or the address of a scheduler.

    Raises
    ------
    BoxError
        If there is too little memory.
    OutputError
        If the disk has too little space, a file cannot be written, or another process is at it.
    ClusterError
        If the scheduler does not answer, or its workers vanish.
    """
    folder = slabs_folder(output.resolve())
    try:
        with locked(folder):
            _check_room(box, folder)
            recipe = Recipe(box, linear_theory(box), cuts_of(box))
            _begin(recipe, folder, told)
            if scheduler is None:
                _make(recipe, folder, _here(workers), told)
            else:
                with connected(scheduler) as client:
                    if scheduler == "local":
                        need = len(client.nthreads()) * slab_estimate(box).memory
                        refuse_beyond_memory(need, "making slabs on every core", _SMALLER)
                    _make(recipe, folder, _there(client), told)
            _write(recipe, folder, output, told)
            shutil.rmtree(folder)
    except Locked:
        raise OutputError(
            f"{output} is being made by another process; wait for it, or choose another --output"
        ) from None
    except OSError as error:
        raise unwritable(folder, error) from error


def _check_room(box: LptBox, folder: Path) -> None:
    """Refuse a density for which memory or disk lack, where it is not gone on with."""
    need, what = slab_estimate(box), f"the 2LPT density of {shape_text(box.voxels)} voxels"
    there = sum(path.stat().st_size for path in folder.iterdir())
    larger = "choose an --output on a larger disk, fewer voxels or a machine of more memory"
    try:
        refuse_beyond_memory(need.memory, f"{what}, slab by slab,", _SMALLER)
        refuse_beyond_disk(need.work - there, folder.parent, f"{what}, slab by slab,", larger)
    except HalopaintError:
        if not there:
            folder.rmdir()
        raise


def _begin(recipe: Recipe, folder: Path, told: Listener) -> None:
    """Keep the slabs of this very recipe that are there, and remove any others."""
    box = recipe.box
    text = json.dumps(
        {
            "cosmology": dict(box.cosmology.parameters),
            "seed": box.seed,
            "voxels": box.voxels,
            "voxel_size": box.voxel_size,
            "redshift": box.redshift,
            "velocity": box.velocity,
            "cuts": recipe.cuts,
            **SOFTWARE,
        }
    )
    written = folder / _RECIPE
    if written.exists() and written.read_text(encoding="utf-8") == text:
        remove_abandoned(folder)
        told.announce("Resuming", f"with the slabs that {folder} keeps")
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    write_text(written, text)


def _make(recipe: Recipe, folder: Path, run: Run, told: Listener) -> None:
    """Do every task that is not done, step by step, and remove what no step needs any more."""
    names = list(STEPS)
    begun = [any(folder.glob(f"{name}_*.npy")) for name in names]
    last = max((at for at, is_begun in enumerate(begun) if is_begun), default=0)
    for at, name in enumerate(names):
        tasks = STEPS[name].tasks(recipe)
        missing = [one for one in range(tasks) if not file_of(folder, name, one).exists()]
        # Of a step before the last that was begun all tasks were done, whatever was removed since.
        if at >= last or name == "small":
            _do(recipe, folder, name, missing, run, told)
        if at > 1:
            for path in folder.glob(f"{names[at - 1]}_*.npy"):
                path.unlink()


def _do(
    recipe: Recipe, folder: Path, name: str, missing: Sequence[int], run: Run, told: Listener
) -> None:
    step, tasks = STEPS[name], STEPS[name].tasks(recipe)
    done = tasks - len(missing)
    told.progress(step.told, done / tasks)

    def report() -> None:
        nonlocal done
        done += 1
        told.progress(step.told, done / tasks)

    run(recipe, folder, name, missing, report)


def _here(workers: int) -> Run:
    """Return what does tasks in this process, one after another."""

    def run(
        recipe: Recipe, folder: Path, name: str, tasks: Sequence[int], report: Callable[[], None]
    ) -> None:
        for number in tasks:
            make_slab(recipe, folder, name, number, workers)
            report()

    return run


def _there(client: "Client") -> Run:
    """Return what has them done by the workers of a cluster, again where one vanishes."""
    from distributed import as_completed

    def run(
        recipe: Recipe, folder: Path, name: str, tasks: Sequence[int], report: Callable[[], None]
    ) -> None:
        futures = [
            client.submit(_task, recipe, folder, name, number, retries=RETRIES, pure=False)
            for number in tasks
        ]
        try:
            for future in as_completed(futures):
                result_of(future, "making slabs of a density", "every slab that is done")
                report()
        finally:
            client.cancel(futures)

    return run


_one_at_a_time = Lock()


def _task(recipe: Recipe, folder: Path, name: str, number: int) -> None:
    """Do a task on a Dask worker, alone, with all of the worker's threads: memory is for one."""
    from distributed import get_worker

    threads: Any = get_worker().state.nthreads
    with _one_at_a_time:
        make_slab(recipe, folder, name, number, threads)


def _write(recipe: Recipe, folder: Path, output: Path, told: Listener) -> None:
    parts = pieces(recipe.box.voxels[0], SLAB)

    def slabs() -> Iterator[Any]:
        for number, part in enumerate(parts):
            yield from_sums(sums_of(recipe, folder, part), recipe.linear.speed)
            told.progress("writing", (number + 1) / len(parts))

    write_slabs(recipe.box, output, slabs())
