"""Expected halos of each mass, corrected by what is expected around them.

Where a peak of the density covers some voxels a network expects a share of its heavy halo in each.
Measured on boxes that it was trained on, and on others alike, these shares add up to too many
halos at the highest peaks (2.3 above 1e14 Msun/h where 1.6 are) and to too few at those that
hold one or none (0.25 where 0.33 are). The expected halos of a channel are therefore multiplied by
a factor that a Poisson regression finds, of what is expected in a voxel and the 26 around it: a
cubic of the logarithm of the halos as heavy or heavier, which mends the peaks, and all halos,
without which what is expected would follow the density less than the halos do. Of a painter that
is told epoch and cosmology the constant of the logarithm is linear in these, and such that as many
halos of each channel are left as were expected: one factor of all epochs would make heavy halos
too few today and too many early.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

TERMS = 5
"""Terms of the logarithm of a factor: 1, three powers, and all halos."""
_OFFSET = 0.03
"""Halos added to those as heavy or heavier before the logarithm, which none would make infinite."""
_BEYOND = 1e-4
"""Share of a channel's expected halos at either end, beyond which a factor is kept constant."""
_LEAST_EXPECTED = 1e-5
"""Expected halos of a voxel, below which the regression leaves it out unless it holds one."""
_PRIOR = 1.0
"""Inverse variance expected of standardized coefficients, so that few halos do not bend them."""
_ROUNDS = 50
_CLOSE = 1e-6
"""Step of Newton's method [standardized coefficients], below which it has converged."""
_SLACK = 1.0
"""Logarithm of a likelihood that a step may lose, as limits on factors do; beyond it is halved."""
_FLAT = 1e-3
"""Spread of a term, below which it is the same everywhere and left out."""
_WIDEST = 2.0
"""Largest logarithm of a factor."""
_LEAST_LEFT = 0.05
"""Share of the lightest halos that is left, at least, where heavier ones are more than thought."""

Array = NDArray[np.float64]
Number = TypeVar("Number", bound=np.floating)
Bordered = tuple[bool, bool, bool]
PERIODIC: Bordered = (False, False, False)


