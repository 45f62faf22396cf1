"""Friends-of-friends groups of particles in a periodic box, and the densest point of each."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.simulation.halo_finding.rows import Rows, offsets_within, sort_into_rows
from halokeras.simulation.threads import in_kernel_threads

_SLABS = 64
"""Slabs of rows that are linked at the same time, however many threads there are."""
_FULL_WEIGHT = 1000
"""Weight of a friend at no distance: sums of whole numbers are the same in every order."""
_SCALE = 2.0
"""Radius of the densest point, over the linking length: near what the force mesh resolves.

Half of it finds chance clumps of few particles: spheres about them hold 9 % fewer particles.
"""
_STEPS = 50
"""Steps to the densest point at most; it is reached when the same particles lie around it."""


@dataclass(frozen=True)
class Groups:
    """Groups of particles, the largest first.

    Attributes
    ----------
    rows
        All particles.
    group
        (N,) the group of each of them, or -1.
    members
        (G,) numbers of particles.
    centre
        (G, 3) [Mpc/h], the densest point, see `find_groups`; may lie a little outside the box.
    """

    rows: Rows
    group: NDArray[np.int32]
    members: NDArray[np.int64]
    centre: NDArray[np.float64]


def find_groups(
    position: NDArray[np.float32], box_size: float, linking_length: float, least: int = 20
) -> Groups:
    """Find the groups whose members are within `linking_length` of another, directly or in a chain.

    Particles are sorted into rows along z, as wide as the linking length in x and y; only
    neighbouring rows are compared, each with a window that slides along z. Of each group the
    densest point is found: from the member with the largest sum of 1 - (distance / linking
    length)^2 over its friends, by steps to the mean of the members within two linking lengths.
    Each step raises that sum over those two lengths; it ends where the sum is largest. Particles
    of other groups have no part in it: beside a larger group they would lead into its peak.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h] in [0, box_size].
    box_size
        Side of the periodic box [Mpc/h].
    linking_length
        Largest distance between friends [Mpc/h].
    least
        Members a group needs to be kept.

    Raises
    ------
    BoxError
        If the linking length is not below half the box.
    """
    if not 0 < linking_length < box_size / 2:
        raise BoxError(
            f"linking length {linking_length} Mpc/h must be positive and below half the box, "
            f"{box_size / 2} Mpc/h"
        )
    length = float(linking_length)
    rows = sort_into_rows(position, box_size, length)
    root, crowd = _link(rows, np.float32(length))
    group, members, densest = _number(root, crowd, least)
    order = np.argsort(-members, kind="stable")
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    ranked = rank[group]
    centre = _climb(rows, ranked, densest[order], min(_SCALE * length, box_size / 3))
    return Groups(rows, ranked, members[order], centre)


@numba.njit(cache=True, nogil=True)
def _root_of(parent, p):  # type: ignore[no-untyped-def]
    while parent[p] != p:
        parent[p] = parent[parent[p]]
        p = parent[p]
    return p


def _link(rows: Rows, length: np.float32) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the first particle of the group of each, and its sum of weights over friends."""
    total = len(rows.position)
    parent, crowd = np.arange(total, dtype=np.int32), np.zeros(total, dtype=np.int32)
    slabs = min(_SLABS, rows.side)

    def link(slab: int) -> None:
        _link_slab(rows, parent, crowd, slab, slabs, length)

    in_kernel_threads(link, range(slabs))
    _link_slabs(rows, parent, crowd, slabs, length)
    return parent, crowd


