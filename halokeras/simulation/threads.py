"""Threads: of the kernels that numba compiles, and of work that is the same for each of many."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numba

_Item = TypeVar("_Item")
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
    work: Callable[[_Item], _Result], items: Iterable[_Item], workers: int
) -> list[_Result]:
    """Return what work on each of some items returns, done in any order, `workers` at a time."""
    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(work, items))


def in_parts(work: Callable[[slice], _Result], size: int, most: int, workers: int) -> list[_Result]:
    """Return what work on parts of `size` things returns, `most` in each, as `in_threads`."""
    parts = [slice(first, min(first + most, size)) for first in range(0, size, most)]
    return in_threads(work, parts, workers)


def in_kernel_threads(work: Callable[[_Item], object], items: Iterable[_Item]) -> None:
    """Do work on each of some items, as `in_threads`, in as many threads as kernels may take.

    A kernel that is called so compiles in half the time of one that numba makes parallel.
    """
    in_threads(work, items, numba.get_num_threads())
