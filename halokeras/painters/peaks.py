"""Expected halos of each mass, corrected by what is expected around them.

Where a peak of the density covers some voxels a network expects a share of its heavy halo in each.
Measured on boxes that it was trained on, and on others alike, these shares add up to too many
halos at the highest peaks (2.3 above 1e14 Msun/h where 1.6 are) and to too few at those that
hold one or none (0.25 where 0.33 are). The expected halos of a channel are therefore multiplied by
a factor that depends on the halos as heavy or heavier that are expected in a voxel and the 26
around it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_KNOTS = 12
_LEAST_HALOS = 200
"""Expected between two knots, of a channel that has as many; of fewer a factor would be noise."""
_LEAST_KNOTS = 3
_LEAST_LEFT = 0.05
"""Share of the lightest halos that is left, at least, where heavier ones are more than thought."""

_LARGEST_FACTOR = 4.0
_RAREST = 1e-9
"""Halos that are expected between two knots, at least."""

Array = NDArray[np.float64]
Bordered = tuple[bool, bool, bool]
PERIODIC: Bordered = (False, False, False)


@dataclass(frozen=True)
class Peaks:
    """Factors of the expected halos of all channels but the first, which takes what is left.

    Attributes
    ----------
    around
        Of each of these channels the knots, ascending: halos of the channel and of the heavier
        ones that are expected in 27 voxels.
    factors
        Factors at the knots, linear between them and constant beyond.
    """

    around: tuple[Array, ...]
    factors: tuple[Array, ...]

    def corrected(
        self, expected: NDArray[np.floating], bordered: Bordered, voxels: NDArray[np.int64]
    ) -> Array:
        """Return the expected halos of some voxels, corrected; all channels together are as before.

        Parameters
        ----------
        expected
            (x, y, z, channels), along axes that are bordered with one voxel more on both sides.
        bordered
            Whether it is along x, y, z; along other axes the grid is periodic.
        voxels
            (N,) flat indices of the voxels wanted, in the grid without its border.

        Returns
        -------
        ndarray
            (N, channels).
        """
        inner = tuple(slice(1, -1) if border else slice(None) for border in bordered)
        before = expected[inner].reshape(-1, expected.shape[-1])[voxels].astype(np.float64)
        found = before.copy()
        heavier = np.zeros(expected.shape[:3])
        laws = list(zip(self.around, self.factors, strict=True))
        for channel, (knots, factors) in reversed(list(enumerate(laws, start=1))):
            heavier += expected[..., channel]
            around = sum_around(heavier, bordered).ravel()[voxels]
            found[:, channel] *= np.interp(around, knots, factors)
        left = before.sum(axis=1) - found[:, 1:].sum(axis=1)
        found[:, 0] = np.maximum(left, _LEAST_LEFT * before[:, 0])
        return found

    def corrected_box(self, expected: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the expected halos of all voxels of a periodic box, (x, y, z, channels)."""
        voxels = np.arange(expected[..., 0].size)
        corrected = self.corrected(expected, PERIODIC, voxels).astype(np.float32)
        return corrected.reshape(expected.shape)


def fit_peaks(expected: NDArray[np.floating], counts: NDArray[np.floating]) -> Peaks:
    """Measure by which factors more or fewer halos are there than is expected.

    Parameters
    ----------
    expected, counts
        (boxes, nx, ny, nz, channels) of periodic boxes: what a painter expects, and the halos that
        are there.
    """
    found = [_fit_channel(expected, counts, channel) for channel in range(1, expected.shape[-1])]
    return Peaks(tuple(around for around, _ in found), tuple(factors for _, factors in found))


def sum_around(field: Array, bordered: Bordered) -> Array:
    """Return the sum over each voxel and the 26 around it, of a grid as in `Peaks.corrected`."""
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


def _fit_channel(
    expected: NDArray[np.floating], counts: NDArray[np.floating], channel: int
) -> tuple[Array, Array]:
    """Return knots between which equally many halos are expected, and the factors there."""
    heavier = expected[..., channel:].sum(axis=-1, dtype=np.float64)
    around = np.stack([sum_around(box, PERIODIC) for box in heavier]).ravel()
    order = np.argsort(around, kind="stable")
    means = expected[..., channel].ravel()[order].astype(np.float64)
    held = counts[..., channel].ravel()[order].astype(np.float64)
    below = means.cumsum()
    bins = int(np.clip(below[-1] / _LEAST_HALOS, _LEAST_KNOTS, _MOST_KNOTS))
    inner = np.searchsorted(below, np.linspace(0, below[-1], bins + 1)[1:-1])
    starts = np.unique([0, *inner])
    wanted = np.maximum(np.add.reduceat(means, starts), _RAREST)
    knots = np.add.reduceat(around[order] * means, starts) / wanted
    factors = np.minimum(np.add.reduceat(held, starts) / wanted, _LARGEST_FACTOR)
    rising = np.diff(knots, prepend=-1.0) > 0
    return knots[rising], factors[rising]
