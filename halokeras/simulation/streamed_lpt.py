"""2LPT of boxes whose fields in real space would not fit in memory.

Lattices, modes and signs are those of `halokeras.simulation.lpt`; a box need not be a cube, and
lengths are in voxels. Only modes are held whole. Fields are made a few planes of constant x at a
time: the planes r, r + R, r + 2 R, ... of a lattice of N come out of a transform of length N / R
along x, in which each mode is turned by exp(2 pi i n_x r / N) and added at n_x modulo N / R.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape, spread
from halokeras.fields.modes import Modes, both_signs, integers, lattice_of

Progress = Callable[[float], None]

_WORK = 2**30
"""Bytes that the planes under work may take."""


class SmallScales(NamedTuple):
    """Displacements by scales that the modes of a box lack, periodic on the lattice of particles.

    Attributes
    ----------
    displacement
        (n, n, n, 3) [voxels].
    response
        (n, n, n, 3) [voxels], what is added to it for each unit of overdensity.
    overdensity
        Modes of that overdensity.
    """

    displacement: NDArray[np.float32]
    response: NDArray[np.float32]
    overdensity: Modes


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
    source = np.zeros_like(delta)
    wave = integers(lattice[0])
    for residue in range(passes):
        turned = _turned(lattice[0], fine[0], residue)
        _fold(delta, wave, _wavenumbers(lattice, lattice), turned, folded)
        fft.ifft(folded, axis=1, norm="forward", overwrite_x=True, workers=workers)
        for plane in range(folded.shape[1]):
            hessian = [_to_plane(part[plane], fine, workers) for part in folded]
            # The first derivative's place is free again: it takes the source's modes.
            _to_modes(_source_plane(*hessian), folded[0, plane], workers)
            progress((residue + (plane + 1) / folded.shape[1]) / passes)
        fft.fft(folded[0], axis=0, overwrite_x=True, workers=workers)
        _unfold(folded[0], wave, turned.conj() / np.float32(fine[0]), source)
    return source


def deposit_displaced(
    potential: Modes,
    grid: NDArray[np.floating],
    per_voxel: int,
    small_scales: SmallScales | None = None,
    workers: int = 1,
    progress: Progress = lambda fraction: None,
) -> None:
    """Move particles by -grad lap^-1 of a field, and add them cloud-in-cell to voxels.

    The sums run in the order of the planes, so they do not depend on the number of threads.

    Parameters
    ----------
    potential
        Modes of the field whose inverse Laplacian is the displacement potential.
    grid
        (nx, ny, nz) to which particles are added; of some thousand a voxel float32 loses 1e-6.
    per_voxel
        Particles along the side of a voxel.
    small_scales
        Displacements that are added, if any.
    workers, progress
        As in `second_order_source`.
    """
    x, y, z = grid.shape
    ones = np.ones((y * per_voxel, z * per_voxel), dtype=np.float32)

    def deposit(x: int, moved: list[NDArray[np.float32]]) -> None:
        _add_small_scales(x, moved, small_scales)
        _deposit_plane(x, *moved[:3], ones, per_voxel, grid)

    _each_plane([potential], (x, y, z), per_voxel, small_scales, deposit, workers, progress)


def deposit_momentum(
    potential: Modes,
    rate: Modes,
    momentum: NDArray[np.floating],
    per_voxel: int,
    small_scales: SmallScales | None = None,
    workers: int = 1,
    progress: Progress = lambda fraction: None,
) -> None:
    """Move particles as `deposit_displaced` and add their velocities to voxels.

    Parameters
    ----------
    rate
        Modes of the field whose inverse Laplacian is the potential of the velocity.
    momentum
        (3, nx, ny, nz): over the particles per voxel it is their mean -grad lap^-1 rate.
    """
    _, nx, ny, nz = momentum.shape

    def deposit(x: int, planes: list[NDArray[np.float32]]) -> None:
        _add_small_scales(x, planes, small_scales)
        moved, velocity = planes[:3], planes[3:6]
        for component, into in zip(velocity, momentum, strict=True):
            _deposit_plane(x, *moved, component, per_voxel, into)

    shape = (nx, ny, nz)
    _each_plane([potential, rate], shape, per_voxel, small_scales, deposit, workers, progress)


def _add_small_scales(x: int, planes: list[NDArray[np.float32]], small: SmallScales | None) -> None:
    """Add to the displacements of plane x, the first three, by the overdensity, the last."""
    if small is not None:
        period = len(small.displacement)
        here = small.displacement[x % period], small.response[x % period]
        _add_repeated(*planes[:3], planes[-1], *here)


def _each_plane(
    potentials: list[Modes],
    voxels: Shape,
    per_voxel: int,
    small: SmallScales | None,
    deposit: Callable[[int, list[NDArray[np.float32]]], None],
    workers: int,
    progress: Progress,
) -> None:
    """Call `deposit` with each plane of particles and the three gradients of each potential.

    With small scales their overdensity comes last.
    """
    sources = [(potential, 3) for potential in potentials]
    if small is not None:
        sources.append((small.overdensity, 1))
    lattice = lattice_of(potentials[0])
    particles = (voxels[0] * per_voxel, voxels[1] * per_voxel, voxels[2] * per_voxel)
    fields = sum(number for _, number in sources)
    passes = pass_count(particles[0], fields * potentials[0][0].nbytes)
    rows = (particles[0] // passes, *potentials[0].shape[1:])
    folded = [np.empty((number, *rows), dtype=np.complex64) for _, number in sources]
    wave = integers(lattice[0])
    with ThreadPoolExecutor(1) as depositor:  # deposits a plane while the next is transformed
        deposited: Future[None] = depositor.submit(lambda: None)
        for residue in range(passes):
            turned = _turned(lattice[0], particles[0], residue)
            for (modes, _), into in zip(sources, folded, strict=True):
                _fold(modes, wave, _wavenumbers(lattice, voxels), turned, into)
                fft.ifft(into, axis=1, norm="forward", overwrite_x=True, workers=workers)
            for plane in range(rows[0]):
                planes = [
                    _to_plane(part[plane], particles, workers) for parts in folded for part in parts
                ]
                deposited.result()
                deposited = depositor.submit(deposit, residue + plane * passes, planes)
                progress((residue + (plane + 1) / rows[0]) / passes)
        deposited.result()


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


def _to_plane(modes: Modes, points: Shape, workers: int) -> NDArray[np.float32]:
    """Real field (ny, nz) of modes along y and z, those that they lack being zero."""
    half = modes.shape[0] // 2
    wide = np.zeros((points[1], modes.shape[1]), dtype=np.complex64)
    wide[:half] = modes[:half]
    wide[-half:] = modes[half:]
    fft.ifft(wide, axis=0, norm="forward", overwrite_x=True, workers=workers)
    plane: NDArray[np.float32] = fft.irfft(
        wide, n=points[2], axis=1, norm="forward", overwrite_x=True, workers=workers
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
def _fold(modes, wave, wavenumber, turned, folded):  # type: ignore[no-untyped-def]
    """Fold modes, or derivatives of their inverse Laplacian, along x: what `folded` has room for.

    One is the field itself. Three are minus the gradient: x, y, z. Six are the Hessian: xx, yy,
    zz, xy, xz, yz.
    """
    period = folded.shape[1]
    zero = np.float32(0)
    gradient = folded.shape[0] == 3
    for j in numba.prange(modes.shape[1]):
        folded[:, :, j] = 0
        y = wavenumber[1][j]
        for i in range(modes.shape[0]):
            x = wavenumber[0][i]
            row = wave[i] % period
            for k in range(modes.shape[2]):
                z = wavenumber[2][k]
                square = x * x + y * y + z * z
                if folded.shape[0] == 1:
                    folded[0, row, j, k] += modes[i, j, k] * turned[i]
                    continue
                if square == zero:
                    continue
                mode = modes[i, j, k] * turned[i] / square
                if gradient:
                    mode *= np.complex64(1j)
                    folded[0, row, j, k] += x * mode
                    folded[1, row, j, k] += y * mode
                    folded[2, row, j, k] += z * mode
                else:
                    folded[0, row, j, k] += x * x * mode
                    folded[1, row, j, k] += y * y * mode
                    folded[2, row, j, k] += z * z * mode
                    folded[3, row, j, k] += x * y * mode
                    folded[4, row, j, k] += x * z * mode
                    folded[5, row, j, k] += y * z * mode


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


@numba.njit(cache=True, nogil=True)
def _deposit_plane(i, moved_x, moved_y, moved_z, weight, per_voxel, grid):  # type: ignore[no-untyped-def]
    """Deposit a plane of particles, weighted, about voxel centres, as `gridding.deposit`."""
    for j in range(moved_x.shape[0]):
        for k in range(moved_x.shape[1]):
            x = i / per_voxel - 0.5 + moved_x[j, k]
            y = j / per_voxel - 0.5 + moved_y[j, k]
            z = k / per_voxel - 0.5 + moved_z[j, k]
            spread(np.float64(weight[j, k]), x, y, z, grid)
