"""The law of a voxel's halo count given its expected count, measured on training boxes.

Halos exclude each other: where many are expected the counts scatter less than a Poisson law of
the same mean (variance over mean 0.55 at two expected halos), so Poisson draws overshoot the
power at k > 0.2 h/Mpc by up to 11 % in amplitude. How the law goes with what is expected around a
voxel, and which voxels go together, is told by `halokeras.painters.surroundings`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from halokeras.errors import RunError

_LEAST_HALOS = 200
"""In a bin of expected counts: a law of fewer would be mostly noise."""
_MOST_BINS = 96
MOST_HALOS = 255
"""In a voxel, at most."""

Voxels = NDArray[np.integer] | NDArray[np.bool_] | slice
"""Which of some voxels, flat."""


@dataclass(frozen=True)
class CountLaw:
    """Probabilities of 0, 1, 2, ... halos, linear in the expected count between knots.

    Attributes
    ----------
    expected
        Knots, ascending from 0: expected halos per voxel. Beyond the last its law holds.
    probabilities
        (knots, most halos + 1), each row summing to 1.
    """

    expected: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    @property
    def most(self) -> int:
        """Most halos of a voxel."""
        return len(self.probabilities[0]) - 1

    @cached_property
    def _cumulative(self) -> NDArray[np.float64]:
        return self.probabilities.cumsum(axis=1)

    def of(self, voxels: Voxels) -> "CountLaw":
        """Return the law of some voxels, which is that of all."""
        return self

    def at_most(self, number: int, expected: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of at most some halos at each expected count."""
        if number >= self.most:
            return np.ones(expected.shape)
        return np.asarray(np.interp(expected, self.expected, self._cumulative[:, number]))

    def mean(self, expected: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the mean count of the law at each expected count."""
        means = self.probabilities @ np.arange(self.probabilities.shape[1])
        return np.asarray(np.interp(expected, self.expected, means))


class VoxelLaw(Protocol):
    """The law of the counts of some voxels: one of all, or of each its own."""

    @property
    def most(self) -> int: ...  # noqa: D102

    def of(self, voxels: Voxels) -> "VoxelLaw": ...  # noqa: D102

    def at_most(self, number: int, expected: NDArray[np.floating]) -> NDArray[np.float64]: ...  # noqa: D102

    def mean(self, expected: NDArray[np.floating]) -> NDArray[np.float64]: ...  # noqa: D102


def draw_counts(
    law: VoxelLaw, expected: NDArray[np.floating], uniform: NDArray[np.float64]
) -> NDArray[np.uint16]:
    """Draw the count of each voxel by inverting its cumulative law.

    Parameters
    ----------
    law
        Law of these voxels.
    expected
        Halos per voxel, of any shape.
    uniform
        Numbers in [0, 1) of the same shape, one for each voxel.
    """
    counts = np.zeros(expected.size, dtype=np.uint16)
    # only voxels that hold more than n halos are asked for n + 1: most hold none
    left = np.arange(expected.size)
    means, draws = expected.ravel(), uniform.ravel()
    for number in range(law.most):
        left = left[draws[left] >= law.of(left).at_most(number, means[left])]
        if not left.size:
            break
        counts[left] += 1
    return counts.reshape(expected.shape)


def responses(
    law: VoxelLaw, expected: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean products of a normal number with the count it draws, and with any at all."""
    to_any = normal_density_at(law.at_most(0, expected))
    to_count = to_any.copy()
    for number in range(1, law.most):
        to_count += normal_density_at(law.at_most(number, expected))
    return to_count, to_any


def normal_density_at(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal density where its cumulative probability is `chance`."""
    place = ndtri(np.clip(chance, 0, 1))
    density: NDArray[np.float64] = np.exp(-0.5 * place**2) / np.sqrt(2 * np.pi)
    return density


def fit_count_law(expected: NDArray[np.floating], counts: NDArray[Any]) -> CountLaw:
    """Measure the law in bins of expected counts, narrower where many halos are expected.

    Parameters
    ----------
    expected, counts
        What a painter expects in some voxels, and the halos that are there.

    Raises
    ------
    RunError
        If a voxel holds more than 255 halos: choose smaller voxels or rarer halos.
    """
    held = counts.ravel().astype(np.int64)
    if held.max() > MOST_HALOS:
        raise RunError(
            f"a training voxel holds {held.max()} halos and a law of counts knows up to "
            f"{MOST_HALOS}; choose smaller voxels or a larger box.selection.mass_min"
        )
    order = np.argsort(expected, axis=None, kind="stable")
    ascending = expected.ravel()[order].astype(np.float64)
    held = held[order]
    starts = _bins(held)
    voxels = np.diff(starts, append=held.size)
    bins = np.repeat(np.arange(starts.size), voxels)
    histogram = np.zeros((starts.size, int(held.max()) + 1))
    np.add.at(histogram, (bins, held), 1.0)
    knots = np.add.reduceat(ascending, starts) / voxels
    first = np.zeros((1, histogram.shape[1]))
    first[0, 0] = 1.0
    rising = np.flatnonzero(np.diff(knots, prepend=0.0) > 0)
    return CountLaw(
        expected=np.concatenate([[0.0], knots[rising]]),
        probabilities=np.concatenate([first, (histogram / voxels[:, None])[rising]]),
    )


def _bins(held: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where bins begin in voxels of ascending expectation.

    Bins hold equally many halos up to half of them, then fewer and fewer, but `_LEAST_HALOS`.
    """
    halos = held.cumsum()
    total = int(halos[-1])
    even = np.linspace(0, 0.5, _MOST_BINS // 2, endpoint=False)
    tail = 1 - np.geomspace(0.5, max(_LEAST_HALOS / max(total, 1), 1e-6), _MOST_BINS // 2)
    wanted = np.concatenate([even, tail]) * total
    kept = [0.0]
    for halos_before in wanted[1:]:
        if halos_before - kept[-1] >= _LEAST_HALOS and total - halos_before >= _LEAST_HALOS:
            kept.append(halos_before)
    return np.unique(np.searchsorted(halos, kept))
