"""How halos of a voxel, and of neighbouring voxels, exclude each other by mass.

Measured on simulated boxes: in a voxel that holds halos at all one of them, here the first, may be
heavy, with a probability that hardly depends on how many others there are; the others, here the
further ones, are light. And where a voxel holds a heavier halo, or more of them, than is expected
the voxels beside it hold lighter and fewer ones. That is described by two normal numbers in every
voxel, of which one tells how many halos it holds and the other where the first halo stands in the
order of masses that is expected there, and by their correlations with those of a voxel beside it.

A peak of the density covers several voxels that are each likely to hold a heavy halo, of which one
does: there it is the mass expected in a voxel and around it that tells how the second numbers
exclude each other (`halokeras.painting.noise`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.painters.count_law import VoxelLaw, normal_density_at, responses

MOST_CORRELATED = 2 / 7
"""Strongest correlation of face neighbours.

Numbers that are -2/7 correlated cancel in the sum over a large volume, and stronger correlations
come back as correlations of the opposite sign two voxels away.
"""
_ROUNDS = 8
"""Rounds in which the weights of further halos settle to a percent."""
_LARGEST_STEP = 4.0
"""Factor by which a weight changes in a round, at most."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Exclusion:
    """What draws know of exclusion beyond the law of the counts.

    Attributes
    ----------
    further
        (channels,) weights of the further halos of a voxel: the probability that one is of some
        channel goes as the share of that channel among all halos expected there, times its weight.
        The largest is 1.
    neighbors
        (2, 2) correlations of the two normal numbers of a voxel, of its count and of the mass of
        its first halo, with those of a voxel beside it; eigenvalues within `MOST_CORRELATED`.
        Where the expected mass tells how first halos exclude each other, theirs with each other
        is 0, and where surroundings tell how the counts of voxels go together, theirs.
    masses
        (channels,) mean mass of the halos of each channel [Msun/h], by which first halos exclude
        each other around peaks; None for an older painter.
    """

    further: Array
    neighbors: Array
    masses: Array | None = None

    @property
    def border(self) -> int:
        """Voxels around those that are drawn, whose expected halos draws need to know."""
        return 0 if self.masses is None else 1

    def channel_shares(self, expected: NDArray[np.floating], law: VoxelLaw) -> tuple[Array, Array]:
        """Return the shares of channels among first and among further halos.

        Weighted with how many there are of both they give back the shares that are expected.

        Parameters
        ----------
        expected
            (N, channels) halos of voxels where some are expected.
        law
            Law of the counts of all channels.
        """
        return _shares(self.further, expected, law)


def fit_exclusion(
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    law: VoxelLaw,
    masses: NDArray[np.floating],
    counts_apart: bool = False,
) -> Exclusion:
    """Measure how halos exclude each other.

    Parameters
    ----------
    expected, counts
        (boxes, nx, ny, nz, channels) of periodic boxes: what a painter expects, and the halos that
        are there.
    law
        Law of the counts of all channels.
    masses
        (channels,) mean mass of the halos of each channel [Msun/h].
    counts_apart
        Whether something else tells how the counts of voxels go together.
    """
    further = _fit_further(expected, counts, law)
    neighbors = _fit_neighbors(expected, counts, law, further, counts_apart)
    return Exclusion(further, neighbors, masses.astype(np.float64))


def _shares(further: Array, expected: NDArray[np.floating], law: VoxelLaw) -> tuple[Array, Array]:
    means = expected.astype(np.float64)
    total = means.sum(axis=1)
    shares = means / total[:, np.newaxis]
    occupied = 1 - law.at_most(0, total)
    others = (law.mean(total) / occupied - 1)[:, np.newaxis]  # to one first halo
    # No channel has fewer first halos than none.
    most = shares * (1 + others) / np.maximum(others, 1e-9)
    of_others = shares * further
    of_others /= np.maximum(of_others.sum(axis=1, keepdims=True), 1e-30)
    of_others = np.minimum(of_others, most)
    # What has no room there goes to the lightest channels that have: heavy halos keep apart.
    room = most - of_others
    lacking = 1 - of_others.sum(axis=1, keepdims=True)
    of_others += np.clip(lacking - (room.cumsum(axis=1) - room), 0, room)
    of_first = np.maximum((1 + others) * shares - others * of_others, 0)
    return of_first, of_others


