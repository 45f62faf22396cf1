"""How halos of a voxel, and of neighbouring voxels, exclude each other by mass.

Measured on simulated boxes: in a voxel that holds halos at all one of them, here the first, may be
heavy, with a probability that hardly depends on how many others there are; the others, here the
further ones, are light. And where a voxel holds a heavier halo, or more of them, than is expected
the voxels beside it hold lighter and fewer ones. That is described by two normal numbers in every
voxel, of which one tells how many halos it holds and the other where the first halo stands in the
order of masses that is expected there, and by their correlations with those of a voxel beside it.

The more halos a voxel holds than expected, the lighter they are: heavy ones have swallowed others.
So among voxels with halos the two numbers of one voxel are correlated too.

A peak of the density covers several voxels that are each likely to hold a heavy halo, of which one
does: there it is the mass expected in a voxel and around it that tells how the second numbers
exclude each other (`halokeras.painting.draws.noise`). `halokeras.painters.exclusion_fit` measures
all but that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from halokeras.painters.count_law import VoxelLaw

MOST_CORRELATED = 2 / 7
"""Strongest correlation of face neighbours.

Numbers that are -2/7 correlated cancel in the sum over a large volume, and stronger correlations
come back as correlations of the opposite sign two voxels away.
"""
_LEAST_WEIGHT = 1e-12
"""Weight of further halos, below which there are none."""
_LEAST_CHANCE = 1e-12
"""Chance, at either end, beyond which a normal number is no further out."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ExclusionByCondition:
    """How the halos of one voxel exclude each other, by one of the conditions of a painter.

    Between the places that are known all goes linearly, weights by their logarithms; beyond the
    outermost nothing changes any more.

    Attributes
    ----------
    feature
        Number of the condition among those that `Exclusion.under` is told.
    places
        (places,) its values, ascending.
    further, crowding
        (places, channels) and (places,), as those of `Exclusion`.
    """

    feature: int
    places: Array
    further: Array
    crowding: Array

    def at(self, features: Array) -> tuple[Array, float]:
        """Return weights, (channels,), and crowding under conditions, (features,)."""
        place = features[self.feature]
        logarithms = np.log(np.maximum(self.further, _LEAST_WEIGHT))
        weights = np.array([np.exp(np.interp(place, self.places, row)) for row in logarithms.T])
        return weights / weights.max(), float(np.interp(place, self.places, self.crowding))


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
    crowding
        Correlation, among voxels with halos, of the number that tells how many there are with the
        one that tells the mass of the first: below 0 where more halos are lighter. 0 for an older
        painter.
    by_condition
        How `further` and `crowding` go with the conditions, of which `under` is told; None of a
        painter that is told none, or an older one.
    """

    further: Array
    neighbors: Array
    masses: Array | None = None
    crowding: float = 0.0
    by_condition: ExclusionByCondition | None = None

    def under(self, features: Array) -> "Exclusion":
        """Return what is known under conditions, which are the same for all of these.

        Parameters
        ----------
        features
            (features,) of the conditions, as the painter has them.
        """
        if self.by_condition is None:
            return self
        further, crowding = self.by_condition.at(features)
        return Exclusion(further, self.neighbors, self.masses, crowding)

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
        return shares_of_channels(self.further, expected, law)

    def ranks(self, number: Array, mass: Array, empty: Array) -> Array:
        """Return where the first halos of voxels stand among the masses expected, heaviest last.

        Parameters
        ----------
        number, mass
            (N,) normal numbers of voxels with halos, which tell how many and how heavy.
        empty
            (N,) probabilities that such a voxel holds none.

        Returns
        -------
        ndarray
            (N,) in [0, 1], uniform among voxels with halos.
        """
        if self.crowding == 0:
            return np.asarray(ndtr(mass))
        crowded = normal_among_occupied(ndtr(number), empty)
        return np.asarray(ndtr(self.crowding * crowded + np.sqrt(1 - self.crowding**2) * mass))


def normal_among_occupied(chance: Array, empty: Array) -> Array:
    """Return what is normal among voxels with halos, of the uniform numbers that tell how many.

    Parameters
    ----------
    chance
        (N,) in [0, 1), at which counts are drawn.
    empty
        (N,) probabilities that voxels hold none.
    """
    among = (chance - empty) / np.maximum(1 - empty, _LEAST_CHANCE)
    return np.asarray(ndtri(np.clip(among, _LEAST_CHANCE, 1 - _LEAST_CHANCE)))


def shares_of_channels(
    further: Array, expected: NDArray[np.floating], law: VoxelLaw
) -> tuple[Array, Array]:
    """Return the shares of channels, by the weights of further halos, as `channel_shares` does."""
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
