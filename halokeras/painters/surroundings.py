"""How the number of halos in a voxel scatters, by the halos that are expected around it.

Of voxels that expect as many halos, those with more of them expected around scatter more: at one
halo the variance over the mean is 0.45 where few are around and 0.85 where many are. Their numbers
also go together where many are expected, over some voxels, and against each other where few are.
Draws that know of neither have too little of the bispectrum that comes of a noise which is stronger
where it is dense: two thirds of it, a fifth of Q at right angles.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.gridding import Shape
from halokeras.painters.count_law import CountLaw, Voxels, fit_count_law, responses
from halokeras.painters.peaks import around_boxes

TERMS = 3
"""Terms of the polynomials that tell correlations."""
MOST_SMOOTH = 0.3
"""Share of a number's variance that is smooth, at most."""
_TINY = 1e-4
"""Halos added to expected ones before the logarithm."""
_SHARES = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_SHARES_OF_DENSE = (0.995, 0.998, 0.9995, 1)
"""Shares of the voxels, by expected halos, between which what is typical around is measured."""
_MOST_LAWS = 5
_LEAST_HALOS = 5000
"""Halos that a law is measured on, at least."""
_WIDEST = 2.0
"""Deviations of the logarithm of the halos around, beyond which nothing changes."""
_LITTLE = 0.003
"""Product of two voxels' responses, below which a pair counts the less the smaller it is."""

Array = NDArray[np.float64]

SMOOTH_WEIGHTS = (1, 2, 1)
"""Weights along each axis of the 27 white numbers that make the smooth one of a voxel."""
_ALONG = (1.0, 4 / 6, 1 / 6)
"""What the smooth numbers of voxels 0, 1 and 2 apart along an axis have in common."""
FACES_TOGETHER = _ALONG[1]
_FACE = (0, 0, 1)
_APART = ((0, 1, 1), (1, 1, 1), (0, 0, 2), (0, 1, 2), (1, 1, 2))
"""Steps of the pairs of voxels that the smooth numbers are measured by."""
_SHARED = {(0, 1, 1): 2, (0, 0, 2): 1}
"""Neighbours that voxels so far apart share, whose numbers either counts in its own."""


@dataclass(frozen=True)
class LawOfVoxels:
    """The law of the counts of some voxels, each between two of several laws.

    Attributes
    ----------
    laws
        By what is expected around voxels, ascending.
    lower
        Number of the lower of its two laws, of each voxel.
    share
        Share of the other.
    """

    laws: tuple[CountLaw, ...]
    lower: NDArray[np.int64]
    share: Array

    @property
    def most(self) -> int:
        """Most halos of a voxel."""
        return max(law.most for law in self.laws)

    def of(self, voxels: Voxels) -> "LawOfVoxels":
        """Return the law of some of the voxels, flat."""
        return LawOfVoxels(self.laws, self.lower.ravel()[voxels], self.share.ravel()[voxels])

    def at_most(self, number: int, expected: NDArray[np.floating]) -> Array:
        """Return the probability of at most some halos at the expected count of each voxel."""
        return self._between(lambda law, means: law.at_most(number, means), expected)

    def mean(self, expected: NDArray[np.floating]) -> Array:
        """Return the mean count at the expected count of each voxel."""
        return self._between(lambda law, means: law.mean(means), expected)

    def _between(
        self,
        of_law: Callable[[CountLaw, NDArray[np.floating]], Array],
        expected: NDArray[np.floating],
    ) -> Array:
        found = np.zeros(self.share.shape)
        upper = np.minimum(self.lower + 1, len(self.laws) - 1)
        # each law where it is one of the two: most voxels are asked, and two of five will do
        for number, law in enumerate(self.laws):
            for place, share in ((self.lower, 1 - self.share), (upper, self.share)):
                there = place == number
                found[there] += share[there] * of_law(law, expected[there])
        return found