def _fit_further(
    expected: NDArray[np.floating], counts: NDArray[np.floating], law: VoxelLaw
) -> Array:
    """Return the weights under which halos of each channel go with the number of all as measured.

    Where there are more halos than the law expects of a voxel with any, there are more of each
    channel. Weights are changed until, summed over the voxels with halos, the products of that
    excess with the halos of a channel are those of the boxes.
    """
    channels = expected.shape[-1]
    held = counts.reshape(-1, channels)
    number = held.sum(axis=1)
    occupied = number > 0
    held, number, law = held[occupied], number[occupied].astype(np.float64), law.of(occupied)
    means = expected.reshape(-1, channels)[occupied]
    total = means.sum(axis=1, dtype=np.float64)
    beyond = number - law.mean(total) / (1 - law.at_most(0, total))
    weights = np.ones(channels)
    for _ in range(_ROUNDS):
        of_first, of_others = _shares(weights, means, law)
        missing = beyond @ (held - of_first - (number - 1)[:, np.newaxis] * of_others)
        found = np.maximum(beyond**2 @ of_others, 1e-30)
        weights *= np.clip(1 + missing / found, 1 / _LARGEST_STEP, _LARGEST_STEP)
        weights /= weights.max()
    return weights


def _fit_neighbors(
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    law: VoxelLaw,
    further: Array,
    counts_apart: bool,
) -> Array:
    """Return the correlations of the two normal numbers of a voxel with those of a face neighbour.

    To first order, the covariance of counts in two voxels is the correlation of their normal
    numbers, times how much either count responds to its number. That of all halos with all halos
    gives the correlation of the numbers that tell how many there are; that of all halos with those
    above a mass gives the correlation of this number with the one that tells the first halo's mass.
    Where they are stronger than `MOST_CORRELATED` allows, all are made weaker by one factor.
    """
    grid, channels = expected.shape[:-1], expected.shape[-1]
    means = np.maximum(expected.reshape(-1, channels), 1e-12)
    total = means.sum(axis=1, dtype=np.float64)
    of_first, of_others = _shares(further, means, law)
    number, occupied = law.mean(total), 1 - law.at_most(0, total)
    to_number, to_occupied = responses(law, total)
    count = counts.sum(axis=-1, dtype=np.float64) - number.reshape(grid)
    to_count = to_number.reshape(grid)
    by_number = _pairs(count, count) / _pairs(to_count, to_count)
    told = np.zeros(2)
    for channel in range(1, channels):
        first, others = (part[:, channel:].sum(axis=1) for part in (of_first, of_others))
        there = counts[..., channel:].sum(axis=-1, dtype=np.float64)
        excess = there - (occupied * first + (number - occupied) * others).reshape(grid)
        with_number = (to_occupied * first + (to_number - to_occupied) * others).reshape(grid)
        with_mass = (occupied * normal_density_at(first)).reshape(grid)
        told += [
            _pairs(count, excess) - by_number * _pairs(to_count, with_number),
            _pairs(to_count, with_mass),
        ]
    by_both = told[0] / told[1]
    found = np.array([[0.0 if counts_apart else by_number, by_both], [by_both, 0.0]])
    strongest = max(np.abs(np.linalg.eigvalsh(found)).max(), MOST_CORRELATED)
    possible: Array = found * (MOST_CORRELATED / strongest)
    return possible


def _pairs(one: Array, other: Array) -> float:
    """Return the sum of products over all pairs of face neighbours of periodic boxes."""
    return sum(
        float((one * np.roll(other, step, axis)).sum()) for axis in (-3, -2, -1) for step in (-1, 1)
    )
