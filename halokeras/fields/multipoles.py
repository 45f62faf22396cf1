"""Power of points, in real and in redshift space, free of the window and its images.

Points are deposited cloud-in-cell on two meshes half a cell apart, whose modes are averaged
(interlacing: Sefusatti et al. 2016), which removes the nearest images, and the window is divided
out. Wavenumbers, bins and normalisation are those of `halokeras.fields.spectra`; the shot noise
V sum w^2 / (sum w)^2 of the weights w is subtracted.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from halokeras.fields.gridding import Shape, deposit
from halokeras.fields.spectra import Array, wavenumbers

ORDERS = (0, 2, 4)
"""Multipoles that are measured."""


@dataclass(frozen=True)
class Multipoles:
    """Power of points in bins of k; bins without modes are left out.

    Attributes
    ----------
    k, upper, modes
        Mean wavenumber and upper edge of each bin [h/Mpc], and its modes.
    power
        By order of `ORDERS`, the power less shot noise [(Mpc/h)^3].
    """

    k: Array
    upper: Array
    modes: Array
    power: dict[int, Array]


def multipoles(
    position: NDArray[np.floating],
    shape: Shape,
    cell: float,
    edges: Array,
    along: tuple[int, ...] = (0, 1, 2),
    displacement: NDArray[np.floating] | None = None,
    weight: Array | None = None,
) -> Multipoles:
    """Measure multipoles of the power of points in a periodic box, seen from afar.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h].
    shape, cell
        Cells of the mesh along x, y, z, and the side of one [Mpc/h]; images are below 0.3 % of
        the power up to half its Nyquist frequency pi / cell.
    edges
        Of the bins in k [h/Mpc], upper edge inclusive.
    along
        Axes that the box is seen along, over which multipoles are averaged: over all three, the
        even orders of an isotropic power vanish exactly but for the first.
    displacement
        (N, 3) [Mpc/h], v / (a H): along the line of sight it is added to the position. None
        measures in real space.
    weight
        (N,), by default 1 each.
    """
    weights = np.ones(len(position)) if weight is None else np.asarray(weight, dtype=np.float64)
    volume = prod(shape) * cell**3
    noise = volume * (weights**2).sum() / weights.sum() ** 2
    axes = [2 * np.pi * scipy.fft.fftfreq(n, cell) for n in shape]
    wavenumber, counted = wavenumbers(shape, cell)
    bins = np.searchsorted(edges * (1 + 1e-9), wavenumber.ravel(), side="left") - 1
    use = np.flatnonzero((bins >= 0) & (bins < len(edges) - 1) & (wavenumber.ravel() > 0))
    k, bins, share = wavenumber.ravel()[use], bins[use], counted.ravel()[use]
    modes: Array = np.bincount(bins, share, minlength=len(edges) - 1).astype(np.float64)
    filled = modes > 0

    def average(values: Array) -> Array:
        total = np.bincount(bins, share * values, minlength=len(edges) - 1)
        mean: Array = total[filled] / modes[filled]
        return mean

    found = {order: np.zeros(int(filled.sum())) for order in ORDERS}
    power = None
    for axis in along:
        if power is None or displacement is not None:
            seen = np.array(position, dtype=np.float64)
            if displacement is not None:
                seen[:, axis] += displacement[:, axis]
            field = point_modes(seen, shape, cell, weights)
            power = volume * np.abs(field.ravel()[use]) ** 2 - noise
        cosine = np.broadcast_to(_along(axes[axis], axis, shape), wavenumber.shape).ravel()[use] / k
        for order, total in found.items():
            total += average((2 * order + 1) * _LEGENDRE[order](cosine) * power) / len(along)
    return Multipoles(average(k), edges[1:][filled], modes[filled], found)


def point_modes(
    position: NDArray[np.floating], shape: Shape, cell: float, weight: Array
) -> NDArray[np.complex128]:
    """Return the modes of the overdensity of weighted points, over the number of cells.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h], any real values, wrapped into the box.
    shape, cell, weight
        As in `multipoles`.
    """
    phase = np.zeros((), dtype=np.complex128)
    window = np.ones(())
    for axis, points in enumerate(shape):
        kept = points // 2 + 1 if axis == 2 else points
        turns = scipy.fft.fftfreq(points)[:kept]
        phase = phase + 1j * np.pi * _along(turns, axis, shape)
        window = window * _along(np.sinc(turns) ** 2, axis, shape)
    modes = None
    for shift in (0.0, 0.5):
        grid = np.zeros(shape)
        deposit(np.ascontiguousarray(position, dtype=np.float64), grid, 1 / cell, shift, weight)
        turned = scipy.fft.rfftn(grid, overwrite_x=True)
        if shift:
            turned *= np.exp(-phase)
        modes = turned if modes is None else modes + turned
    assert modes is not None
    found: NDArray[np.complex128] = modes / (2 * weight.sum() * window)
    return found


def _along(values: NDArray[np.floating], axis: int, shape: Shape) -> NDArray[np.floating]:
    """Return the values of one axis so that they broadcast over the modes of a real transform."""
    kept = shape[2] // 2 + 1 if axis == 2 else shape[axis]
    return values[:kept].reshape([-1 if other == axis else 1 for other in range(3)])


_LEGENDRE = {
    0: lambda mu: np.ones_like(mu),
    2: lambda mu: (3 * mu**2 - 1) / 2,
    4: lambda mu: (35 * mu**4 - 30 * mu**2 + 3) / 8,
}