@dataclass(frozen=True)
class Surroundings:
    """What draws know of the number of halos by all that are expected in a voxel and 26 around it.

    Attributes
    ----------
    typical
        (2, knots) logarithms of expected halos, ascending, and of those that are typical around.
    departures
        (laws,) ascending: how much the logarithm of those around is above what is typical.
    laws
        The law of the counts at each departure, between which it is linear.
    middle, spread
        Mean and deviation of the logarithm of the halos around voxels, weighted with halos.
    beside, smooth
        (`TERMS`,) coefficients, of the logarithm in these units, of the correlation of the numbers
        of voxels that share a face, and of the share of a number's variance that is smooth: the
        sum of white numbers in the voxel and the 26 around it, by `SMOOTH_WEIGHTS`.
    """

    typical: Array
    departures: Array
    laws: tuple[CountLaw, ...]
    middle: float
    spread: float
    beside: Array
    smooth: Array

    def law_of(self, expected: NDArray[np.floating], around: Array) -> LawOfVoxels:
        """Return the law of voxels by the halos expected in them and around them, of one shape."""
        above = np.log(around + _TINY) - np.interp(np.log(expected + _TINY), *self.typical)
        place = np.interp(above, self.departures, np.arange(len(self.laws)))
        lower = np.minimum(place.astype(np.int64), max(len(self.laws) - 2, 0))
        return LawOfVoxels(self.laws, lower, place - lower)

    def law_of_boxes(self, expected: NDArray[np.floating]) -> LawOfVoxels:
        """Return the law of all voxels of periodic boxes, (boxes, nx, ny, nz), flat."""
        total = expected.astype(np.float64)
        return self.law_of(total, around_boxes(total)).of(slice(None))

    def place(self, around: Array) -> Array:
        """Return how many deviations the logarithm of the halos around is from its mean."""
        return np.clip((np.log(around + _TINY) - self.middle) / self.spread, -_WIDEST, _WIDEST)

    def correlations(self, around: Array) -> tuple[Array, Array]:
        """Return the correlation with voxels beside, and the smooth share, by the halos around."""
        place = self.place(around)
        beside, smooth = (_polynomial(terms, place) for terms in (self.beside, self.smooth))
        return beside, np.clip(smooth, 0, MOST_SMOOTH)


def fit_surroundings(expected: NDArray[np.floating], counts: NDArray[np.floating]) -> Surroundings:
    """Measure how the number of halos goes with what is expected around.

    Parameters
    ----------
    expected, counts
        (boxes, nx, ny, nz) of periodic boxes: what a painter expects, and the halos that are there.
    """
    total = expected.astype(np.float64)
    around = around_boxes(total)
    typical = _typical(total, around)
    above = np.log(around + _TINY) - np.interp(np.log(total + _TINY), *typical)
    departures, group = _groups(above, total, counts)
    laws = tuple(
        fit_count_law(total[group == one], counts[group == one]) for one in range(len(departures))
    )
    logarithm, weights = np.log(around + _TINY), total + _TINY
    middle = float(np.average(logarithm, weights=weights))
    spread = float(np.sqrt(np.average((logarithm - middle) ** 2, weights=weights)))
    none = np.zeros(TERMS)
    return Surroundings(typical, departures, laws, middle, max(spread, _TINY), none, none)


def _typical(total: Array, around: Array) -> Array:
    """Return `Surroundings.typical`."""
    edges = np.unique(np.quantile(total, [*_SHARES, *_SHARES_OF_DENSE]))
    bins = np.searchsorted(edges[1:-1], total.ravel(), side="right")
    voxels = np.bincount(bins) > 0
    weight = np.bincount(bins, total.ravel() + _TINY)[voxels]
    inside, outside = (
        np.bincount(bins, (total.ravel() + _TINY) * np.log(values.ravel() + _TINY))[voxels] / weight
        for values in (total, around)
    )
    rising = np.diff(np.maximum.accumulate(inside), prepend=-np.inf) > 0
    return np.stack([inside[rising], outside[rising]])


