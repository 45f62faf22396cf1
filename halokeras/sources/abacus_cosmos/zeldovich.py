"""Initial conditions of zeldovich-PLT, from first-order displacements to the linear overdensity.

Particle i sits at (i / PPD - 0.5) L in the frame of Abacus, and so at (i / PPD + 0.5) L mod L in
that of Rockstar's halos, half a box away. With or without the eigenmodes of the lattice (Garrison
et al. 2016), zeldovich-PLT makes displacements whose divergence is minus the linear overdensity,
which the second order follows from.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.cosmology.cosmology import Background, Cosmology, growth
from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, both_signs, integers
from halokeras.simulation.lpt.initial_modes import InitialModes
from halokeras.sources.abacus_cosmos.zeldovich_files import RECORDS, InitialConditions, read_planes
from halokeras.storage.memory import refuse_beyond_memory

_BLOCK = 2**26
"""Bytes that are transformed along x at a time."""


def initial_modes(
    conditions: InitialConditions, cosmology: Cosmology | Background, redshift: float
) -> InitialModes:
    """Return the linear overdensity of initial conditions, grown to `redshift`.

    Planes are read, transformed along y and z and cut to the modes asked for one by one while the
    next is being read, so that a lattice of any size needs the memory of 16 bytes per particle
    along x and mode along y and z: 3.5 GB for 1440^3 particles and 550^3 modes.

    Parameters
    ----------
    conditions
        From `find_initial_conditions`.
    cosmology
        In which they grow.
    redshift
        Of the overdensity.

    Returns
    -------
    InitialModes
        Raises `BoxError` if the memory does not suffice, or the records are not those of the
        lattice or not displacements of less than half a box.
    """
    scale_factors = np.array([1 / (1 + redshift), 1 / (1 + conditions.redshift)])
    first = growth(scale_factors, cosmology).first
    unit = 2 * np.pi / conditions.box_size * float(first[0] / first[1])

    def modes(lattice: Shape, workers: int) -> Modes:
        points = conditions.points - conditions.points % 2
        kept = (min(lattice[0], points), min(lattice[1], points), min(lattice[2], points))
        _check_memory(conditions, kept)
        shape = (conditions.points, kept[1], kept[2] // 2)
        along = np.zeros(shape, dtype=np.complex64)
        across = np.zeros(shape, dtype=np.complex64)
        planes = read_planes(conditions)
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, planes, None)
            while (read := ahead.result()) is not None:
                ahead = reader.submit(next, planes, None)
                plane, displacement = read
                _transform_plane(displacement, along[plane], across[plane], workers)
        return _divergence(along, across, kept[0], unit, workers)

    return modes


def _check_memory(conditions: InitialConditions, kept: Shape) -> None:
    record = RECORDS[conditions.format].itemsize
    need = 8 * kept[1] * kept[2] * (conditions.points + kept[0] // 2)
    need += conditions.points**2 * (record + 60) + 2 * _BLOCK
    refuse_beyond_memory(
        need,
        f"{conditions.files[0][0].parent}: a lattice of {kept[0]} x {kept[1]} x {kept[2]} from "
        f"{conditions.points}^3 particles",
        "use larger voxels or a larger machine",
    )


def _transform_plane(
    displacement: NDArray[np.float32], along: Modes, across: Modes, workers: int
) -> None:
    """Write psi_x and n_y psi_y + n_z psi_z, as modes along y and z, into `along` and `across`."""
    half_y, half_z = along.shape[0] // 2, along.shape[1]
    along_z = fft.rfft(displacement, axis=2, norm="forward", workers=workers)[:, :, :half_z]
    both = fft.fft(along_z, axis=1, norm="forward", workers=workers)
    n_z = np.arange(half_z, dtype=np.float32)
    for kept in both_signs(half_y - 1):
        n_y = np.arange(kept.start, kept.stop or 0, dtype=np.float32)[:, None]
        along[kept] = both[0, kept]
        across[kept] = n_y * both[1, kept] + n_z * both[2, kept]


def _divergence(along: Modes, across: Modes, lattice: int, unit: float, workers: int) -> Modes:
    """Minus the divergence, as modes on `lattice` planes, in the frame of the halos."""
    planes, rows, half_z = along.shape
    delta = np.zeros((lattice, rows, half_z + 1), dtype=np.complex64)
    n_x = np.delete(integers(lattice), lattice // 2)
    # Half a box of shift turns the mode n by (-1)^n along each axis.
    turn = np.where((np.arange(rows)[:, None] + np.arange(half_z)) % 2, -1, 1).astype(np.int8)
    turn_x = (-1j * unit * np.where(n_x % 2, -1, 1)).astype(np.complex64)[:, None, None]
    step = max(1, _BLOCK // (16 * planes * half_z))
    for start in range(0, rows, step):
        block = slice(start, start + step)
        x, rest = (
            fft.fft(part[:, block], axis=0, norm="forward", workers=workers)[n_x]
            for part in (along, across)
        )
        x *= n_x.astype(np.float32)[:, None, None]
        x += rest
        x *= turn_x
        x *= turn[block]
        delta[n_x, block, :half_z] = x
    return delta
