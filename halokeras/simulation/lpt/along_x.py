"""Derivatives along x of rows of planes that are read in order, by the planes on either side.

Particles are denser along x than the lattice of their modes by 3/2, so that waves along x have at
most 2/3 of the Nyquist frequency of the planes. Up to there a Kaiser window on the series of an
exact derivative (Oppenheim & Schafer, Discrete-Time Signal Processing, section 7.6) errs by
1e-7 of the derivative of the highest wave. So of a potential, of which both first and second
derivatives are wanted, nothing else needs to lie on disk.
"""

from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.fields.modes import Modes
from halokeras.simulation.threads import in_parts

REACH = 16
"""Planes on either side that a derivative is made of."""
_BETA = 17.5
"""Of the Kaiser window."""
_ROWS = 64
"""Rows of a plane that a thread takes at a time."""


def _weights() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return those of planes 1 to `REACH` away in the first and the second derivative.

    The first derivative adds them times the plane above less that below, the second times both less
    twice the plane itself.
    """
    away = np.arange(1, REACH + 1)
    window = np.i0(_BETA * np.sqrt(1 - (away / (REACH + 1)) ** 2)) / np.i0(_BETA)
    first = -((-1.0) ** away) / away * window
    second = -2 * (-1.0) ** away / away**2 * window
    return first.astype(np.float32), second.astype(np.float32)


_FIRST, _SECOND = _weights()
_SECOND_HERE = np.float32(-2 * _SECOND.sum())


class RowsAlongX:
    """Rows of planes with those on either side, read in order and kept while they are near.

    Parameters
    ----------
    read
        Returns the rows of some planes, (fields, planes, ...); planes beyond a box wrap.
    shape
        Of the rows of a plane: (fields, columns, modes along z).
    at_a_time
        Planes to read at a time.
    workers
        Threads.
    """

    def __init__(
        self,
        read: Callable[[range], Modes],
        shape: tuple[int, int, int],
        at_a_time: int,
        workers: int,
    ) -> None:
        self._read, self._at_a_time, self._workers = read, at_a_time, workers
        fields, *plane = shape
        self._kept = np.empty((fields, 2 * REACH + at_a_time, *plane), dtype=np.complex64)
        self._there = range(0)

    def go_to(self, x: int) -> None:
        """Have plane x and those on either side in memory."""
        wanted = range(x - REACH, x + REACH + 1)
        if not (self._there.start <= wanted.start <= self._there.stop):
            self._there = range(wanted.start, wanted.start)
        while self._there.stop < wanted.stop:
            more = range(self._there.stop, self._there.stop + self._at_a_time)
            places = np.array(more) % self._kept.shape[1]
            self._kept[:, places] = self._read(more)
            first = max(self._there.start, more.stop - self._kept.shape[1])
            self._there = range(first, more.stop)

    def plane(self, x: int) -> Modes:
        """Return the rows of plane x, a view."""
        rows: Modes = self._kept[:, x % self._kept.shape[1]]
        return rows

    def first(self, x: int, field: int) -> Modes:
        """Return the first derivative of a field in plane x, by planes."""
        return self._sums(x, field, _FIRST, -1)

    def second(self, x: int, field: int) -> Modes:
        """Return the second derivative of a field in plane x, by planes."""
        made = self._sums(x, field, _SECOND, 1)
        made += _SECOND_HERE * self.plane(x)[field]
        return made

    def _sums(self, x: int, field: int, weights: NDArray[np.float32], sign: int) -> Modes:
        """Return weighted sums of the planes above plus or minus those below."""
        away = np.arange(1, REACH + 1)
        above, below = ((x + side * away) % self._kept.shape[1] for side in (1, -1))
        kept = self._kept[field].view(np.float32)
        made = np.empty_like(kept[0])

        def add(rows: slice) -> None:
            _add(kept[:, rows], above, below, weights, np.float32(sign), made[rows])

        in_parts(add, len(made), _ROWS, self._workers)
        modes: Modes = made.view(np.complex64)
        return modes


@numba.njit(cache=True, nogil=True, fastmath={"contract"})
def _add(rows, above, below, weights, sign, made):  # type: ignore[no-untyped-def]
    for j in range(made.shape[0]):
        sums = made[j]
        sums[:] = 0
        for away in range(0, len(weights), 4):  # sums are read and written once for four planes
            a, b, c, d = weights[away : away + 4]
            up, down = rows[above[away], j], rows[below[away], j]
            up1, down1 = rows[above[away + 1], j], rows[below[away + 1], j]
            up2, down2 = rows[above[away + 2], j], rows[below[away + 2], j]
            up3, down3 = rows[above[away + 3], j], rows[below[away + 3], j]
            for k in range(len(sums)):
                sums[k] += (
                    a * (up[k] + sign * down[k])
                    + b * (up1[k] + sign * down1[k])
                    + c * (up2[k] + sign * down2[k])
                    + d * (up3[k] + sign * down3[k])
                )
