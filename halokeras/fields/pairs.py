"""Pairs of points in a periodic box by their separation: how many there are, how they approach."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.fields.spectra import Array

_LEAST_CELLS = 3
"""Cells along a side; of two, each would be the other's neighbour on both sides."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of points in bins of separation.

    Attributes
    ----------
    separation
        Mean separation of the pairs of a bin [Mpc/h], or the middle of an empty one.
    pairs
        Number of pairs, each counted once.
    correlation
        xi = pairs over those of points thrown anywhere, less 1.
    approach
        Mean relative velocity along the line between the two [km/s], negative where they fall
        towards each other; NaN where there is no pair or no velocity.
    dispersion
        Standard deviation of it [km/s].
    """

    separation: Array
    pairs: NDArray[np.int64]
    correlation: Array
    approach: Array
    dispersion: Array


def count_pairs(
    position: NDArray[np.floating],
    box_size: tuple[float, float, float],
    edges: Array,
    velocity: NDArray[np.floating] | None = None,
) -> Pairs:
    """Count the pairs of points in bins of separation, with their relative velocities.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h] in [0, box_size).
    box_size
        Sides of the periodic box [Mpc/h], each more than three times the last edge.
    edges
        Of the bins [Mpc/h], ascending, the lower one inside.
    velocity
        (N, 3) [km/s].
    """
    reach = edges[-1]
    cells = np.array([int(side // reach) for side in box_size])
    if (cells < _LEAST_CELLS).any():
        raise ValueError(f"a box of {box_size} Mpc/h is too small for pairs {reach} Mpc/h apart")
    sides = np.array(box_size, dtype=np.float64)
    cell = np.minimum((position / sides * cells).astype(np.int64), cells - 1)
    index = np.ravel_multi_index((cell[:, 0], cell[:, 1], cell[:, 2]), tuple(cells))
    order = np.argsort(index, kind="stable")
    first = np.searchsorted(index[order], np.arange(np.prod(cells) + 1))
    placed = np.ascontiguousarray(position[order], dtype=np.float64)
    moving = np.zeros_like(placed)
    if velocity is not None:
        moving = np.ascontiguousarray(velocity[order], dtype=np.float64)
    sums = np.zeros((len(edges) - 1, 4))
    _count(placed, moving, first, cells, sides, np.asarray(edges, dtype=np.float64), sums)
    pairs = sums[:, 0]
    shells = 4 / 3 * np.pi * np.diff(np.asarray(edges, dtype=np.float64) ** 3)
    expected = len(position) * (len(position) - 1) / 2 * shells / np.prod(sides)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, square = sums[:, 2] / pairs, sums[:, 3] / pairs
        apart = np.where(pairs > 0, sums[:, 1] / pairs, (edges[1:] + edges[:-1]) / 2)
    known = np.nan if velocity is None else 1.0
    return Pairs(
        separation=apart,
        pairs=pairs.astype(np.int64),
        correlation=pairs / expected - 1,
        approach=known * mean,
        dispersion=known * np.sqrt(np.maximum(square - mean**2, 0)),
    )


@numba.njit(cache=True, nogil=True)
def _count(position, velocity, first, cells, sides, edges, sums):  # type: ignore[no-untyped-def]
    """Add to `sums`, by bin: pairs, their separations, approaches and squared approaches."""
    square_edges = edges**2
    for i in range(cells[0]):
        for j in range(cells[1]):
            for k in range(cells[2]):
                here = (i * cells[1] + j) * cells[2] + k
                # half of the neighbours, so that every pair of cells is met once
                for step in range(13, 27):
                    a = (i + step // 9 - 1) % cells[0]
                    b = (j + step // 3 % 3 - 1) % cells[1]
                    c = (k + step % 3 - 1) % cells[2]
                    there = (a * cells[1] + b) * cells[2] + c
                    for p in range(first[here], first[here + 1]):
                        start = p + 1 if there == here else first[there]
                        for q in range(start, first[there + 1]):
                            x = position[q, 0] - position[p, 0]
                            y = position[q, 1] - position[p, 1]
                            z = position[q, 2] - position[p, 2]
                            x -= sides[0] * np.rint(x / sides[0])
                            y -= sides[1] * np.rint(y / sides[1])
                            z -= sides[2] * np.rint(z / sides[2])
                            square = x * x + y * y + z * z
                            if square < square_edges[0] or square >= square_edges[-1]:
                                continue
                            b_in = np.searchsorted(square_edges, square, side="right") - 1
                            apart = np.sqrt(square)
                            sums[b_in, 0] += 1
                            sums[b_in, 1] += apart
                            if apart > 0:
                                u = x * (velocity[q, 0] - velocity[p, 0])
                                u += y * (velocity[q, 1] - velocity[p, 1])
                                u += z * (velocity[q, 2] - velocity[p, 2])
                                sums[b_in, 2] += u / apart
                                sums[b_in, 3] += (u / apart) ** 2
