"""Masses within spheres of a given density about given points, from all particles of a box."""

from collections.abc import Mapping

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.simulation.halo_finding.rows import Rows, offsets_within
from halokeras.simulation.threads import in_kernel_threads

_PARTS = 256
"""Parts that halos, sorted by size, are dealt to; threads take as many each."""
_HALF = 0.4999
"""Largest radius of a sphere, in sides of the box."""
_WIDER = 1.5
"""Factor by which a sphere grows that was not large enough."""


def particles_within(
    rows: Rows,
    centre: NDArray[np.float64],
    members: NDArray[np.int64],
    start: float,
    overdensity: Mapping[str, float],
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Count the particles in the spheres about `centre` that are `overdensity` times the mean.

    Where the sphere of radius `start` is denser than that, the sphere is the first one further out
    that is not; else it is the largest one within `start` that is as dense.

    Parameters
    ----------
    rows
        All particles, of equal mass.
    centre
        (G, 3) [Mpc/h].
    members
        (G,) roughly how many particles are expected in the spheres.
    start
        Radius [Mpc/h], of a sphere in which density is well measured.
    overdensity
        Densities over the mean, by name.

    Returns
    -------
    dict
        Particles, (G,), and comoving radii [Mpc/h], (G,), by name; both 0 where no sphere below
        half the box is as dense.
    """
    mean = len(rows.position) / rows.box_size**3
    volumetric = 4 / 3 * np.pi * mean * np.array(list(overdensity.values()))
    found = np.zeros((len(centre), len(volumetric)), dtype=np.int64)

    def count(part: int) -> None:
        _count(rows, centre, members, start, volumetric, part, found)

    in_kernel_threads(count, range(_PARTS))
    return {
        name: (found[:, column], np.cbrt(found[:, column] / volumetric[column]))
        for column, name in enumerate(overdensity)
    }


@numba.njit(cache=True, nogil=True)
def _count(rows, centre, members, start, volumetric, part, found):  # type: ignore[no-untyped-def]
    """Count particles; `volumetric` times a radius cubed is how many make a sphere dense enough."""
    for h in range(part, len(centre), _PARTS):
        reach = max(2 * start, (2 * members[h] / volumetric.min()) ** (1 / 3))
        missing = True
        while missing:
            reach = min(reach, _HALF * rows.box_size)
            near = offsets_within(rows, centre[h], reach)
            square = np.sort(near[:, 3])
            missing = False
            for column in range(len(volumetric)):
                number = _number_within(square, start, reach, volumetric[column])
                found[h, column] = max(number, 0)
                missing = missing or (number < 0 and reach < _HALF * rows.box_size)
            reach *= _WIDER


@numba.njit(cache=True, nogil=True)
def _number_within(square, start, reach, volumetric):  # type: ignore[no-untyped-def]
    """Return the particles in the sphere, or -1 if it is wider than `reach`."""
    number = 0
    while number < len(square) and square[number] <= start * start:
        number += 1
    if number < volumetric * start**3:
        while number > 0 and number < volumetric * square[number - 1] ** 1.5:
            number -= 1
        return number
    while number < len(square) and number >= volumetric * square[number] ** 1.5:
        number += 1
    if number == len(square) and number >= volumetric * reach**3:
        return -1
    return number
