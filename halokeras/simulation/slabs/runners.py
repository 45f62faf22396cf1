"""Who does the tasks that make slabs: this process, or the workers of a Dask cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from halokeras.simulation.slabs.recipe import Recipe
from halokeras.simulation.slabs.steps import make_slab
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.workers import RETRIES, connected, result_of, worker_alone

if TYPE_CHECKING:
    from distributed import Client

SMALLER = "choose fewer voxels or a larger machine"

Run = Callable[[Recipe, Path, str, Sequence[int], Callable[[], None]], None]
"""Does tasks of one step, by number, and tells of each that is done."""


@contextmanager
def runner(memory: int, workers: int, scheduler: str | None) -> Iterator[Run]:
    """Give what does tasks of some memory: this process, or the workers of a cluster."""
    if scheduler is None:
        yield _run_in_process(workers)
        return
    with connected(scheduler) as client:
        if scheduler == "local":
            need = len(client.nthreads()) * memory
            refuse_beyond_memory(need, "making slabs on every core", SMALLER)
        yield _run_on_cluster(client)


def _run_in_process(workers: int) -> Run:
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
