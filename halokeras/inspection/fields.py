"""The statistics of a box's fields and their slices, from one look at the file, in pieces."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import Halos, check_halos
from halokeras.fields.gridding import Shape, voxel_index
from halokeras.storage.grid import Grid, surveyed
from halokeras.storage.memory import refuse_beyond_memory

_PIECE = 2**22  # halos, 64 MiB of positions and masses

Progress = Callable[[float], None]
Columns = NDArray[np.float64]


@dataclass(frozen=True)
class Statistics:
    """Of the values of voxels; `empty` is the fraction that is 0 once rounded."""

    minimum: float
    maximum: float
    mean: float
    variance: float
    empty: float


@dataclass(frozen=True)
class Catalogue:
    """Number and masses [Msun/h] of halos, and what they are as counts per voxel."""

    number: int
    mass_min: float
    mass_max: float
    counts: Statistics


def look_at_grid(grid: Grid, layers: slice, progress: Progress) -> tuple[Statistics, Columns]:
    """Measure a grid (nx, ny, nz) and sum `layers` along z, a piece in memory at a time.

    A value that is not finite makes minimum, maximum, mean and variance not finite.
    """
    maximum, total, square, empty, done = -np.inf, 0.0, 0.0, 0, 0
    columns: list[Columns] = []
    with np.errstate(invalid="ignore", over="ignore"):
        for piece, seen in surveyed(grid):
            minimum, mean = seen.minimum, seen.mean
            columns.append(piece[:, :, layers].sum(axis=2, dtype=np.float64))
            maximum = float(np.maximum(maximum, piece.max()))  # keeps a NaN
            empty += int(np.count_nonzero(np.abs(piece) <= 0.5))
            values = piece.astype(np.float64).ravel()
            if not done:
                shift = float(values.mean())  # near the mean, so that squares do not cancel
            values -= shift
            total += float(values.sum())
            square += float(values @ values)
            done += len(piece)
            progress(done / grid.shape[0])
        size = float(np.prod(grid.shape, dtype=np.float64))
        variance = square / size - (total / size) ** 2
    found = Statistics(minimum, maximum, mean, variance, empty / size)
    return found, np.concatenate(columns)


def look_at_halos(
    position: Grid,
    mass: Grid,
    shape: Shape,
    voxel_size: float,
    layers: slice,
    source: str,
    progress: Progress,
) -> tuple[Catalogue, Columns]:
    """Measure a catalogue, (N, 3) [Mpc/h] and (N,) [Msun/h], and count its halos as `look_at_grid`.

    Raises
    ------
    BoxError
        If halos lie outside the box or have no mass, as `check_box`, or are too many for memory.
    """
    number = position.shape[0]
    # Of each halo its voxel, and those sorted.
    what = f"{source}: counting {number:,} halos/position"
    refuse_beyond_memory(5 * 8 * number, what, "use a larger machine")
    sides = shape[0] * voxel_size, shape[1] * voxel_size, shape[2] * voxel_size
    voxel = np.empty(number, np.int64)
    lightest, heaviest = np.inf, -np.inf
    for start in range(0, number, _PIECE):
        part = slice(start, min(start + _PIECE, number))
        halos = Halos(np.asarray(position[part]), np.asarray(mass[part]))
        check_halos(halos, sides, source)
        voxel[part] = voxel_index(halos.position, shape, voxel_size)
        lightest = min(lightest, float(halos.mass.min()))
        heaviest = max(heaviest, float(halos.mass.max()))
        progress(part.stop / number)
    occupied, counts = np.unique(voxel, return_counts=True)
    voxels = float(np.prod(shape, dtype=np.float64))
    mean = number / voxels
    statistics = Statistics(
        minimum=float(counts.min()) if len(counts) == voxels else 0.0,
        maximum=float(counts.max(initial=0)),
        mean=mean,
        variance=float((counts.astype(np.float64) ** 2).sum()) / voxels - mean**2,
        empty=1 - len(counts) / voxels,
    )
    column, layer = np.divmod(occupied, shape[2])
    shown = (layer >= layers.start) & (layer < layers.stop)
    columns = np.bincount(column[shown], counts[shown], minlength=shape[0] * shape[1])
    projected = columns.reshape(shape[:2]).astype(np.float64)
    return Catalogue(number, lightest, heaviest, statistics), projected