def _groups(
    above: Array, total: Array, counts: NDArray[np.floating]
) -> tuple[Array, NDArray[np.int64]]:
    """Return the mean departure of groups of as many halos, and the group of each voxel."""
    weights = (total + _TINY).ravel()
    number = int(np.clip(counts.sum() // _LEAST_HALOS, 1, _MOST_LAWS))
    order = np.argsort(above, axis=None, kind="stable")
    below = weights[order].cumsum()
    group = np.empty(above.size, dtype=np.int64)
    group[order] = np.minimum(below / below[-1] * number, number - 1).astype(np.int64)
    means = np.bincount(group, weights * above.ravel()) / np.bincount(group, weights)
    if (np.diff(means) <= 0).any():  # as where as many are expected everywhere
        return np.array([np.average(above.ravel(), weights=weights)]), np.zeros_like(total, int)
    return means, group.reshape(above.shape)


def fit_correlations(
    surroundings: Surroundings,
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    with_rank: float,
) -> Surroundings:
    """Measure how the numbers of voxels go together, by least squares over pairs of voxels.

    To first order, the covariance of counts in two voxels is the correlation of their numbers,
    times how much either count responds to its number.

    Parameters
    ----------
    surroundings
        The laws of the counts.
    expected, counts
        As in `fit_surroundings`.
    with_rank
        Correlation of a voxel's number with the rank of the first halo in one beside.
    """
    total = expected.astype(np.float64)
    around = around_boxes(total)
    law = surroundings.law_of(total, around)
    response = responses(law, total)[0]
    count = counts - law.mean(total)
    place = surroundings.place(around)
    terms, products = _moments(_FACE, response, count, place)
    beside = _solved(terms, products)

    def shared(middle: Array) -> Array:
        """Return what voxels have in common of a neighbour that they share."""
        common: Array = (_polynomial(beside, middle) ** 2 + with_rank**2) / 4
        return common

    sums, squares = np.zeros(TERMS), np.zeros((TERMS, TERMS))
    for step in _APART:
        together = float(np.prod([_ALONG[side] for side in step]))
        terms, products = _moments(step, response, count, place, _SHARED.get(step, 0), shared)
        sums += together * products
        squares += together**2 * terms
    return replace(surroundings, beside=beside, smooth=_solved(squares, sums))


def _moments(
    step: Shape,
    response: Array,
    count: Array,
    place: Array,
    times: int = 0,
    shared: Callable[[Array], Array] = np.zeros_like,
) -> tuple[Array, Array]:
    """Return the normal equations of all pairs of voxels a step apart: squares and products.

    What pairs have in common all the same, some `times` what is `shared`, is taken off.
    """
    products, squares = np.zeros(TERMS), np.zeros((TERMS, TERMS))
    for direction in _directions(step):
        other = [np.roll(field, direction, (-3, -2, -1)) for field in (response, count, place)]
        both = (response * other[0]).ravel()
        middle = (place + other[2]).ravel() / 2
        terms = [both * middle**power for power in range(TERMS)]
        weighted = [term / (both + _LITTLE) for term in terms]
        pairs = (count * other[1]).ravel() - times * both * shared(middle)
        products += [weight @ pairs for weight in weighted]
        squares += [[weight @ term for term in terms] for weight in weighted]
    return squares, products


def _directions(step: Shape) -> list[Shape]:
    """Return all directions of a step, but of two opposite ones the first."""
    found = {
        (x, y, z)
        for sides in permutations(step)
        for x, y, z in product(*({side, -side} for side in sides))
    }
    return sorted(one for one in found if one > (0, 0, 0))


def _solved(squares: Array, products: Array) -> Array:
    return np.asarray(np.linalg.lstsq(squares, products, rcond=None)[0], dtype=np.float64)


def _polynomial(terms: Array, place: Array) -> Array:
    return np.asarray(np.polynomial.polynomial.polyval(place, terms), dtype=np.float64)
