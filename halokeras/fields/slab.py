"""A slab about the middle of a box, projected along z: what figures show of a field."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.storage.grid import Grid

Array = NDArray[np.float64]

_THICKNESS = 20.0
"""[Mpc/h], to the nearest whole voxel."""


@dataclass(frozen=True)
class Slab:
    """Several fields of one box, each summed along z through the slab.

    Attributes
    ----------
    voxel_size
        [Mpc/h].
    start, depth
        First voxel along z, and how many.
    columns
        By name of the field, (nx, ny).
    """

    voxel_size: float
    start: int
    depth: int
    columns: dict[str, Array]

    @property
    def extent(self) -> str:
        """What the slab holds, in words."""
        low, high = self.start * self.voxel_size, (self.start + self.depth) * self.voxel_size
        return f"{low:g} < z < {high:g} Mpc/h"


def project(fields: dict[str, Grid], voxel_size: float) -> Slab:
    """Cut and sum fields of one shape, by name, on voxels of `voxel_size` [Mpc/h]."""
    start, depth = middle(next(iter(fields.values())).shape[2], voxel_size)
    inside = np.s_[:, :, start : start + depth]
    columns = {
        name: np.asarray(field[inside].sum(axis=2, dtype=np.float64))
        for name, field in fields.items()
    }
    return Slab(voxel_size, start, depth, columns)


def middle(length: int, voxel_size: float) -> tuple[int, int]:
    """Return the first voxel and the depth of the slab of a box of `length` voxels along z."""
    depth = min(max(1, round(_THICKNESS / voxel_size)), length)
    return (length - depth) // 2, depth
