"""Numbers that name the halos of a draw, and the random numbers that belong to them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import Shape
from halokeras.randomness import uniform_at

IDS_PER_VOXEL = 2**16
"""More than a count, uint16, can be."""


def global_index(
    x: NDArray[np.uint64], y: NDArray[np.uint64], z: NDArray[np.uint64], shape: Shape
) -> NDArray[np.uint64]:
    """Return the index in a box of `shape` of every voxel whose places along the axes are given."""
    rows = x[:, None, None] * np.uint64(shape[1]) + y[None, :, None]
    index: NDArray[np.uint64] = rows * np.uint64(shape[2]) + z
    return index


def halo_ids(counts: NDArray[np.integer], index: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the ids of the halos of some voxels, in their order.

    Parameters
    ----------
    counts
        (N,) halos in each voxel.
    index
        (N,) of the voxels in the box.
    """
    several = counts.astype(np.int64)
    before = np.cumsum(several) - several
    number = np.arange(several.sum()) - np.repeat(before, several)
    ids: NDArray[np.int64] = np.repeat(index.astype(np.int64) * IDS_PER_VOXEL, several) + number
    return ids


@dataclass(frozen=True)
class Draw:
    """Which draw halos are of, which with their ids fixes their random numbers."""

    seed: int
    realization: int

    def uniform(self, purpose: str, ids: NDArray[np.int64], trial: int = 0) -> NDArray[np.float64]:
        """Return the number in [0, 1) of each halo for a purpose, another at each trial."""
        again = f" {trial}" if trial else ""
        name = f"halo {purpose} {self.realization}{again}"
        return uniform_at(self.seed, name, ids.view(np.uint64))
