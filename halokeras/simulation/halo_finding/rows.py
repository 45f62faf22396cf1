"""Particles sorted into rows along z, in which those near any place are quickly found."""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

_STRIDES = (301, 132, 57, 23, 10, 4, 1)
"""Strides of Shell's sort, which takes rows that are nearly sorted already and compiles soon."""


class Rows(NamedTuple):
    """Particles of a periodic box, row by row and along z within each.

    Attributes
    ----------
    position
        (N, 3) float32 [Mpc/h].
    order
        (N,) which of the particles that were given each is.
    first
        Index of the first particle of row i * side + j, i along x and j along y, and N.
    side
        Rows along x and along y.
    box_size
        Side of the box [Mpc/h].
    """

    position: NDArray[np.float32]
    order: NDArray[np.int32]
    first: NDArray[np.int64]
    side: int
    box_size: float


def sort_into_rows(position: NDArray[np.float32], box_size: float, width: float) -> Rows:
    """Sort particles at `position` (N, 3) [Mpc/h] into rows at least `width` wide in x and y."""
    side = int(box_size // width)
    # Two rows would be each other's neighbours on both sides; one row is compared with itself.
    side = side if side >= 3 else 1
    row, first = _row_of(position, side, float(box_size))
    placed, order = _gather(position, row, first)
    _sort_each(placed, order, first)
    return Rows(placed, order, first, side, float(box_size))


@numba.njit(cache=True, nogil=True)
def _row_of(position, side, box_size):  # type: ignore[no-untyped-def]
    first = np.zeros(side * side + 1, dtype=np.int64)
    row = np.empty(position.shape[0], dtype=np.int32)
    per_row = side / box_size
    for p in range(position.shape[0]):
        i = min(int(position[p, 0] * per_row), side - 1)
        j = min(int(position[p, 1] * per_row), side - 1)
        row[p] = i * side + j
        first[row[p] + 1] += 1
    return row, np.cumsum(first)


@numba.njit(cache=True, nogil=True)
def _gather(position, row, first):  # type: ignore[no-untyped-def]
    following = first[:-1].copy()
    placed = np.empty_like(position)
    order = np.empty(position.shape[0], dtype=np.int32)
    for p in range(position.shape[0]):
        slot = following[row[p]]
        following[row[p]] += 1
        order[slot] = p
        for axis in range(3):
            placed[slot, axis] = position[p, axis]
    return placed, order


@numba.njit(cache=True, nogil=True)
def _sort_each(placed, order, first):  # type: ignore[no-untyped-def]
    for row in range(len(first) - 1):
        begin, end = first[row], first[row + 1]
        for stride in _STRIDES:
            for p in range(begin + stride, end):
                x, y, z, index = placed[p, 0], placed[p, 1], placed[p, 2], order[p]
                q = p
                while q - stride >= begin and placed[q - stride, 2] > z:
                    for axis in range(3):
                        placed[q, axis] = placed[q - stride, axis]
                    order[q] = order[q - stride]
                    q -= stride
                placed[q, 0], placed[q, 1], placed[q, 2], order[q] = x, y, z, index


@numba.njit(cache=True, nogil=True)
def offsets_within(rows, centre, radius):  # type: ignore[no-untyped-def]
    """Return the particles within `radius` of `centre`: offsets, their square, and which they are.

    They are (n, 5): offsets along each axis [Mpc/h], the sum of their squares, and the number of
    the particle in `rows`. `radius` is below half the box.
    """
    position, first, side, box_size = rows.position, rows.first, rows.side, rows.box_size
    per_row = side / box_size
    low_x = int(np.floor((centre[0] - radius) * per_row))
    low_y = int(np.floor((centre[1] - radius) * per_row))
    span_x = min(int(np.floor((centre[0] + radius) * per_row)) - low_x + 1, side)
    span_y = min(int(np.floor((centre[1] + radius) * per_row)) - low_y + 1, side)
    found = np.empty((64, 5))
    number = 0
    for a in range(span_x):
        for b in range(span_y):
            row = (low_x + a) % side * side + (low_y + b) % side
            for image in range(-1, 2):
                z = centre[2] + image * box_size
                if z + radius < 0 or z - radius > box_size:
                    continue
                p = _first_above(position, first[row], first[row + 1], z - radius)
                while p < first[row + 1] and position[p, 2] <= z + radius:
                    dx = position[p, 0] - centre[0]
                    dy = position[p, 1] - centre[1]
                    dx -= box_size * np.rint(dx / box_size)
                    dy -= box_size * np.rint(dy / box_size)
                    dz = position[p, 2] - z
                    square = dx * dx + dy * dy + dz * dz
                    if square <= radius * radius:
                        if number == len(found):
                            found = _larger(found)
                        found[number, 0] = dx
                        found[number, 1] = dy
                        found[number, 2] = dz
                        found[number, 3] = square
                        found[number, 4] = p
                        number += 1
                    p += 1
    return found[:number]


@numba.njit(cache=True, nogil=True)
def _larger(table):  # type: ignore[no-untyped-def]
    grown = np.empty((4 * len(table), table.shape[1]))
    for row in range(len(table)):
        for column in range(table.shape[1]):
            grown[row, column] = table[row, column]
    return grown


@numba.njit(cache=True, nogil=True)
def _first_above(position, begin, end, z):  # type: ignore[no-untyped-def]
    while begin < end:
        middle = (begin + end) // 2
        if position[middle, 2] < z:
            begin = middle + 1
        else:
            end = middle
    return begin
