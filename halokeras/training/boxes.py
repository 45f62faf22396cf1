"""Training boxes, of which as many as fit into a stated memory are kept."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

_MOST_VOXELS = 2**22
"""Voxels of the boxes that are read together to measure on them: more only fill memory."""


class TrainingBox(NamedTuple):
    """What a training reads of a box.

    Attributes
    ----------
    density
        (nx, ny, nz), rho/mean.
    counts
        (nx, ny, nz), halos per voxel; of several channels they are the last axis, and bytes where
        they fit.
    masses
        (halos,) [Msun/h] of the halos that are counted, where channels are parted by them.
    """

    density: NDArray[np.float32]
    counts: NDArray[np.float32] | NDArray[np.uint8]
    masses: NDArray[np.float32] | None = None

    @property
    def memory(self) -> int:
        """Bytes that it takes."""
        return sum(array.nbytes for array in self if array is not None)


class TrainingBoxes:
    """Boxes by their number: kept in memory up to a limit, and read again beyond it.

    Those that were asked for last are kept. Any number of threads may ask.

    Parameters
    ----------
    read
        Function of a box's number that reads it.
    number
        Number of boxes.
    memory
        Bytes that the boxes which are kept take at most, but for one box alone.
    """

    def __init__(self, read: Callable[[int], TrainingBox], number: int, memory: float) -> None:
        self._read, self._number, self.memory = read, number, memory
        self._kept: OrderedDict[int, TrainingBox] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def of(cls, density: NDArray[np.float32], counts: NDArray[Any]) -> Self:
        """Return boxes of arrays (boxes, ...) that are in memory as it is."""
        boxes = [TrainingBox(*fields) for fields in zip(density, counts, strict=True)]
        return cls(boxes.__getitem__, len(boxes), 0)

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[TrainingBox]:
        return (self[number] for number in range(self._number))

    def __getitem__(self, number: int) -> TrainingBox:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
        box = self._read(number)
        self.keep(number, box)
        return box

    def keep(self, number: int, box: TrainingBox) -> None:
        """Keep a box that was read, in the place of those that nobody asked for the longest."""
        with self._lock:
            self._kept[number] = box
            self._kept.move_to_end(number)
            while len(self._kept) > 1 and self.kept_memory > self.memory:
                self._kept.popitem(last=False)

    @property
    def kept_memory(self) -> int:
        """Bytes of the boxes that are kept."""
        return sum(box.memory for box in self._kept.values())

    def sample(self) -> dict[int, TrainingBox]:
        """Return all boxes by their numbers, or some of many, evenly from first to last."""
        most = max(1, _MOST_VOXELS // self[0].density.size)
        places = np.linspace(0, self._number - 1, min(most, self._number))
        return {int(number): self[int(number)] for number in np.unique(places.astype(int))}
