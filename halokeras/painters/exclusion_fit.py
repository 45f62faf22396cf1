"""How halos exclude each other by mass, measured on training boxes.

The earlier the epoch, the rarer are heavy halos beside others of their voxel, of those that are
expected: of a painter that is told epoch and cosmology that is measured on parts of the boxes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from halokeras.painters.count_law import VoxelLaw, normal_density_at, responses
from halokeras.painters.exclusion import (
    MOST_CORRELATED,
    Array,
    Exclusion,
    ExclusionByCondition,
    shares_of_channels,
)
from halokeras.painters.exclusion_within import Occupied, Within, fit_within

_MOST_GROUPS = 3
"""Groups of boxes that tell how exclusion goes with a condition: of each, heavy pairs tell it."""
_LEAST_PAIRS = 30
"""Pairs of halos of a voxel that tell a weight, in a group of boxes."""
_FALL = -2.0
"""Power of the mass with which weights fall among heavy channels that have fewer pairs.

Where there are enough, from 5e13 to 2e14 Msun/h in 32 boxes at z = 0, it is -1.8.
"""


def fit_exclusion(
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    law: VoxelLaw,
    masses: NDArray[np.floating],
    counts_apart: bool = False,
    features: NDArray[np.floating] | None = None,
    feature: int = 0,
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
    features
        (boxes, features) of the conditions of each box; None without conditions.
    feature
        Number of the one that tells how halos of one voxel exclude each other.
    """
    by_condition = None
    of_channels = masses.astype(np.float64)
    if features is None:
        here = fit_within(Occupied.of(expected, counts, law))
        of_boxes = [here] * len(expected)
    else:
        by_condition = _by_condition(expected, counts, law, of_channels, features, feature)
        here = Within(*by_condition.at(features.mean(axis=0)))
        of_boxes = [Within(*by_condition.at(told)) for told in features]
    neighbors = _fit_neighbors(expected, counts, law, of_boxes, counts_apart)
    return Exclusion(here.further, neighbors, of_channels, here.crowding, by_condition)


def _by_condition(
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    law: VoxelLaw,
    masses: Array,
    features: NDArray[np.floating],
    feature: int,
) -> ExclusionByCondition:
    """Measure how halos of one voxel exclude each other in groups of boxes alike in a feature.

    Of what `fit_exclusion` is given.
    """
    value = features[:, feature].astype(np.float64)
    order = np.argsort(value, kind="stable")
    parts = [part for part in np.array_split(order, _MOST_GROUPS) if part.size]
    size = counts[0, ..., 0].size
    found = []
    for part in parts:
        voxels = (part[:, np.newaxis] * size + np.arange(size)).ravel()
        occupied = Occupied.of(expected[part], counts[part], law.of(voxels))
        found.append(fit_within(occupied, _LEAST_PAIRS, (masses / masses[0]) ** _FALL))
    places = np.array([value[part].mean() for part in parts])
    rising = np.flatnonzero(np.diff(places, prepend=-np.inf) > 0)
    return ExclusionByCondition(
        feature,
        places[rising],
        np.stack([found[group].further for group in rising]),
        np.array([found[group].crowding for group in rising]),
    )


def _fit_neighbors(
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    law: VoxelLaw,
    of_boxes: Sequence[Within],
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
    size = counts[0, ..., 0].size
    crowding = np.repeat([within.crowding for within in of_boxes], size)
    shares = []
    for place, within in enumerate(of_boxes):
        box = slice(place * size, (place + 1) * size)
        shares.append(shares_of_channels(within.further, means[box], law.of(box)))
    of_first, of_others = (np.concatenate(parts) for parts in zip(*shares, strict=True))
    empty = law.at_most(0, total)
    number, occupied = law.mean(total), 1 - empty
    to_number, to_occupied = responses(law, total)
    to_crowded = crowding * _response_of_crowded(empty)
    count = counts.sum(axis=-1, dtype=np.float64) - number.reshape(grid)
    to_count = to_number.reshape(grid)
    by_number = _pairs(count, count) / _pairs(to_count, to_count)
    told = np.zeros(2)
    for channel in range(1, channels):
        first, others = (part[:, channel:].sum(axis=1) for part in (of_first, of_others))
        there = counts[..., channel:].sum(axis=-1, dtype=np.float64)
        excess = there - (occupied * first + (number - occupied) * others).reshape(grid)
        to_mass = occupied * normal_density_at(first)
        with_number = to_occupied * first + (to_number - to_occupied) * others
        with_number += to_crowded * to_mass
        told += [
            _pairs(count, excess) - by_number * _pairs(to_count, with_number.reshape(grid)),
            _pairs(to_count, (np.sqrt(1 - crowding**2) * to_mass).reshape(grid)),
        ]
    by_both = told[0] / told[1]
    found = np.array([[0.0 if counts_apart else by_number, by_both], [by_both, 0.0]])
    strongest = max(np.abs(np.linalg.eigvalsh(found)).max(), MOST_CORRELATED)
    possible: Array = found * (MOST_CORRELATED / strongest)
    return possible


def _response_of_crowded(empty: Array) -> Array:
    """Return how much what is normal among voxels with halos goes with what is among all.

    It is the mean product of both, over voxels with halos.
    """
    nodes, weights = np.polynomial.legendre.leggauss(20)
    product = np.zeros_like(empty)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        product += weight * ndtri(node) * ndtri(empty + node * (1 - empty))
    return product


def _pairs(one: Array, other: Array) -> float:
    """Return the sum of products over all pairs of face neighbours of periodic boxes."""
    return sum(
        float((one * np.roll(other, step, axis)).sum()) for axis in (-3, -2, -1) for step in (-1, 1)
    )