@numba.njit(cache=True, nogil=True)
def _link_slab(rows, parent, crowd, slab, slabs, length):  # type: ignore[no-untyped-def]
    side = rows.side
    last = (slab + 1) * side // slabs - 1
    for i in range(slab * side // slabs, last + 1):
        for j in range(side):
            here = i * side + j
            _link_rows(rows, parent, crowd, here, here, length)
            if side > 1:
                _link_rows(rows, parent, crowd, here, i * side + (j + 1) % side, length)
        if i < last:
            _link_below(rows, parent, crowd, i, length)


@numba.njit(cache=True, nogil=True)
def _link_slabs(rows, parent, crowd, slabs, length):  # type: ignore[no-untyped-def]
    """Link particles across the faces of slabs, and let each point to the first of its group."""
    if rows.side > 1:
        for slab in range(slabs):
            _link_below(rows, parent, crowd, (slab + 1) * rows.side // slabs - 1, length)
    for p in range(len(parent)):
        parent[p] = parent[parent[p]]  # which is before it and points to its root already


@numba.njit(cache=True, nogil=True)
def _link_below(rows, parent, crowd, i, length):  # type: ignore[no-untyped-def]
    below = (i + 1) % rows.side * rows.side
    for j in range(rows.side):
        for across in range(-1, 2):
            other = below + (j + across) % rows.side
            _link_rows(rows, parent, crowd, i * rows.side + j, other, length)


@numba.njit(cache=True, nogil=True)
def _link_rows(rows, parent, crowd, one, other, length):  # type: ignore[no-untyped-def]
    position, first, scale = rows.position, rows.first, (np.float32(rows.box_size), length)
    box_size = scale[0]
    links = position, parent, crowd
    low, end = first[other], first[other + 1]
    if low == end:
        return
    for p in range(first[one], first[one + 1]):
        z = position[p, 2]
        if one == other:
            low = p + 1
        while low < end and position[low, 2] < z - length:
            low += 1
        q = low
        while q < end and position[q, 2] - z <= length:
            _befriend(links, p, q, position[q, 2] - z, scale)
            q += 1
        if z <= length:  # friends across the lower face
            q = end - 1
            while q >= first[other] and z + box_size - position[q, 2] <= length:
                _befriend(links, p, q, z + box_size - position[q, 2], scale)
                q -= 1
        if z >= box_size - length and one != other:
            q = first[other]
            while q < end and position[q, 2] + box_size - z <= length:
                _befriend(links, p, q, position[q, 2] + box_size - z, scale)
                q += 1


@numba.njit(cache=True, nogil=True)
def _befriend(links, p, q, dz, scale):  # type: ignore[no-untyped-def]
    """Link two particles, `dz` apart along z, and add to both sums, if they are friends."""
    position, parent, crowd = links
    box_size, length = scale
    dx = abs(position[p, 0] - position[q, 0])
    dy = abs(position[p, 1] - position[q, 1])
    dx = min(dx, box_size - dx)
    dy = min(dy, box_size - dy)
    share = (dx * dx + dy * dy + dz * dz) / (length * length)
    if share <= np.float32(1):
        weight = np.int32(np.float32(_FULL_WEIGHT) * (np.float32(1) - share))
        crowd[p] += weight
        crowd[q] += weight
        if parent[p] != parent[q]:
            a = _root_of(parent, p)
            b = _root_of(parent, q)
            parent[max(a, b)] = min(a, b)


@numba.njit(cache=True, nogil=True)
def _number(root, crowd, least):  # type: ignore[no-untyped-def]
    """Number the groups of at least so many members; give members and the most crowded of each."""
    total = root.shape[0]
    size = np.zeros(total, dtype=np.int32)
    for p in range(total):
        size[root[p]] += 1
    groups = 0
    for p in range(total):
        groups += size[p] >= least
    members = np.empty(groups, dtype=np.int64)
    densest = np.empty(groups, dtype=np.int64)
    group = np.full(total, -1, dtype=np.int32)
    known = 0
    for p in range(total):
        first = root[p]
        if size[first] < least:
            continue
        if p == first:
            members[known] = size[p]
            densest[known] = p
            group[p] = known
            known += 1
            continue
        g = group[first]
        group[p] = g
        if crowd[p] > crowd[densest[g]]:
            densest[g] = p
    return group, members, densest


@numba.njit(cache=True, nogil=True)
def _climb(rows, group, densest, radius):  # type: ignore[no-untyped-def]
    centres = np.empty((len(densest), 3))
    for g in range(len(densest)):
        centre = centres[g]
        for axis in range(3):
            centre[axis] = rows.position[densest[g], axis]
        for _ in range(_STEPS):
            near = offsets_within(rows, centre, radius)
            step = np.zeros(3)
            members = 0
            for p in range(len(near)):
                if group[int(near[p, 4])] == g:
                    members += 1
                    for axis in range(3):
                        step[axis] += near[p, axis]
            moved = 0.0
            for axis in range(3):
                step[axis] /= members
                centre[axis] += step[axis]
                moved += step[axis] ** 2
            if moved <= 1e-12 * radius * radius:
                break
    return centres
