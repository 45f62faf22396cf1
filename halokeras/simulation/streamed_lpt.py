"""2LPT of boxes whose fields in real space would not fit in memory.

Lattices, modes and signs are those of `halokeras.simulation.lpt`; a box need not be a cube, and
lengths are in separations of particles. Only modes are held whole. Fields are made a few planes of
constant x at a time: the planes r, r + R, r + 2 R, ... of a lattice of N come out of a transform of
length N / R along x, in which each mode is turned by exp(2 pi i n_x r / N) and added at n_x modulo
N / R.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, both_signs, integers, lattice_of

Progress = Callable[[float], None]

_WORK = 2**30
"""Bytes that the planes under work may take."""


class Movement(NamedTuple):
    """Modes of what moves the particles of a box.

    Attributes
    ----------
    potential
        Those of the field whose inverse Laplacian is the potential of the displacement.
    overdensity
        Those of the linear overdensity.
    share
        How much of the overdensity is added to the former for the velocity, but for a factor.
    """

    potential: Modes
    overdensity: Modes
    share: float


class SmallScales(NamedTuple):
    """Displacements by scales that the modes of a box lack, periodic on the lattice of particles.

    Attributes
    ----------
    displacement
        (n, n, n, 3) [separations of particles].
    response
        (n, n, n, 3), what is added to it for each unit of overdensity.
    """

    displacement: NDArray[np.float32]
    response: NDArray[np.float32]


def second_order_source(
    delta: Modes,
    workers: int = 1,
    progress: Progress = lambda fraction: None,
    fine: Shape | None = None,
) -> Modes:
    """Return the modes of lap phi2 = sum_{i>j} (phi1,ii phi1,jj - phi1,ij^2).

    Parameters
    ----------
    delta
        Modes of the linear overdensity in a box of cubic voxels, of an even lattice.
    workers
        Threads.
    progress
        Called with the fraction that is done.
    fine
        Even lattice on which products are formed, no coarser than that of the modes; by default
        that of `padded`, on which none of their modes alias into those that are kept.
    """
    lattice = lattice_of(delta)
    fine = fine or padded(lattice)
    passes = pass_count(fine[0], 6 * delta[0].nbytes)
    folded = np.empty((6, fine[0] // passes, *delta.shape[1:]), dtype=np.complex64)
    to_plane = _Planes(fine, workers)
    source = np.zeros_like(delta)
    wave = integers(lattice[0])
    for residue in range(passes):
        turned = _turned(lattice[0], fine[0], residue)
        _fold(delta, delta, 0, wave, _wavenumbers(lattice, lattice), turned, folded)
        fft.ifft(folded, axis=1, norm="forward", overwrite_x=True, workers=workers)
        for plane in range(folded.shape[1]):
            hessian = [to_plane(part[plane]) for part in folded]
            # The first derivative's place is free again: it takes the source's modes.
            _to_modes(_source_plane(*hessian), folded[0, plane], workers)
            progress((residue + (plane + 1) / folded.shape[1]) / passes)
        fft.fft(folded[0], axis=0, overwrite_x=True, workers=workers)
        _unfold(folded[0], wave, turned.conj() / np.float32(fine[0]), source)
    return source


def deposit_particles(
    moved: Movement,
    particles: Shape,
    grids: Sequence[NDArray[np.floating]],
    small_scales: SmallScales | None = None,
    workers: int = 1,
    progress: Progress = lambda fraction: None,
) -> None:
    """Move particles by -grad lap^-1 of a field, and add them cloud-in-cell to grids.

    The sums run in the order of the planes, so they do not depend on the number of threads.

    Parameters
    ----------
    moved
        What moves them.
    particles
        Particles along x, y, z, which lie on the corners of the cells of each grid and between.
    grids
        Each is (nx, ny, nz), to which particles are added, or (nx, ny, nz, 4), to which they are
        added with their velocities: -grad lap^-1 of the potential with its share of overdensity
        [separations of particles]. Of some thousand particles a cell float32 loses 1e-6.
    small_scales
        Displacements that are added, if any.
    workers, progress
        As in `second_order_source`.
    """
    lattice, wave = lattice_of(moved.potential), integers(moved.potential.shape[0])
    parts = [(moved.potential, 0.0, 3)]
    if any(grid.ndim > 3 for grid in grids):
        parts.append((moved.potential, moved.share, 3))
    if small_scales is not None:
        parts.append((moved.overdensity, 0.0, 1))
    fields = sum(number for _, _, number in parts)
    passes = pass_count(particles[0], fields * moved.potential[0].nbytes)
    rows = (particles[0] // passes, *moved.potential.shape[1:])
    folded = [np.empty((number, *rows), dtype=np.complex64) for _, _, number in parts]
    to_plane = _Planes(particles, workers)
    # Planes are deposited, on each grid in their order, while the next are transformed.
    with ThreadPoolExecutor(len(grids)) as depositor:
        deposited: list[Future[None]] = []
        for residue in range(passes):
            turned = _turned(lattice[0], particles[0], residue)
            wavenumbers = _wavenumbers(lattice, particles)
            for (modes, share, _), into in zip(parts, folded, strict=True):
                _fold(modes, moved.overdensity, np.float32(share), wave, wavenumbers, turned, into)
                fft.ifft(into, axis=1, norm="forward", overwrite_x=True, workers=workers)
            for plane in range(rows[0]):
                planes = [to_plane(part[plane]) for parts in folded for part in parts]
                x = residue + plane * passes
                if small_scales is not None:
                    _add_small_scales(x, planes, small_scales)
                wait_for(deposited)
                deposited = [
                    depositor.submit(_deposit, x, planes, particles, grid) for grid in grids
                ]
                progress((residue + (plane + 1) / rows[0]) / passes)
        wait_for(deposited)


def wait_for(work: Iterable[Future[None]]) -> None:
    """Wait until all is done; raise what one of them raised."""
    for one in work:
        one.result()


def _add_small_scales(x: int, planes: list[NDArray[np.float32]], small: SmallScales) -> None:
    """Add to the displacements of plane x, the first three, by the overdensity, the last."""
    period = len(small.displacement)
    here = small.displacement[x % period], small.response[x % period]
    _add_repeated(*planes[:3], planes[-1], *here)


def _deposit(
    x: int, planes: list[NDArray[np.float32]], particles: Shape, grid: NDArray[np.floating]
) -> None:
    """Add plane x of particles to a grid, as `deposit_particles`."""
    cell = particles[0] // grid.shape[0]
    if grid.ndim == 3:
        _deposit_plane(x, *planes[:3], 1 / cell, grid)
    else:
        _deposit_moving(x, *planes[:6], 1 / cell, grid)


def modes_of_planes(
    planes: Iterator[NDArray[np.floating]], points: Shape, lattice: Shape, workers: int
) -> Modes:
    """Transform a real field that comes plane by plane along x; no Nyquist modes and no mean.

    Parameters
    ----------
    planes
        As many arrays (ny, nz) as the field has points along x.
    points
        Points of the field along x, y, z, even.
    lattice
        The lattice whose modes are kept, along each axis no finer than the field.
    workers
        Threads.
    """
    half = lattice[0] // 2
    modes = np.empty((points[0], lattice[1], lattice[2] // 2 + 1), dtype=np.complex64)
    for plane, into in zip(planes, modes, strict=True):
        _to_modes(plane.astype(np.float32), into, workers)
    fft.fft(modes, axis=0, norm="forward", overwrite_x=True, workers=workers)
    if points[0] > lattice[0]:
        modes = np.concatenate([modes[:half], modes[points[0] - half :]])
    modes[half] = 0
    modes[0, 0, 0] = 0
    return modes


def padded(lattice: Shape) -> Shape:
    """Points of the lattice finer by 3/2, where products do not alias into the modes kept."""
    return 3 * lattice[0] // 2, 3 * lattice[1] // 2, 3 * lattice[2] // 2


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


def _turned(points: int, planes: int, residue: int) -> NDArray[np.complex64]:
    """Phase of plane `residue` of `planes` in each of the modes along x."""
    turned: NDArray[np.complex64] = np.exp(2j * np.pi * integers(points) * residue / planes).astype(
        np.complex64
    )
    return turned


def _wavenumbers(lattice: Shape, side: Shape) -> tuple[NDArray[np.float32], ...]:
    """Wavenumbers along x, y, z of the modes of a box with sides of any unit."""
    x, y, z = (
        (2 * np.pi / length * integers(points)).astype(np.float32)
        for points, length in zip(lattice, side, strict=True)
    )
    return x, y, np.abs(z[: lattice[2] // 2 + 1])


class _Planes:
    """Real fields (ny, nz) of modes along y and z, those that they lack being zero."""

    def __init__(self, points: Shape, workers: int) -> None:
        # Kept, as new memory for each plane would take longer than its transform.
        self._wide = np.zeros((points[1], points[2] // 2 + 1), dtype=np.complex64)
        self._points, self._workers = points, workers

    def __call__(self, modes: Modes) -> NDArray[np.float32]:
        """Return the field of modes of an even lattice, no finer than the plane."""
        half = modes.shape[0] // 2
        wide = self._wide[:, : modes.shape[1]]
        wide[:half] = modes[:half]
        wide[half:-half] = 0
        wide[-half:] = modes[half:]
        fft.ifft(wide, axis=0, norm="forward", overwrite_x=True, workers=self._workers)
        plane: NDArray[np.float32] = fft.irfft(
            self._wide, n=self._points[2], axis=1, norm="forward", workers=self._workers
        )
        return plane


def _to_modes(plane: NDArray[np.float32], modes: Modes, workers: int) -> None:
    """Write into `modes` those of `plane` that they have room for, but Nyquist ones."""
    kept = modes.shape[1] - 1
    along_z = fft.rfft(plane, axis=1, norm="forward", workers=workers)[:, :kept]
    both = fft.fft(along_z, axis=0, norm="forward", overwrite_x=True, workers=workers)
    modes[...] = 0
    for rows in both_signs(modes.shape[0] // 2 - 1):
        modes[rows, :kept] = both[rows]


@numba.njit(cache=True, nogil=True, parallel=True)
def _fold(modes, other, share, wave, wavenumber, turned, folded):  # type: ignore[no-untyped-def]
    """Fold modes, or derivatives of their inverse Laplacian, along x: what `folded` has room for.

    One is the field itself. Three are minus the gradient: x, y, z; of the modes with a `share` of
    the `other` ones. Six are the Hessian: xx, yy, zz, xy, xz, yz.
    """
    period = folded.shape[1]
    for j in numba.prange(modes.shape[1]):
        folded[:, :, j] = 0
        y = wavenumber[1][j]
        for i in range(modes.shape[0]):
            x = wavenumber[0][i]
            into = folded[:, wave[i] % period, j]
            if folded.shape[0] == 1:
                _add_field(modes[i, j], turned[i], into[0])
            elif folded.shape[0] == 3:
                _add_gradient(modes[i, j], other[i, j], share, turned[i], x, y, wavenumber[2], into)
            else:
                _add_hessian(modes[i, j], turned[i], x, y, wavenumber[2], into)


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
def _add_gradient(modes, other, share, turned, x, y, along_z, into):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    sums = into.view(np.float32)
    for k in range(len(modes)):
        z = along_z[k]
        real, imaginary = _turn(modes[k] + share * other[k], turned)
        inverse = _inverse(x * x + y * y + z * z)
        real, imaginary = -imaginary * inverse, real * inverse
        sums[0, 2 * k] += x * real
        sums[0, 2 * k + 1] += x * imaginary
        sums[1, 2 * k] += y * real
        sums[1, 2 * k + 1] += y * imaginary
        sums[2, 2 * k] += z * real
        sums[2, 2 * k + 1] += z * imaginary


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_hessian(modes, turned, x, y, along_z, into):  # type: ignore[no-untyped-def]
    sums = into.view(np.float32)
    for k in range(len(modes)):
        z = along_z[k]
        real, imaginary = _turn(modes[k], turned)
        inverse = _inverse(x * x + y * y + z * z)
        real, imaginary = real * inverse, imaginary * inverse
        sums[0, 2 * k] += x * x * real
        sums[0, 2 * k + 1] += x * x * imaginary
        sums[1, 2 * k] += y * y * real
        sums[1, 2 * k + 1] += y * y * imaginary
        sums[2, 2 * k] += z * z * real
        sums[2, 2 * k + 1] += z * z * imaginary
        sums[3, 2 * k] += x * y * real
        sums[3, 2 * k + 1] += x * y * imaginary
        sums[4, 2 * k] += x * z * real
        sums[4, 2 * k + 1] += x * z * imaginary
        sums[5, 2 * k] += y * z * real
        sums[5, 2 * k + 1] += y * z * imaginary


@numba.njit(cache=True, nogil=True, parallel=True)
def _unfold(folded, wave, turned, modes):  # type: ignore[no-untyped-def]
    """Add to the modes what the planes of one pass contribute; not at the Nyquist frequency."""
    for i in numba.prange(modes.shape[0]):
        if 2 * i != modes.shape[0]:
            modes[i] += turned[i] * folded[wave[i] % folded.shape[0]]


@numba.njit(cache=True, nogil=True)
def _source_plane(xx, yy, zz, xy, xz, yz):  # type: ignore[no-untyped-def]
    result = np.empty_like(xx)
    for i in range(xx.shape[0]):
        for j in range(xx.shape[1]):
            diagonal = xx[i, j] * (yy[i, j] + zz[i, j]) + yy[i, j] * zz[i, j]
            crossed = xy[i, j] ** 2 + xz[i, j] ** 2 + yz[i, j] ** 2
            result[i, j] = diagonal - crossed
    return result


@numba.njit(cache=True, nogil=True)
def _add_repeated(x, y, z, overdensity, displacement, response):  # type: ignore[no-untyped-def]
    """Add a plane of small scales, repeated, to a plane of displacements."""
    period = displacement.shape[0]
    for j in range(x.shape[0]):
        near, more = displacement[j % period], response[j % period]
        small = 0
        for k in range(x.shape[1]):
            delta = overdensity[j, k]
            x[j, k] += near[small, 0] + delta * more[small, 0]
            y[j, k] += near[small, 1] + delta * more[small, 1]
            z[j, k] += near[small, 2] + delta * more[small, 2]
            small = small + 1 if small + 1 < period else 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _place(first, step, moved, size, points, corner, share):  # type: ignore[no-untyped-def]
    """Find the points below and above each particle of a row, and the share of either.

    Particle k is at `first` + k `step` before it is moved, in cells of side 1 / `size`.
    """
    for k in range(len(moved)):
        place = first + k * step + moved[k] * size
        below = np.floor(place)
        share[0, k] = below + 1 - place
        share[1, k] = place - below
        below -= points * np.floor(below / points)
        corner[0, k] = np.int64(below)
        corner[1, k] = corner[0, k] + 1 if corner[0, k] + 1 < points else 0


@numba.njit(cache=True, nogil=True)
def _place_row(i, j, row, size, shape, corner, share):  # type: ignore[no-untyped-def]
    """Find the corners around the particles of row (i, j), and their shares, by axis."""
    x, y, z = row
    _place(i * size - 0.5, 0.0, x, size, shape[0], corner[0], share[0])
    _place(j * size - 0.5, 0.0, y, size, shape[1], corner[1], share[1])
    _place(-0.5, size, z, size, shape[2], corner[2], share[2])


@numba.njit(cache=True, nogil=True)
def _deposit_plane(i, x, y, z, size, grid):  # type: ignore[no-untyped-def]
    """Deposit a plane of particles about the centres of cells, whose side is 1 / `size`."""
    ny, nz = grid.shape[1:]
    sums = grid.reshape(-1)
    corner = np.empty((3, 2, x.shape[1]), np.int64)
    share = np.empty((3, 2, x.shape[1]), grid.dtype)
    for j in range(x.shape[0]):
        _place_row(i, j, (x[j], y[j], z[j]), size, grid.shape, corner, share)
        for k in range(x.shape[1]):
            for a in range(2):
                for b in range(2):
                    row = (corner[0, a, k] * ny + corner[1, b, k]) * nz
                    of_row = share[0, a, k] * share[1, b, k]
                    for c in range(2):
                        # Unsigned: numba asks of a signed place whether it counts from the end.
                        at = np.uint64(row + corner[2, c, k])
                        sums[at] += of_row * share[2, c, k]


@numba.njit(cache=True, nogil=True)
def _deposit_moving(i, x, y, z, along_x, along_y, along_z, size, grid):  # type: ignore[no-untyped-def]  # noqa: PLR0913  (a kernel that numba compiles, of plain arrays)
    """Deposit a plane of particles as `_deposit_plane`, and their velocities, in a last axis."""
    nx, ny, nz, _ = grid.shape
    sums = grid.reshape(nx * ny * nz, 4)
    corner = np.empty((3, 2, x.shape[1]), np.int64)
    share = np.empty((3, 2, x.shape[1]), grid.dtype)
    for j in range(x.shape[0]):
        _place_row(i, j, (x[j], y[j], z[j]), size, grid.shape, corner, share)
        for k in range(x.shape[1]):
            for a in range(2):
                for b in range(2):
                    row = (corner[0, a, k] * ny + corner[1, b, k]) * nz
                    of_row = share[0, a, k] * share[1, b, k]
                    for c in range(2):
                        at = np.uint64(row + corner[2, c, k])
                        weight = of_row * share[2, c, k]
                        sums[at, 0] += weight
                        sums[at, 1] += weight * along_x[j, k]
                        sums[at, 2] += weight * along_y[j, k]
                        sums[at, 3] += weight * along_z[j, k]
