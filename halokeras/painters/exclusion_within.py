"""How halos of one voxel exclude each other by mass, measured on training boxes."""

from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from halokeras.painters.count_law import VoxelLaw
from halokeras.painters.exclusion import Array, normal_among_occupied, shares_of_channels

_ROUNDS = 20
"""Rounds in which the weights of further halos settle to a percent."""
_LARGEST_STEP = 4.0
"""Factor by which a weight changes in a round, at most."""
_STRONGEST = 0.9
"""Correlation of the two numbers of a voxel, at most."""
_NODES = tuple((0.5 + at / 2, weight / 2) for at, weight in zip(*leggauss(8), strict=True))
"""Gauss-Legendre nodes in (0, 1) and their weights; by three a crowding is found 4 % too weak."""
_LEAST_EXPECTED = 1e-12
"""Halos of a voxel, below which it tells nothing of their masses."""
_LEAST_SHARE = 1e-15
"""Share of first halos, at either end, beyond which there is no channel's edge."""


class Within(NamedTuple):
    """What tells the masses of the halos of one voxel: `further` and `crowding` of `Exclusion`."""

    further: Array
    crowding: float


class Occupied(NamedTuple):
    """The voxels that hold halos.

    Attributes
    ----------
    held, means
        (N, channels) halos that are there, and that are expected.
    number, total
        (N,) of all channels.
    law
        Law of the counts of all channels in these voxels.
    crowded
        For each of `_NODES` (N,) normal numbers at which as many are drawn as there are.
    """

    held: Array
    means: Array
    number: Array
    total: Array
    law: VoxelLaw
    crowded: tuple[Array, ...]

    @classmethod
    def of(
        cls, expected: NDArray[np.floating], counts: NDArray[np.floating], law: VoxelLaw
    ) -> "Occupied":
        """Choose the voxels with halos, of what `fit_exclusion` is given."""
        channels = expected.shape[-1]
        held, means = (grid.reshape(-1, channels) for grid in (counts, expected))
        occupied = (held.sum(axis=1) > 0) & (means.sum(axis=1) > _LEAST_EXPECTED)
        held, law = held[occupied].astype(np.float64), law.of(occupied)
        means = means[occupied].astype(np.float64)
        number, total = held.sum(axis=1), means.sum(axis=1)
        below, upto = np.empty_like(total), np.empty_like(total)
        for several in range(1, int(number.max(initial=0)) + 1):
            there = number == several
            of_there = law.of(there)
            below[there] = of_there.at_most(several - 1, total[there])
            upto[there] = of_there.at_most(several, total[there])
        empty = law.at_most(0, total)
        crowded = tuple(
            normal_among_occupied(below + node * (upto - below), empty) for node, _ in _NODES
        )
        return cls(held, means, number, total, law, crowded)

    def first(self, of_first: Array, crowding: float) -> tuple[Array, Array]:
        """Return what first halos are, given how many there are, and how that goes with crowding.

        Parameters
        ----------
        of_first
            (N, channels) shares of channels among the first halos of voxels with any.
        crowding
            As that of `Exclusion`.

        Returns
        -------
        tuple of ndarray
            (N, channels) probabilities that the first halo is of a channel or of a heavier one,
            and their derivatives.
        """
        left = np.sqrt(1 - crowding**2)
        threshold = -ndtri(np.clip(_and_heavier(of_first), _LEAST_SHARE, 1 - _LEAST_SHARE))
        threshold[:, 0] = -np.inf
        chance, slope = np.zeros_like(threshold), np.zeros_like(threshold)
        for (_, weight), crowded in zip(_NODES, self.crowded, strict=True):
            place = (crowding * crowded[:, np.newaxis] - threshold) / left
            chance += weight * ndtr(place)
            beyond = crowded[:, np.newaxis] - crowding * threshold[:, 1:]
            density = np.exp(-0.5 * place[:, 1:] ** 2) / np.sqrt(2 * np.pi)
            slope[:, 1:] += weight * density * beyond / left**3
        return chance, slope


def fit_within(
    voxels: Occupied, least_pairs: float = 0, first_weights: Array | None = None
) -> Within:
    """Return what tells the masses of the halos of one voxel.

    Weights of further halos are changed until there are as many pairs in a voxel of a halo of each
    channel with another as heavy or heavier as in the boxes. The correlation is changed until heavy
    halos are as many where there are more halos than the law expects of a voxel with any: that
    excess times the halos of a channel or heavier, summed over voxels with halos, and over channels
    but the lightest.

    Parameters
    ----------
    voxels
        Those with halos.
    least_pairs
        Pairs that tell a weight: heavy channels with fewer change theirs together.
    first_weights
        (channels,) from which weights are changed; by default all are 1.
    """
    number = voxels.number[:, np.newaxis]
    held = _and_heavier(voxels.held)
    several = voxels.law.mean(voxels.total) / (1 - voxels.law.at_most(0, voxels.total))
    beyond = voxels.number - several
    pairs = (voxels.held * (2 * held - voxels.held - 1)).sum(axis=0)
    together = beyond @ held
    classes = _classes(pairs, least_pairs)
    weights = np.ones(len(pairs)) if first_weights is None else first_weights
    crowding = 0.0
    tells_crowding = voxels.number.max(initial=0) > 1
    for _ in range(_ROUNDS):
        of_first, of_further = shares_of_channels(weights, voxels.means, voxels.law)
        first, slope = voxels.first(of_first, crowding)
        further = _and_heavier(of_further)
        missing = together - beyond @ (first + (number - 1) * further)
        found = _expected_pairs(voxels.number, first, further)
        by_crowding = (beyond @ slope)[1:].sum()
        if tells_crowding and by_crowding > 0:
            crowding += float(missing[1:].sum() / by_crowding)
            crowding = min(max(crowding, -_STRONGEST), _STRONGEST)
        pairs_of, found_of = (np.bincount(classes, values) for values in (pairs, found))
        step = (pairs_of / np.maximum(found_of, 1e-30))[classes]
        weights = weights * np.clip(step, 1 / _LARGEST_STEP, _LARGEST_STEP)
        weights /= weights.max()
    return Within(weights, crowding)


def _classes(pairs: Array, least: float) -> NDArray[np.int64]:
    """Return the number of the class of each channel: neighbours that have enough pairs together.

    They are put together from the heaviest down, which has the fewest.
    """
    classes = np.zeros(len(pairs), dtype=np.int64)
    number, held = 0, 0.0
    for channel in reversed(range(len(pairs))):
        classes[channel] = number
        held += pairs[channel]
        if held >= least:
            number, held = number + 1, 0.0
    return classes


def _expected_pairs(number: Array, first: Array, further: Array) -> Array:
    """Return how many pairs of a halo of each channel with one as heavy or heavier are expected.

    Parameters
    ----------
    number
        (N,) halos of voxels.
    first, further
        (N, channels) probabilities that the first halo, and each further one, is of a channel or
        heavier.
    """
    others, couples = number - 1, (number - 1) * (number - 2)
    of_first, of_further = _alone(first), _alone(further)
    with_first = others @ (of_first * further + (first - of_first) * of_further)
    among_further = couples @ (of_further * (2 * further - of_further))
    return np.asarray(2 * with_first + among_further)


def _and_heavier(channels: Array) -> Array:
    """Return the sums of each channel and all heavier ones, (N, channels)."""
    return np.asarray(channels[:, ::-1].cumsum(axis=1)[:, ::-1])


def _alone(and_heavier: Array) -> Array:
    """Return the channels that sums are of."""
    return -np.diff(and_heavier, axis=1, append=0.0)
