import multiprocessing
import os
import signal
import time
from threading import Lock

import distributed
import pytest

from halokeras.workers import start_undisturbed, worker_alone

at_work = Lock()


def alone(number):
    """Say how many threads the worker has, and whether any other task is at work on it."""
    with worker_alone() as threads:
        free = at_work.acquire(blocking=False)
        time.sleep(0.05)
        if free:
            at_work.release()
    return threads, free


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=3, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_task_has_its_worker_alone_and_all_of_its_threads(client):
    assert client.gather(client.map(alone, range(6), pure=False)) == [(3, True)] * 6


def test_a_process_is_deaf_to_ctrl_c_from_its_first_moment():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    start_undisturbed([process])
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    for _ in range(5):  # while Python starts and imports, too
        os.kill(process.pid, signal.SIGINT)
        time.sleep(0.1)
    assert process.is_alive()
    process.terminate()
    process.join()
    assert process.exitcode == -signal.SIGTERM
