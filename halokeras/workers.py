"""Processes of this machine, and the workers of a Dask cluster: here, or at an address."""

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import TYPE_CHECKING, Any

from halokeras.errors import HalopaintError, install

if TYPE_CHECKING:
    from distributed import Client

_ANY_PORT = {"dashboard_address": "127.0.0.1:0"}
"""Of the HTTP server of a local scheduler, which warns where another has the port it likes best."""
_ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""Of a local worker: there is one for every core. The counts do not depend on it."""

RETRIES = 2
"""Times that a task is begun again when its worker vanishes."""

_ONE_AT_A_TIME = Lock()
"""Held by the task that has this process of a worker alone."""


class ClusterError(HalopaintError):
    """A Dask scheduler that cannot be reached, or workers that vanish."""


def start_undisturbed(processes: Sequence[BaseProcess]) -> None:
    """Start processes that a Ctrl-C does not reach, as the command ends its processes itself.

    They inherit that the signal is held back, and are deaf to it while they still import. The
    command itself hears it afterwards.
    """
    resource_tracker.ensure_running()  # which would let signals through as it begins
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for one in processes:
            one.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def connected(scheduler: str) -> "Iterator[Client]":
    """Connect to the Dask scheduler at an address, or start ``local`` workers on every core.

    Raises
    ------
    ClusterError
        If Dask is not installed or the scheduler does not answer.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ClusterError(f"--scheduler needs Dask; {install('cluster')}") from error
    if scheduler == "local":
        with (
            LocalCluster(
                threads_per_worker=1,
                dashboard_address=None,
                scheduler_kwargs=_ANY_PORT,
                env=_ONE_THREAD,
                silence_logs=logging.ERROR,  # it warns of workers that take seconds to end
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout="20s")
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler}; start one, or check the address"
        ) from error
    with client:
        if not client.nthreads():
            raise ClusterError(f"the Dask scheduler at {scheduler} has no workers; start some")
        yield client


@contextmanager
def worker_alone() -> Iterator[int]:
    """Wait until no other such task is at work on this Dask worker; give all of its threads.

    For tasks that each need the memory of the whole worker.
    """
    from distributed import get_worker

    threads: int = get_worker().state.nthreads
    with _ONE_AT_A_TIME:
        yield threads


def result_of(future: Any, doing: str, kept: str) -> Any:
    """Return what a task gives.

    Parameters
    ----------
    future
        Of the task.
    doing, kept
        What the workers do, and what of it is kept, for the message.

    Raises
    ------
    ClusterError
        If the task's workers vanished once too often.
    """
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except (KilledWorker, CancelledError, OSError) as error:
        raise ClusterError(
            f"workers vanished while {doing} ({one_line(error)}); {kept} is kept, the "
            "same command goes on with it"
        ) from error


def one_line(error: Exception) -> str:
    """Return what an error says, in one line and without its full stop."""
    return " ".join(str(error).split())[:200].rstrip(".")
