"""Fields of modes, a few planes of constant x at a time.

The planes r, r + R, r + 2 R, ... of a lattice of N come out of a transform of length N / R along
x, in which each mode is turned by exp(2 pi i n_x r / N) and added at n_x modulo N / R. That is
done for any columns of modes, which have all wavenumbers along x and z and some along y; then
planes are made, one by one, of all columns. So neither needs the whole box in memory.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, both_signs, integers
from halokeras.simulation.threads import in_threads

_WORK = 2**30
"""Bytes that the planes under work may take."""

Waves = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class Columns(NamedTuple):
    """Some columns of the modes of a lattice: all along x and z, and `along_y` those along y."""

    lattice: Shape
    along_y: slice = slice(None)

    def wavenumbers(self, side: Shape) -> Waves:
        """Return wavenumbers along x, y, z of the modes of a box with sides of any unit."""
        x, y, z = (
            (2 * np.pi / length * integers(points)).astype(np.float32)
            for points, length in zip(self.lattice, side, strict=True)
        )
        return x, y[self.along_y], np.abs(z[: self.lattice[2] // 2 + 1])


class PlaneSet(NamedTuple):
    """Every `passes`-th plane of a lattice, from plane `residue` on: those transformed together."""

    planes: int
    passes: int = 1
    residue: int = 0

    @property
    def number(self) -> int:
        """How many they are."""
        return self.planes // self.passes

    def phases(self, points: int) -> NDArray[np.complex64]:
        """Phase of plane `residue` in each of `points` modes along x."""
        turned: NDArray[np.complex64] = np.exp(
            2j * np.pi * integers(points) * self.residue / self.planes
        ).astype(np.complex64)
        return turned


def fewest_passes(planes: int, bytes_per_plane: int) -> int:
    """Return the passes that the memory for them asks for, if they may differ in their planes."""
    return -(-planes // max(1, _WORK // bytes_per_plane))


def pass_count(planes: int, bytes_per_plane: int) -> int:
    """Return the least number of passes that divides `planes` and keeps to the memory for them."""
    return next(
        passes
        for passes in range(1, planes + 1)
        if planes % passes == 0
        and (planes // passes) * bytes_per_plane <= max(_WORK, bytes_per_plane)
    )


def work(planes: int, bytes_per_plane: int) -> int:
    """Return the bytes that the planes of one pass take."""
    return planes // pass_count(planes, bytes_per_plane) * bytes_per_plane


def rows_in_passes(
    planes: int, fields: int, modes: Modes, write: Callable[[PlaneSet, Modes], None]
) -> Iterator[tuple[PlaneSet, Modes]]:
    """Write fields of rows of all planes in a few passes, each in the place of the last.

    Parameters
    ----------
    planes
        How many planes there are.
    fields
        Fields of rows of each.
    modes
        Modes that they are of.
    write
        Writes rows of the planes of a pass, (fields, planes, columns, modes along z).
    """
    passes = pass_count(planes, fields * modes[0].nbytes)
    rows = np.empty((fields, planes // passes, *modes.shape[1:]), dtype=np.complex64)
    for residue in range(passes):
        plane_set = PlaneSet(planes, passes, residue)
        write(plane_set, rows)
        yield plane_set, rows


def to_rows(
    modes: Modes,
    other: Modes,
    share: float,
    plane_set: PlaneSet,
    waves: Waves,
    rows: Modes,
    workers: int,
) -> None:
    """Transform modes along x, or those of minus their inverse Laplacian with derivatives.

    Parameters
    ----------
    modes, other, share
        Columns of modes, to which a share of other ones is added.
    plane_set
        The planes wanted.
    waves
        Wavenumbers of the columns.
    rows
        (fields, planes, columns, modes along z), which are written. One is the field itself; two
        are i times minus its inverse Laplacian, and times the wavenumber along x; three are minus
        its inverse Laplacian, and times the first and second power of that wavenumber.
    workers
        Threads.
    """
    turned = plane_set.phases(len(modes))
    if len(rows) == 2:
        turned *= np.complex64(1j)
    wave, of_other = integers(len(modes)), np.float32(share)

    def fold(column: int) -> None:
        _fold(modes, other, of_other, wave, waves, turned, rows, column)

    in_threads(fold, range(modes.shape[1]), workers)
    fft.ifft(rows, axis=1, norm="forward", overwrite_x=True, workers=workers)


def add_rows(rows: Modes, plane_set: PlaneSet, modes: Modes, workers: int) -> None:
    """Add to columns of modes what their planes contribute; `rows` are changed.

    Nothing is added at the Nyquist frequency.
    """
    fft.fft(rows, axis=0, overwrite_x=True, workers=workers)
    turned = plane_set.phases(len(modes)).conj() / np.float32(plane_set.planes)
    wave = integers(len(modes))

    def unfold(x: int) -> None:
        if 2 * x != len(modes):
            _add_fields(rows[wave[x] % len(rows)], turned[x], modes[x])

    in_threads(unfold, range(len(modes)), workers)


class Planes:
    """Real fields (ny, nz) of modes along y and z, those that they lack being zero.

    Parameters
    ----------
    points
        Points of the lattice that the planes are of; even, and no coarser than that of the modes.
    lattice
        Lattice of the modes.
    side
        Sides of the box, in the unit of lengths of derivatives.
    workers
        Threads.
    """

    def __init__(self, points: Shape, lattice: Shape, side: Shape, workers: int) -> None:
        # Kept, as new memory for each plane would take longer than its transform.
        self._wide = np.zeros((points[1], points[2] // 2 + 1), dtype=np.complex64)
        self._points, self._workers = points, workers
        _, along_y, along_z = Columns(lattice).wavenumbers(side)
        self._wave = along_y[:, np.newaxis], along_z[np.newaxis]

    def __call__(self, modes: Modes, y: int = 0, z: int = 0) -> NDArray[np.float32]:
        """Return the field of modes times powers of their wavenumbers along y and z."""
        half = modes.shape[0] // 2
        wide = self._wide[:, : modes.shape[1]]
        weight = self._wave[0] ** y * self._wave[1] ** z if y or z else None
        for ours, theirs in ((slice(half), slice(half)), (slice(-half, None), slice(half, None))):
            if weight is None:
                wide[ours] = modes[theirs]
            else:
                np.multiply(modes[theirs], weight[theirs], out=wide[ours])
        wide[half:-half] = 0
        fft.ifft(wide, axis=0, norm="forward", overwrite_x=True, workers=self._workers)
        plane: NDArray[np.float32] = fft.irfft(
            self._wide, n=self._points[2], axis=1, norm="forward", workers=self._workers
        )
        return plane


def to_modes(plane: NDArray[np.float32], modes: Modes, workers: int) -> None:
    """Write into `modes` those of `plane` that they have room for, but Nyquist ones."""
    kept = modes.shape[1] - 1
    along_z = fft.rfft(plane, axis=1, norm="forward", workers=workers)[:, :kept]
    both = fft.fft(along_z, axis=0, norm="forward", overwrite_x=True, workers=workers)
    modes[...] = 0
    for rows in both_signs(modes.shape[0] // 2 - 1):
        modes[rows, :kept] = both[rows]


@numba.njit(cache=True, nogil=True)
def _fold(modes, other, share, wave, wavenumber, turned, folded, j):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    """Fold column j of modes along x, as `to_rows` before its transform."""
    period = folded.shape[1]
    folded[:, :, j] = 0
    y = wavenumber[1][j]
    for i in range(modes.shape[0]):
        into = folded[:, wave[i] % period, j]
        if folded.shape[0] == 1:
            _add_field(modes[i, j], turned[i], into[0])
        else:
            x, z = wavenumber[0][i], wavenumber[2]
            _add_potential(modes[i, j], other[i, j], share, turned[i], x, y, z, into)


# In the rows below numbers are real: numba divides and multiplies complex ones much more slowly.


@numba.njit(cache=True, nogil=True, inline="always")
def _turn(mode, turned):  # type: ignore[no-untyped-def]
    return (
        mode.real * turned.real - mode.imag * turned.imag,
        mode.real * turned.imag + mode.imag * turned.real,
    )


@numba.njit(cache=True, nogil=True, inline="always")
def _inverse(square):  # type: ignore[no-untyped-def]
    return np.float32(1) / square if square > 0 else np.float32(0)


@numba.njit(cache=True, nogil=True)
def _add_field(modes, turned, into):  # type: ignore[no-untyped-def]
    for k in range(len(modes)):
        into[k] += modes[k] * turned


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_potential(modes, other, share, turned, x, y, along_z, into):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    sums = into.view(np.float32)
    second = into.shape[0] > 2
    for k in range(len(modes)):
        z = along_z[k]
        real, imaginary = _turn(modes[k] + share * other[k], turned)
        inverse = _inverse(x * x + y * y + z * z)
        real, imaginary = real * inverse, imaginary * inverse
        sums[0, 2 * k] += real
        sums[0, 2 * k + 1] += imaginary
        sums[1, 2 * k] += x * real
        sums[1, 2 * k + 1] += x * imaginary
        if second:
            sums[2, 2 * k] += x * x * real
            sums[2, 2 * k + 1] += x * x * imaginary


@numba.njit(cache=True, nogil=True)
def _add_fields(modes, turned, into):  # type: ignore[no-untyped-def]
    for j in range(len(modes)):
        _add_field(modes[j], turned, into[j])
