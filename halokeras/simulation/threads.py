"""Threads of the kernels that numba compiles."""

from collections.abc import Iterator
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
