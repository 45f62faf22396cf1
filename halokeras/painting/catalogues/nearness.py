"""Which halos of a piece give way to heavier ones that lie too near."""

from math import prod
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.painting.catalogues.piece import Piece
from halokeras.simulation.threads import in_parts

_EXACT = 2.0**24
"""Parts of a voxel's side in which separations are measured, exactly wherever a piece begins."""
_TOGETHER = 2**14
"""Halos that a thread looks around at a time."""

Fractions = NDArray[np.float64]


class Distances(NamedTuple):
    """How far halos keep apart, in sides of a voxel.

    Attributes
    ----------
    exclusion
        Nearer than that the one always gives way.
    reach
        (N,); of two in different voxels that are nearer than the mean r of theirs it gives way with
        the probability 1 - d / r, d being their distance.
    furthest
        From where on they leave each other alone.
    """

    exclusion: float
    reach: Fractions
    furthest: float


def give_way(
    piece: Piece,
    voxel: NDArray[np.int64],
    inside: Fractions,
    order: NDArray[np.int64],
    chance: Fractions,
    distances: Distances,
    workers: int = 1,
) -> NDArray[np.bool_]:
    """Tell which halos give way to one that comes before them in an order.

    Parameters
    ----------
    piece
        Part of the box that holds all of them.
    voxel, inside
        Voxel of each halo in the box, (3, N), and where it lies in that, (3, N) in [0, 1).
    order
        (N,) place of each in the order.
    chance
        (N,) in [0, 1): a halo gives way where its probability to do so is above that.
    distances
        How far they keep apart.
    workers
        Threads.
    """
    local, sides = piece.local(voxel), piece.sides
    x, y, z = local
    at = (x * sides[1] + y) * sides[2] + z
    by_voxel = np.argsort(at, kind="stable")
    before = np.zeros(prod(sides) + 1, dtype=np.int64)
    np.cumsum(np.bincount(at, minlength=prod(sides)), out=before[1:])
    # by voxel, so that halos nearby are nearby in memory
    halos = _Halos(
        at[by_voxel],
        (local + np.floor(inside * _EXACT) / _EXACT).T[by_voxel],
        order[by_voxel],
        chance[by_voxel],
        distances.reach[by_voxel],
    )
    gives = np.empty(len(at), dtype=np.bool_)
    limits = distances.exclusion, distances.furthest

    def look(some: slice) -> None:
        found = np.empty(some.stop - some.start, dtype=np.bool_)
        _give_way(*halos, before, sides, tuple(piece.periods), *limits, some.start, found)
        gives[by_voxel[some]] = found

    in_parts(look, len(at), _TOGETHER, workers)
    return gives


class _Halos(NamedTuple):
    """Halos in the order of their voxels: (N,), and their places (N, 3) in sides of a voxel."""

    voxel: NDArray[np.int64]
    place: Fractions
    order: NDArray[np.int64]
    chance: Fractions
    reach: Fractions


@numba.njit(cache=True, nogil=True)
def _give_way(  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles)
    voxel, place, order, chance, reach, before, sides, periods, exclusion, furthest, first, gives
):
    nx, ny, nz = sides
    start, number = np.empty(3, np.int64), np.empty(3, np.int64)
    for halo in range(first, first + len(gives)):
        for axis in range(3):
            lowest = int(np.floor(place[halo, axis] - furthest))
            highest = int(np.floor(place[halo, axis] + furthest))
            if periods[axis] == 0:
                lowest, highest = max(lowest, 0), min(highest, sides[axis] - 1)
            number[axis] = min(highest - lowest + 1, sides[axis])
            start[axis] = lowest + sides[axis] if lowest < 0 else lowest
        given, x = False, start[0]
        for _ in range(number[0]):
            y = start[1]
            for _ in range(number[1]):
                column = (x * ny + y) * nz
                # voxels along z lie side by side, but where they wrap
                inside = min(number[2], nz - start[2])
                for low, length in ((start[2], inside), (0, number[2] - inside)):
                    for other in range(before[column + low], before[column + low + length]):
                        if order[other] < order[halo] and not given:
                            given = _gives(
                                halo,
                                other,
                                voxel,
                                place,
                                chance,
                                reach,
                                periods,
                                exclusion,
                                furthest,
                            )
                y = y + 1 if y + 1 < ny else 0
            x = x + 1 if x + 1 < nx else 0
        gives[halo - first] = given


@numba.njit(cache=True, nogil=True, inline="always")
def _gives(  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles)
    halo, other, voxel, place, chance, reach, periods, exclusion, furthest
):
    total = 0.0
    for axis in range(3):
        away = abs(place[halo, axis] - place[other, axis])
        if periods[axis] > 0:
            away = min(away, abs(periods[axis] - away))
        total += away * away
    distance = np.sqrt(total)
    if distance > furthest:
        return False
    apart = max((reach[halo] + reach[other]) / 2, 1e-30)
    probability = 0.0 if voxel[other] == voxel[halo] else 1 - distance / apart
    return distance < exclusion or chance[halo] < probability
