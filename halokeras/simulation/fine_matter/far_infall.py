"""The velocity of far scales that halos fall together with: made on voxels, wanted on points."""

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.simulation.fine_matter.halo_motion import HaloMotion
from halokeras.simulation.fine_matter.infall import Shares, far_radius, infall
from halokeras.simulation.threads import in_threads
from halokeras.storage.grid import Grid, slab_ranges

_QUARTER = np.array([77, -693, 6930, 2310, -495, 63], dtype=np.float32) / 8192
"""Lagrange's weights of six voxels, for a quarter of one from the third to the fourth."""
_WEIGHTS = np.stack([_QUARTER[::-1], _QUARTER])
"""Those of the two points of a voxel, of the voxels from three before it on, and from two."""

FAR = np.dtype(np.float16)
"""How velocities of far scales are kept: to 0.06 km/s at 200 km/s."""

Array = NDArray[np.float32]


def write_far_infall(
    density: Grid,
    voxel_size: float,
    motion: HaloMotion,
    target: NDArray[np.float16],
    workers: int,
) -> None:
    """Write the velocity of far scales on the voxels of a box.

    Parameters
    ----------
    density
        rho/mean on voxels, which is read slab by slab.
    voxel_size
        Side of a voxel [Mpc/h].
    motion
        How halos move.
    target
        (3, nx, ny, nz) [km/s].
    workers
        Threads.
    """
    x, y, z = density.shape
    modes = np.empty((x, y, z // 2 + 1), dtype=np.complex64)
    for part in slab_ranges(density.shape):
        planes = np.asarray(density[part.start : part.stop], dtype=np.float32)
        modes[part.start : part.stop] = fft.rfft2(planes, axes=(1, 2), workers=workers)
    far = Shares(0, 0, motion.rate * motion.infall_share, far_radius(voxel_size), voxel_size / 4)
    told = infall(
        *(modes, np.arange(x), slice(None), (x, y, z)), voxel_size, far, workers, smoothed=False
    )

    def write(plane: int) -> None:
        for component, values in zip(target, told.velocity(plane), strict=True):
            component[plane] = values

    in_threads(write, range(x), workers)


def add_on_points(voxels: NDArray[np.floating], plane: int, points: Array) -> None:
    """Add a smooth field on voxels, interpolated, to a plane of points.

    Parameters
    ----------
    voxels
        (nx, ny, nz), periodic.
    plane
        Number of the plane among those of points, two along the side of each voxel.
    points
        (2 ny, 2 nz).
    """
    first = plane // 2 + plane % 2 - 3
    around = range(first, first + _WEIGHTS.shape[1])
    layer = np.zeros(voxels.shape[1:], np.float32)
    for weight, x in zip(_WEIGHTS[plane % 2], around, strict=True):
        layer += weight * voxels[x % len(voxels)].astype(np.float32)
    _add_on_points(layer, _WEIGHTS, points)


@numba.njit(cache=True, nogil=True)
def _add_on_points(layer, weights, points):  # type: ignore[no-untyped-def]
    ny, nz = layer.shape
    taps = weights.shape[1]
    row = np.empty(nz + taps, np.float32)
    for j in range(2 * ny):
        row[:] = 0
        inside = row[3 : 3 + nz]
        for tap in range(taps):
            weight, others = weights[j % 2, tap], layer[(j // 2 + j % 2 - 3 + tap) % ny]
            for k in range(nz):
                inside[k] += weight * others[k]
        for k in range(3):
            row[2 - k] = row[nz + 2 - k % nz]
            row[nz + 3 + k] = row[3 + k % nz]
        for k in range(nz):
            lower, upper = np.float32(0), np.float32(0)
            for tap in range(taps):
                lower += weights[0, tap] * row[k + tap]
                upper += weights[1, tap] * row[k + 1 + tap]
            points[j, 2 * k] += lower
            points[j, 2 * k + 1] += upper
