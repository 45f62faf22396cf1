"""Grids that may be larger than memory: looked at slab by slab, in memory or in a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_SLAB = 2**24  # voxels, 64 MiB of float32


class Grid(Protocol):
    """What a numpy array and an HDF5 dataset have in common."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    def __getitem__(self, place: Any, /) -> Any: ...


class WritableGrid(Grid, Protocol):
    """What a numpy array and an HDF5 dataset that can be written have in common."""

    def __setitem__(self, place: Any, values: Any, /) -> None: ...


@dataclass(frozen=True)
class Survey:
    """The least value and the mean of a grid; neither is finite if a value is not."""

    minimum: float
    mean: float


def slab_ranges(shape: tuple[int, ...]) -> list[range]:
    """Cut the layers of a grid of `shape` into runs of at most 2^24 values, or one layer."""
    layer = int(np.prod(shape[1:], dtype=np.int64))
    depth = max(1, _SLAB // max(layer, 1))
    return [range(start, min(start + depth, shape[0])) for start in range(0, shape[0], depth)]


def slabs(grid: Grid) -> Iterator[NDArray[Any]]:
    """Return `grid`, of any number of axes, in order as arrays of at most 64 MiB, or one layer."""
    for part in slab_ranges(grid.shape):
        yield np.asarray(grid[part.start : part.stop])


def least_and_total(slab: NDArray[Any]) -> tuple[float, float]:
    """Return the least value and the sum of a slab; neither is finite if a value is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        return float(slab.min()), float(slab.sum(dtype=np.float64))


def surveyed(grid: Grid) -> Iterator[tuple[NDArray[Any], Survey]]:
    """Return `grid` as `slabs`, each slab with what was seen up to its end."""
    minimum, total, size = np.inf, 0.0, 0
    for slab in slabs(grid):
        least, sum_of_slab = least_and_total(slab)
        minimum = float(np.minimum(minimum, least))  # keeps a NaN
        total += sum_of_slab
        size += slab.size
        yield slab, Survey(minimum, total / size)


def survey(grid: Grid) -> Survey:
    """Look at every value of a grid that is not empty."""
    for _, seen in surveyed(grid):
        last = seen
    return last
