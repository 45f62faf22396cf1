import time
from threading import Lock

import distributed
import pytest

from halokeras.workers import worker_alone

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
