"""Threads: of the kernels that numba compiles, and of work that is the same for each of many."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numba


@contextmanager
def numba_threads(workers: int) -> Iterator[None]:
    """Let kernels take `workers` threads, of those that numba has, and as many as before after."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(workers, before))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def in_threads(work: Callable[[int], None], numbers: Iterable[int], workers: int) -> None:
    """Do work on each of some numbers, in any order, `workers` at a time."""
    with ThreadPoolExecutor(workers) as threads:
        for _ in threads.map(work, numbers):
            pass
