"""Threads: of the kernels that numba compiles, and of work that is the same for each of many."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numba

_Number = TypeVar("_Number")
_Result = TypeVar("_Result")


@contextmanager
def numba_threads(workers: int) -> Iterator[None]:
    """Let kernels take `workers` threads, of those that numba has, and as many as before after."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(workers, before))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def in_threads(
    work: Callable[[_Number], _Result], numbers: Iterable[_Number], workers: int
) -> list[_Result]:
    """Return what work on each of some numbers returns, done in any order, `workers` at a time."""
    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(work, numbers))
