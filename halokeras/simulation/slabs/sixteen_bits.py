"""Rows of planes kept as 16-bit numbers where the disk is short, with a scale for each row along x.

Rows of different wavenumbers along y and z differ by orders of magnitude, so that one scale for all
would lose the smallest: by their own, waves along x keep 1e-5 of the largest value of their row.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from halokeras.fields.modes import Modes
from halokeras.simulation.threads import in_threads

SHARE = 0.5
"""Bytes of rows that are kept so, over those of the rows."""

Kept = NDArray[np.uint32]
"""(..., planes + 1, columns, modes along z): real and imaginary parts; last the scales, float32."""


def in_sixteen_bits(rows: Modes, workers: int) -> Kept:
    """Round rows, (fields, planes, columns, modes along z), to 16-bit numbers."""
    fields, planes, *across = rows.shape
    kept = np.empty((fields, planes + 1, *across), dtype=np.uint32)
    scales, numbers, parts = (
        kept[:, -1].view(np.float32),
        kept.view(np.int16),
        rows.view(np.float32),
    )

    def round_column(which: tuple[int, int]) -> None:
        field, column = which
        _round(parts[field], column, scales[field], numbers[field])

    columns = [(field, column) for field in range(fields) for column in range(across[0])]
    in_threads(round_column, columns, workers)
    return kept


def read_planes(kept: NDArray[Any], planes: range | slice | NDArray[np.int64], rows: Modes) -> None:
    """Write rows of some planes, (planes, columns, modes along z), of what is kept of a field.

    That is rows themselves, or what `in_sixteen_bits` makes of them.
    """
    if kept.dtype == rows.dtype:
        rows[:] = kept[planes]
    else:
        numbers = np.ascontiguousarray(kept[planes]).view(np.int16)
        _restore(numbers, np.ascontiguousarray(kept[-1]).view(np.float32), rows)


@numba.njit(cache=True, nogil=True)
def _round(rows, column, scales, numbers):  # type: ignore[no-untyped-def]
    planes, _, width = rows.shape
    largest, most = np.zeros(width, dtype=np.float32), np.float32(32767)
    for plane in range(planes):
        for at in range(width):
            largest[at] = max(largest[at], abs(rows[plane, column, at]))
    for at in range(0, width, 2):  # real and imaginary parts in turn
        both = max(largest[at], largest[at + 1])
        scales[column, at // 2] = both / most
        largest[at : at + 2] = most / both if both > 0 else np.float32(0)
    for plane in range(planes):
        for at in range(width):
            numbers[plane, column, at] = np.int16(np.rint(rows[plane, column, at] * largest[at]))


@numba.njit(cache=True, nogil=True)
def _restore(numbers, scales, rows):  # type: ignore[no-untyped-def]
    for plane in range(rows.shape[0]):
        for column in range(rows.shape[1]):
            for k in range(rows.shape[2]):
                scale = scales[column, k]
                real, imaginary = numbers[plane, column, 2 * k], numbers[plane, column, 2 * k + 1]
                rows[plane, column, k] = complex(real * scale, imaginary * scale)
