"""Lagrangian perturbation theory: initial modes, displacements and the density they make.

Convention: delta(x) = sum_k delta_k exp(i k.x) on the lattice x = i L / N, with k = 2 pi n / L
and integer n; half of the modes are kept, as `scipy.fft.rfftn(norm="forward")` gives them. Modes
with a component at the lattice's Nyquist frequency are zero. With lap phi1 = delta and
lap phi2 = sum_{i>j} (phi1,ii phi1,jj - phi1,ij^2), particles move from q to
x = q - grad phi1 + (D2 / D1^2) grad phi2, where delta carries its D1 and D2 ~ -3/7 D1^2
(Bouchet et al. 1995).
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.cosmology.cosmology import Growth
from halokeras.fields.gridding import Shape, cloud_in_cell
from halokeras.fields.modes import Modes, integers, up_to
from halokeras.randomness import mix

Table = tuple[NDArray[np.float64], NDArray[np.float64]]


def tabulated(table: Table, k: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power of a table at wavenumbers within it, interpolated in logarithms."""
    power: NDArray[np.float64] = np.exp(np.interp(np.log(k), np.log(table[0]), np.log(table[1])))
    return power


def linear_modes(seed: int, lattice: int, box_size: float, power: Table) -> Modes:
    """Draw the modes of a Gaussian overdensity.

    The phase and amplitude of a mode are a pure function of `seed` and its integer wavevector: a
    finer lattice in the same box adds small scales and keeps the large ones.

    Parameters
    ----------
    seed
        Realisation.
    lattice
        Lattice points a side.
    box_size
        Side of the box [Mpc/h].
    power
        Wavenumbers [h/Mpc], logarithmically spaced and ascending, and power [(Mpc/h)^3] there.

    Returns
    -------
    NDArray
        complex64 (lattice, lattice, lattice // 2 + 1).
    """
    return modes_of_shape(seed, (lattice,) * 3, (1, 1, 1), box_size, power)


