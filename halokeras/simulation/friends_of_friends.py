"""Friends-of-friends groups of particles in a periodic box."""

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError
from halokeras.fields.gridding import wrap


def find_groups(
    position: NDArray[np.float32], box_size: float, linking_length: float, least: int = 20
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find the groups whose members are within `linking_length` of another, directly or in a chain.

    Particles are sorted into rows along z, as wide as the linking length in x and y; only
    neighbouring rows are compared, each with a window that slides along z.

    Parameters
    ----------
    position
        (N, 3) [Mpc/h] in [0, box_size).
    box_size
        Side of the periodic box [Mpc/h].
    linking_length
        Largest distance between friends [Mpc/h].
    least
        Members a group needs to be kept.

    Returns
    -------
    centre, members
        Periodic centres of mass [Mpc/h], (G, 3) float32 in [0, box_size), and numbers of members,
        (G,), the largest group first.

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
    rows = int(box_size // linking_length)
    # Two rows would be each other's neighbours on both sides; one row compares everything.
    rows = rows if rows >= 3 else 1
    placed, first = _into_rows(position, rows, float(box_size))
    root = _link(placed, first, rows, float(box_size), float(linking_length))
    centre, members = _centres(placed, root, float(box_size), least)
    order = np.argsort(-members, kind="stable")
    return wrap(centre[order], box_size), members[order]


@numba.njit(cache=True, nogil=True)
def _into_rows(position, rows, box_size):  # type: ignore[no-untyped-def]
    """Sort positions by row and, within a row, by z; give each row's first index."""
    total = position.shape[0]
    first = np.zeros(rows * rows + 1, dtype=np.int64)
    row = np.empty(total, dtype=np.int32)
    per_row = rows / box_size
    for p in range(total):
        i = min(int(position[p, 0] * per_row), rows - 1)
        j = min(int(position[p, 1] * per_row), rows - 1)
        row[p] = i * rows + j
        first[row[p] + 1] += 1
    first = np.cumsum(first)
    following = first[:-1].copy()
    placed = np.empty_like(position)
    for p in range(total):
        slot = following[row[p]]
        following[row[p]] += 1
        placed[slot] = position[p]
    for r in range(rows * rows):
        begin, end = first[r], first[r + 1]
        if end - begin > 1:
            order = np.argsort(placed[begin:end, 2])
            placed[begin:end] = placed[begin:end][order]
    return placed, first


@numba.njit(cache=True, nogil=True)
def _root_of(parent, p):  # type: ignore[no-untyped-def]
    while parent[p] != p:
        parent[p] = parent[parent[p]]
        p = parent[p]
    return p


@numba.njit(cache=True, nogil=True)
def _link(placed, first, rows, box_size, length):  # type: ignore[no-untyped-def]
    parent = np.arange(placed.shape[0]).astype(np.int32)
    for i in range(rows):
        for j in range(rows):
            here = i * rows + j
            _link_rows(placed, parent, first, here, here, box_size, length)
            if rows > 1:
                right = (j + 1) % rows
                below = (i + 1) % rows * rows
                _link_rows(placed, parent, first, here, i * rows + right, box_size, length)
                _link_rows(placed, parent, first, here, below + (j - 1) % rows, box_size, length)
                _link_rows(placed, parent, first, here, below + j, box_size, length)
                _link_rows(placed, parent, first, here, below + right, box_size, length)
    for p in range(placed.shape[0]):
        parent[p] = _root_of(parent, p)
    return parent


@numba.njit(cache=True, nogil=True)
def _link_rows(placed, parent, first, one, other, box_size, length):  # type: ignore[no-untyped-def]
    for image in range(-1, 2):
        low = first[other]
        for p in range(first[one], first[one + 1]):
            z = placed[p, 2] + image * box_size
            if z < -length or z > box_size + length:
                continue
            while low < first[other + 1] and placed[low, 2] < z - length:
                low += 1
            q = low
            if one == other and image == 0:
                q = max(low, p + 1)
            while q < first[other + 1] and placed[q, 2] <= z + length:
                dx = abs(float(placed[p, 0]) - placed[q, 0])
                dy = abs(float(placed[p, 1]) - placed[q, 1])
                dx = min(dx, box_size - dx)
                dy = min(dy, box_size - dy)
                dz = z - placed[q, 2]
                if dx * dx + dy * dy + dz * dz <= length * length:
                    a = _root_of(parent, p)
                    b = _root_of(parent, q)
                    parent[max(a, b)] = min(a, b)
                q += 1


@numba.njit(cache=True, nogil=True)
def _centres(placed, root, box_size, least):  # type: ignore[no-untyped-def]
    total = placed.shape[0]
    size = np.zeros(total, dtype=np.int32)
    for p in range(total):
        size[root[p]] += 1
    group = np.full(total, -1, dtype=np.int32)
    groups = 0
    for p in range(total):
        if size[p] >= least:
            group[p] = groups
            groups += 1
    offset = np.zeros((groups, 3))
    centre = np.empty((groups, 3))
    members = np.empty(groups, dtype=np.int64)
    for p in range(total):
        g = group[root[p]]
        if g >= 0:
            for axis in range(3):
                apart = float(placed[p, axis]) - placed[root[p], axis]
                offset[g, axis] += apart - box_size * np.round(apart / box_size)
    for p in range(total):
        if size[p] >= least:
            g = group[p]
            members[g] = size[p]
            for axis in range(3):
                centre[g, axis] = placed[p, axis] + offset[g, axis] / size[p]
    return centre, members
