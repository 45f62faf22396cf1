"""Who does the tasks that make slabs: this process, or the workers of a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from halokeras.listener import Listener
from halokeras.simulation.slabs.recipe import Recipe, file_of
from halokeras.simulation.slabs.steps import Step, make_slab
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.workers import RETRIES, connected, result_of, worker_alone

if TYPE_CHECKING:
    from distributed import Client

SMALLER = "choose fewer voxels or a larger machine"

Run = Callable[[Recipe, Path, str, Sequence[int], Callable[[], None]], None]
"""Does tasks of one step, by number, and tells of each that is done."""


def do_step(
    recipe: Recipe, folder: Path, name: str, step: Step, run: Run, listener: Listener
) -> None:
    """Do the tasks of a step that are not done, and tell of it."""
    tasks, (which, of) = step.tasks(recipe), step.whole
    missing = [one for one in range(tasks) if not file_of(folder, name, one).exists()]
    done = tasks - len(missing)

    def tell() -> None:
        listener.progress(step.told, (which + done / tasks) / of)

    def report() -> None:
        nonlocal done
        done += 1
        tell()

    tell()
    run(recipe, folder, name, missing, report)


@contextmanager
def runner(memory: int, workers: int, scheduler: str | None) -> Iterator[Run]:
    """Give what does tasks of some memory: this process, or the workers of a cluster."""
    if scheduler is None:
        yield run_in_process(workers)
        return
    with connected(scheduler) as client:
        if scheduler == "local":
            need = len(client.nthreads()) * memory
            refuse_beyond_memory(need, "making slabs on every core", SMALLER)
        yield _run_on_cluster(client)


def run_in_process(workers: int) -> Run:
    """Return what does tasks in this process, one after another."""

    def run(
        recipe: Recipe, folder: Path, name: str, tasks: Sequence[int], report: Callable[[], None]
    ) -> None:
        for number in tasks:
            make_slab(recipe, folder, name, number, workers)
            report()

    return run


def _run_on_cluster(client: "Client") -> Run:
    """Return what has tasks done by the workers of a cluster, again where one vanishes."""
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


def _task(recipe: Recipe, folder: Path, name: str, number: int) -> None:
    """Do a task on a Dask worker, alone, with all of the worker's threads."""
    with worker_alone() as threads:
        make_slab(recipe, folder, name, number, threads)
