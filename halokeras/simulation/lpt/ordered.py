"""Planes of particles with velocities in their order along x: of two potentials on disk.

Made in any order, as `halokeras.simulation.lpt.streamed` makes them, they take five fields of rows.
In order they take two, whose derivatives along x are those of `halokeras.simulation.lpt.along_x`:
displacements then round to 1e-4 of what the longest waves give, which is 1e-4 of a separation of
particles in boxes of 1024^3 voxels.
"""

from collections.abc import Callable

import numba
import numpy as np

from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes
from halokeras.simulation.lpt.along_x import RowsAlongX
from halokeras.simulation.lpt.deposit import ParticlePlane
from halokeras.simulation.lpt.planes import Columns, Planes, PlaneSet, Waves, to_rows
from halokeras.simulation.lpt.streamed import DisplacementModes, ParticlePlanes, SmallScales
from halokeras.simulation.threads import in_threads

POTENTIALS = 2
"""Fields of rows: the potential of the displacement, and that of the linear overdensity."""

_TURN = np.complex64(1j)


def potential_rows(
    modes: DisplacementModes,
    columns: Columns,
    particles: Shape,
    plane_set: PlaneSet,
    rows: Modes,
    workers: int,
) -> None:
    """Write rows of the two potentials of columns of modes.

    Parameters
    ----------
    modes
        What displaces particles, in some columns.
    columns
        The columns.
    particles
        Particles along x, y, z.
    plane_set
        The planes wanted.
    rows
        (2, planes, columns, modes along z), which are written.
    workers
        Threads.
    """
    waves = columns.wavenumbers(particles)
    potential = np.empty_like(modes.potential)
    for field, into in zip((modes.potential, modes.overdensity), rows, strict=True):
        _invert_laplacian(field, waves, potential, workers)
        to_rows(potential, potential, 0, plane_set, waves, into[np.newaxis], workers)


class OrderedPlanes:
    """Makes planes of particles of rows of the two potentials, fastest in order.

    Parameters
    ----------
    read
        Returns rows of some planes, as `potential_rows` writes them.
    lattice
        Lattice of the modes.
    particles
        Particles along x, y, z.
    share
        That of `DisplacementModes`.
    small
        Displacements that are added.
    at_a_time
        Planes to read at a time.
    workers
        Threads.
    """

    def __init__(
        self,
        read: Callable[[range], Modes],
        lattice: Shape,
        particles: Shape,
        share: float,
        small: SmallScales,
        at_a_time: int,
        workers: int,
    ) -> None:
        self._made = ParticlePlanes(particles, True, small)
        self._to_plane = Planes(particles, lattice, particles, workers)
        _, y, z = Columns(lattice).wavenumbers(particles)
        self._across, self._share = y[:, np.newaxis] ** 2 + z**2, np.float32(share)
        self._rows = RowsAlongX(read, (POTENTIALS, len(y), len(z)), at_a_time, workers)

    def plane(self, x: int) -> ParticlePlane:
        """Return displacements and velocities of plane x; beyond the box planes wrap."""
        return self._made.plane(x % self._made.particles[0], self._fields(x), self._to_plane)

    def _fields(self, x: int) -> Modes:
        """Return the rows that `ParticlePlanes.rows` would write."""
        self._rows.go_to(x)
        displacing, linear = self._rows.plane(x)
        rows = np.empty((self._made.fields, *displacing.shape), dtype=np.complex64)
        rows[0], rows[1] = displacing, _TURN * -self._rows.first(x, 0)
        rows[2] = displacing + self._share * linear
        rows[3] = rows[1] - _TURN * self._share * self._rows.first(x, 1)
        rows[-1] = _TURN * (self._rows.second(x, 1) - self._across * linear)
        return rows


def _invert_laplacian(modes: Modes, waves: Waves, made: Modes, workers: int) -> None:
    """Write i times minus the inverse Laplacian of columns of modes."""
    x, y, z = waves

    def make(i: int) -> None:
        _invert(modes[i], x[i], y, z, made[i])

    in_threads(make, range(len(modes)), workers)


@numba.njit(cache=True, nogil=True)
def _invert(modes, x, y, z, made):  # type: ignore[no-untyped-def]
    for j in range(len(y)):
        across = x * x + y[j] * y[j]
        for k in range(len(z)):
            square = across + z[k] * z[k]
            inverse = np.float32(1) / square if square > 0 else np.float32(0)
            made[j, k] = complex(-modes[j, k].imag * inverse, modes[j, k].real * inverse)