@dataclass(frozen=True)
class Peaks:
    """Factors of the expected halos of all channels but the first, which takes what is left.

    Attributes
    ----------
    coefficients
        (channels - 1, `TERMS`) coefficients of the logarithm of each factor.
    least, most
        (channels - 1, 2) smallest and largest values, seen in training, of the logarithm of the
        halos as heavy or heavier and of all halos; beyond them these are used instead.
    by_condition
        (channels - 1, features) what each feature of the conditions, of which `under` is told,
        adds to the logarithm of a factor; None of a painter that is told none.
    """

    coefficients: Array
    least: Array
    most: Array
    by_condition: Array | None = None

    def under(self, features: Array) -> "Peaks":
        """Return the factors under conditions, which are the same for all of these.

        Parameters
        ----------
        features
            (features,) of the conditions, as the painter has them.
        """
        if self.by_condition is None:
            return self
        coefficients = self.coefficients.copy()
        coefficients[:, 0] += (self.by_condition * features).sum(axis=1)
        return Peaks(coefficients, self.least, self.most)

    def corrected(
        self,
        expected: NDArray[np.floating],
        around: Array,
        bordered: Bordered,
        voxels: NDArray[np.int64],
    ) -> Array:
        """Return the expected halos of some voxels, corrected; all channels together are as before.

        Parameters
        ----------
        expected
            (x, y, z, channels), along axes that are bordered with one voxel more on both sides.
        around
            All halos that are expected in each voxel and the 26 around it, without the border.
        bordered
            Whether it is along x, y, z; along other axes the grid is periodic.
        voxels
            (N,) flat indices of the voxels wanted, in the grid without its border.

        Returns
        -------
        ndarray
            (N, channels).
        """
        channels = expected.shape[-1]
        inner = without_border(expected, bordered)
        before = inner.reshape(-1, channels)[voxels].astype(np.float64)
        found = before.copy()
        together = around.ravel()[voxels]
        heavier = np.zeros(expected.shape[:3])
        for channel in range(channels - 1, 0, -1):
            heavier += expected[..., channel]
            as_heavy = sum_around(heavier, bordered).ravel()[voxels]
            found[:, channel] *= self._factor(channel - 1, as_heavy, together)
        whole = before.sum(axis=1)
        left, least = whole - found[:, 1:].sum(axis=1), _LEAST_LEFT * before[:, 0]
        found[:, 0] = np.maximum(left, least)
        over = left < least
        found[over] *= (whole[over] / found[over].sum(axis=1))[:, np.newaxis]
        return found

    def _factor(self, row: int, heavier: Array, together: Array) -> Array:
        """Return the factors of a channel by the halos expected in 27 voxels, (N,) each."""
        limits = list(zip(self.least[row], self.most[row], strict=True))
        logarithm = np.clip(np.log(heavier + _OFFSET), *limits[0])
        constant, first, second, third, of_all = self.coefficients[row]
        exponent = ((third * logarithm + second) * logarithm + first) * logarithm + constant
        exponent += of_all * np.clip(together, *limits[1])
        factor: Array = np.exp(np.clip(exponent, -_WIDEST, _WIDEST))
        return factor

    def corrected_box(self, expected: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the expected halos of all voxels of a periodic box, (x, y, z, channels)."""
        voxels = np.arange(expected[..., 0].size)
        around = sum_around(all_halos(expected), PERIODIC)
        corrected = self.corrected(expected, around, PERIODIC, voxels).astype(np.float32)
        return corrected.reshape(expected.shape)


def fit_peaks(
    expected: NDArray[np.floating],
    counts: NDArray[np.floating],
    features: NDArray[np.floating] | None = None,
) -> Peaks:
    """Find the factors under which the halos that are there are most likely.

    Parameters
    ----------
    expected, counts
        (boxes, nx, ny, nz, channels) of periodic boxes: what a painter expects, and the halos that
        are there.
    features
        (boxes, features) of the conditions of each box, in deviations from their means; None
        without conditions. With them the factors change how the halos of a channel are shared
        out, not how many there are: that was measured on more boxes than these.
    """
    told = np.zeros((len(expected), 0)) if features is None else features.astype(np.float64)
    of_voxels = np.repeat(told, expected[0, ..., 0].size, axis=0)
    heavier = np.zeros(expected.shape[:-1])
    together = around_boxes(expected.sum(axis=-1, dtype=np.float64)).ravel()
    found = []
    for channel in range(expected.shape[-1] - 1, 0, -1):
        heavier += expected[..., channel]
        seen = np.stack([np.log(around_boxes(heavier).ravel() + _OFFSET), together], axis=1)
        means, held = (grid[..., channel].ravel().astype(np.float64) for grid in (expected, counts))
        fitted, least, most = _fit_channel(seen, of_voxels, means, held)
        if features is not None:
            exponent = _terms(np.clip(seen, least, most)) @ fitted[:TERMS]
            changed = means * np.exp(np.clip(exponent, -_WIDEST, _WIDEST))
            boxes = [grid.reshape(len(told), -1).sum(axis=1) for grid in (changed, means)]
            constant, *by_condition = _as_many(told, *boxes)
            fitted = np.array([fitted[0] + constant, *fitted[1:TERMS], *by_condition])
        found.append((fitted, least, most))
    coefficients, least, most = (np.stack(parts) for parts in zip(*found[::-1], strict=True))
    of_conditions = None if features is None else coefficients[:, TERMS:]
    return Peaks(coefficients[:, :TERMS], least, most, of_conditions)


def all_halos(expected: NDArray[np.floating]) -> Array:
    """Return the expected halos of all channels together, (x, y, z) of (x, y, z, channels).

    Channel by channel: a sum over an axis rounds as its strides have it, and so by the tiling.
    """
    total = np.zeros(expected.shape[:3])
    for channel in range(expected.shape[-1]):
        total += expected[..., channel]
    return total


def around_boxes(boxes: Array) -> Array:
    """Return the sums over each voxel and the 26 around it of periodic boxes, of their shape."""
    return np.stack([sum_around(box, PERIODIC) for box in boxes])


def without_border(grid: NDArray[Number], bordered: Bordered) -> NDArray[Number]:
    """Return a grid, (x, y, z, ...), without the border that it has along some axes."""
    return grid[tuple(slice(1, -1) if border else slice(None) for border in bordered)]


def sum_around(field: Array, bordered: Bordered) -> Array:
    """Return the sum of a field over each voxel and the 26 around it.

    It is bordered as in `Peaks.corrected`, and the sum has no border.
    """
    total = field
    for axis, border in enumerate(bordered):
        one = np.moveaxis(total, axis, 0)
        three = one.copy(order="K")
        # All below before all above, so that sums round alike wherever the grid is cut.
        three[1:] += one[:-1]
        three[0] += one[-1]
        three[:-1] += one[1:]
        three[-1] += one[0]
        total = np.moveaxis(three[1:-1] if border else three, 0, axis)
    return total


def _terms(seen: Array) -> Array:
    """Return the terms of the logarithm of a factor, (N, `TERMS`), by what it depends on."""
    logarithm, together = seen.T
    return np.stack(
        [np.ones_like(logarithm), logarithm, logarithm**2, logarithm**3, together], axis=1
    )


def _fit_channel(seen: Array, told: Array, means: Array, held: Array) -> tuple[Array, Array, Array]:
    """Return the coefficients of a channel, and the least and the most of what they depend on.

    The coefficients of what is `told` of the conditions, (N, features), are the last.
    """
    # What is left out is some 1e-4 of the expected halos of a channel.
    tells = (means > _LEAST_EXPECTED) | (held > 0)
    seen, told, means, held = seen[tells], told[tells], means[tells], held[tells]
    total = means.sum()
    if not total > _LEAST_EXPECTED:
        return np.zeros(TERMS + told.shape[1]), np.zeros(2), np.zeros(2)
    least, most = (_quantile(seen, means, share) for share in (_BEYOND, 1 - _BEYOND))
    terms = np.concatenate([_terms(np.clip(seen, least, most)), told], axis=1)
    middle = means @ terms / total
    middle[0] = 0.0
    terms -= middle
    spread = np.sqrt(np.einsum("v,vt,vt->t", means, terms, terms) / total)
    spread[spread < _FLAT] = np.inf
    spread[0] = 1.0
    terms /= spread
    coefficients = _likeliest(terms, means, held) / spread
    coefficients[0] -= coefficients @ middle
    return coefficients, least, most


def _as_many(told: Array, found: Array, wanted: Array) -> Array:
    """Return a constant, and what each feature adds to it, by which halos are as many as wanted.

    Parameters
    ----------
    told
        (boxes, features).
    found, wanted
        (boxes,) halos, of which those found are multiplied by the exponential.
    """
    if not found.sum() > _LEAST_EXPECTED:
        return np.zeros(1 + told.shape[1])
    return _likeliest(np.concatenate([np.ones((len(told), 1)), told], axis=1), found, wanted)


def _likeliest(terms: Array, means: Array, held: Array) -> Array:
    """Return the coefficients under which what is held is most likely.

    The first of the terms is 1.
    """
    precision = np.full(terms.shape[1], _PRIOR)
    precision[0] = 0.0  # the constant is free

    def loss(coefficients: Array) -> tuple[float, Array]:
        logarithm = np.clip(terms @ coefficients, -_WIDEST, _WIDEST)
        corrected = means * np.exp(logarithm)
        prior = 0.5 * precision @ coefficients**2
        return float(corrected.sum() - held @ logarithm + prior), corrected

    found = np.zeros(len(precision))
    now, corrected = loss(found)
    for _ in range(_ROUNDS):
        slope = terms.T @ (corrected - held) + precision * found
        curvature = (terms.T * corrected) @ terms + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        if np.abs(step).max() < _CLOSE:
            return np.asarray(found - step)
        # Where factors are at their limits the curvature tells less than there is.
        while (after := loss(found - step))[0] > now + _SLACK and np.abs(step).max() > _CLOSE:
            step /= 2
        found, (now, corrected) = found - step, after
    return found


def _quantile(values: Array, weights: Array, share: float) -> Array:
    """Return what a share of the weights lies below, of each column of `values`."""
    found = []
    for column in values.T:
        order = np.argsort(column)
        below = weights[order].cumsum()
        found.append(column[order[np.searchsorted(below, share * below[-1])]])
    return np.array(found)