def modes_of_shape(
    seed: int,
    lattice: Shape,
    parts: Shape,
    length: float,
    power: Table,
    columns: slice = slice(None),
) -> Modes:
    """Draw modes as `linear_modes`, in a box that need not be a cube.

    Parameters
    ----------
    seed, power
        As in `linear_modes`.
    lattice
        Lattice points along x, y, z.
    parts
        How many times each side of the box goes into `length`.
    length
        A common multiple of the sides [Mpc/h].
    columns
        Which of the wavenumbers along y are wanted.

    Returns
    -------
    NDArray
        complex64, the last axis halved.
    """
    log_k, log_power = np.log(power[0]), np.log(power[1])
    # Tabulated against the squared integer wavenumber, which is all that a mode's power depends on.
    most = sum((part * (points // 2)) ** 2 for part, points in zip(parts, lattice, strict=True))
    squares = np.arange(most + 1)
    amplitude = np.zeros(len(squares))
    log_mode = np.log(2 * np.pi / length) + 0.5 * np.log(squares[1:])
    volume = length**3 / np.prod(parts)
    amplitude[1:] = np.sqrt(np.exp(np.interp(log_mode, log_k, log_power)) / volume)
    along_x, along_y = integers(lattice[0]), integers(lattice[1])[columns]
    modes = np.zeros((lattice[0], len(along_y), lattice[2] // 2 + 1), dtype=np.complex64)
    _draw(np.uint64(seed), amplitude, parts, lattice, along_x, along_y, modes)
    return modes


def first_order(
    delta: Modes, box_size: float, workers: int = 1, points: int | None = None
) -> NDArray[np.float32]:
    """Displacement -grad phi1 [Mpc/h], (N, N, N, 3) float32.

    N is that of the lattice of the modes, or an even number of `points` of any other.
    """
    return _gradient(delta, box_size, -1.0, workers, points)


def second_order(delta: Modes, box_size: float, workers: int = 1) -> NDArray[np.float32]:
    """Gradient of phi2 [Mpc/h] on the lattice, (N, N, N, 3) float32."""
    lattice = delta.shape[0]
    fine = dealiased(lattice)
    # (sum phi,ii)^2 holds every product phi,ii phi,jj twice: no two derivatives need be kept.
    source = _squared_derivative(delta, fine, None, workers)
    for i in range(3):
        source -= _squared_derivative(delta, fine, (i, i), workers)
    source *= 0.5
    for i in range(3):
        for j in range(i):
            source -= _squared_derivative(delta, fine, (i, j), workers)
    fine_modes = fft.rfftn(source, norm="forward", workers=workers, overwrite_x=True)
    del source
    return _gradient(resized(fine_modes, lattice), box_size, 1.0, workers)


def dealiased(points: int) -> int:
    """Return the points, an even number, of the lattice that products of fields are formed on.

    It is finer by 3/2 than the lattice of `points` a side that the modes are of, so that no mode
    of a product aliases into those that are kept (Orszag's rule).
    """
    fine = points + points // 2
    return fine + fine % 2


class Displacement(NamedTuple):
    """Both orders of the displacement [Mpc/h] at D1 = 1, each (N, N, N, 3) float32.

    At another time a particle is at q + D1 first + D2 second, with D1 and D2 of `Growth`.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]


def displacement(delta: Modes, box_size: float, workers: int = 1) -> Displacement:
    """Return both orders of the displacement that a linear overdensity today makes.

    Parameters
    ----------
    delta
        Modes of the linear overdensity today, where D1 = 1.
    box_size
        Side of the box [Mpc/h].
    workers
        Threads.
    """
    return Displacement(
        first_order(delta, box_size, workers), second_order(delta, box_size, workers)
    )


def displaced_density(
    displacement: Displacement, box_size: float, voxels: int, growth: Growth
) -> NDArray[np.float32]:
    """Return the density over its mean of particles displaced to another time.

    Parameters
    ----------
    displacement
        Both orders today.
    box_size
        Side of the box [Mpc/h].
    voxels
        Voxels a side.
    growth
        Growth at the time wanted, of length 1.
    """
    position = lattice_positions(len(displacement.first), box_size)
    position += np.float32(growth.first[0]) * displacement.first
    position += np.float32(growth.second[0]) * displacement.second
    return cloud_in_cell(position.reshape(-1, 3), (voxels,) * 3, box_size / voxels)


def lattice_positions(lattice: int, box_size: float) -> NDArray[np.float32]:
    """Unperturbed positions i L / N [Mpc/h], (N, N, N, 3) float32."""
    line = (np.arange(lattice) * (box_size / lattice)).astype(np.float32)
    return np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)


def _gradient(
    source: Modes, box_size: float, sign: float, workers: int, points: int | None = None
) -> NDArray[np.float32]:
    """`sign` times the gradient of the inverse Laplacian of `source`."""
    lattice = source.shape[0]
    points = points or lattice
    gradient = np.empty((points, points, points, 3), dtype=np.float32)
    scale = -sign * box_size / (2 * np.pi)
    for axis in range(3):
        component = np.empty_like(source)
        _inverse_laplacian(source, component, lattice, axis, -1, 1j * scale)
        if points < lattice:
            component = folded(component, points)
        elif points > lattice:
            component = resized(component, points)
        gradient[..., axis] = _to_lattice(component, points, workers)
    return gradient


def _squared_derivative(
    delta: Modes, fine: int, axes: tuple[int, int] | None, workers: int
) -> NDArray[np.float32]:
    """phi1,ij squared on the fine lattice, or delta squared."""
    padded = resized(delta, fine)
    if axes is not None:
        _inverse_laplacian(padded, padded, fine, axes[0], axes[1], 1 + 0j)
    derivative = _to_lattice(padded, fine, workers)
    derivative *= derivative
    return derivative


def _to_lattice(modes: Modes, lattice: int, workers: int) -> NDArray[np.float32]:
    field: NDArray[np.float32] = fft.irfftn(
        modes, s=(lattice,) * 3, norm="forward", workers=workers, overwrite_x=True
    )
    return field


def folded(modes: Modes, lattice: int) -> Modes:
    """Return the modes that a field has on a coarser lattice, onto which finer ones alias.

    Parameters
    ----------
    modes
        Modes of the field, without Nyquist planes.
    lattice
        Points a side, an even number, coarser than that of the modes by less than 2.
    """
    half = lattice // 2
    rows = np.zeros((lattice, *modes.shape[1:]), dtype=np.complex64)
    for wave, row in zip(integers(len(modes)), modes, strict=True):
        rows[wave % lattice] += row
    columns = np.zeros((lattice, lattice, modes.shape[2]), dtype=np.complex64)
    for wave in integers(modes.shape[1]):
        columns[:, wave % lattice] += rows[:, wave % modes.shape[1]]
    opposite = np.roll(columns[::-1, ::-1, half:][..., ::-1], 1, axis=(0, 1)).conj()
    columns[:, :, 1 + lattice - modes.shape[2] : half + 1] += opposite
    return columns[:, :, : half + 1].copy()


def resized(modes: Modes, lattice: int) -> Modes:
    """Copy the modes that two lattices share; the Nyquist planes of the coarser are left out."""
    copied = np.zeros((lattice, lattice, lattice // 2 + 1), dtype=np.complex64)
    kept = (min(lattice, modes.shape[0]) - 1) // 2
    for part in up_to((kept,) * 3):
        copied[part] = modes[part]
    return copied


@numba.njit(cache=True, nogil=True)
def _inverse_laplacian(source, result, lattice, axis, other, factor):  # type: ignore[no-untyped-def]
    """Multiply by `factor` n_axis (n_other) / n^2, n the integer wavevector."""
    n = np.zeros(4)
    n[3] = 1.0
    for i in range(source.shape[0]):
        n[0] = i if 2 * i < lattice else i - lattice
        for j in range(source.shape[1]):
            n[1] = j if 2 * j < lattice else j - lattice
            for k in range(source.shape[2]):
                n[2] = k
                square = n[0] ** 2 + n[1] ** 2 + n[2] ** 2
                weight = n[axis] * n[other] / square if square > 0 else 0.0
                result[i, j, k] = factor * weight * source[i, j, k]


_mix = numba.njit(cache=True)(mix)


@numba.njit(cache=True, nogil=True, parallel=True)
def _draw(seed, amplitude, parts, lattice, along_x, along_y, modes):  # type: ignore[no-untyped-def]
    step = np.uint64(0x9E3779B97F4A7C15)
    stream = _mix(_mix(seed + step) + step)
    for row in numba.prange(modes.shape[0]):
        i = along_x[row]
        for column in range(modes.shape[1]):
            j = along_y[column]
            for k in range(modes.shape[2]):
                square = (parts[0] * i) ** 2 + (parts[1] * j) ** 2 + (parts[2] * k) ** 2
                if square == 0 or 2 * abs(i) == lattice[0] or 2 * abs(j) == lattice[1]:
                    continue
                if 2 * k == lattice[2]:
                    continue
                # On the plane k = 0 a mode and its opposite share one draw, as conjugates.
                mirror = k == 0 and (j < 0 or (j == 0 and i < 0))
                sign = -1 if mirror else 1
                index = (
                    (np.uint64(sign * i + 1048576) << np.uint64(42))
                    | (np.uint64(sign * j + 1048576) << np.uint64(21))
                    | np.uint64(k)
                )
                key = _mix(stream ^ _mix(index + step))
                first = _mix(key + step)
                second = _mix(key + step + step)
                # Uniform in (0, 1], then Box-Muller with unit mean square modulus.
                radius = (float(first >> np.uint64(11)) + 1.0) / 9007199254740992.0
                angle = 2 * np.pi * float(second >> np.uint64(11)) / 9007199254740992.0
                size = amplitude[square] * np.sqrt(-np.log(radius))
                modes[row, column, k] = size * complex(np.cos(angle), sign * np.sin(angle))
