"""2LPT of boxes whose fields in real space would not fit in memory.

Lattices, modes and signs are those of `halokeras.simulation.lpt.lpt`; a box need not be a cube, and
lengths are in separations of particles. `second_order_source` and `deposit_particles` hold only
modes whole. Their steps, of columns of modes or of planes in real space, are functions of their
own, so that `halokeras.simulation.slabs.steps` takes the same ones with nothing whole in memory.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, lattice_of
from halokeras.simulation.lpt.deposit import ParticlePlane, deposit_plane, in_turn
from halokeras.simulation.lpt.lpt import dealiased
from halokeras.simulation.lpt.planes import (
    Columns,
    Planes,
    PlaneSet,
    add_rows,
    rows_in_passes,
    to_modes,
    to_rows,
)

Progress = Callable[[float], None]

HESSIAN = 3
"""Fields of rows that the second derivatives of a potential are made of."""
GRADIENT = 2
"""Fields of rows that its first ones are made of."""


class DisplacementModes(NamedTuple):
    """Modes of the fields that displace the particles of a box, and give them velocities.

    Attributes
    ----------
    potential
        Modes of the field whose inverse Laplacian is the potential of the displacement.
    overdensity
        Modes of the linear overdensity.
    share
        Added times `overdensity` to `potential` for the velocity: f1 / f2 - 1.
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
        that of `dealiased`, where none of their modes alias into those that are kept.
    """
    columns = Columns(lattice_of(delta))
    if fine is None:
        x, y, z = (dealiased(points) for points in columns.lattice)
        fine = x, y, z
    to_plane = planes_of_products(columns.lattice, fine, workers)
    source = np.zeros_like(delta)

    def write(plane_set: PlaneSet, rows: Modes) -> None:
        hessian_rows(delta, columns, plane_set, rows, workers)

    for plane_set, rows in rows_in_passes(fine[0], HESSIAN, delta, write):
        for plane in range(plane_set.number):
            multiply_plane(rows[:, plane], to_plane, workers)
            progress((plane_set.residue + (plane + 1) / plane_set.number) / plane_set.passes)
        add_rows(rows[0], plane_set, source, workers)
    return source


def planes_of_products(lattice: Shape, fine: Shape, workers: int) -> Planes:
    """Return what makes the planes whose products are the second order's."""
    return Planes(fine, lattice, lattice, workers)


def hessian_rows(
    delta: Modes, columns: Columns, plane_set: PlaneSet, rows: Modes, workers: int
) -> None:
    """Write rows, three fields of them, of which `multiply_plane` makes the second derivatives."""
    to_rows(delta, delta, 0, plane_set, columns.wavenumbers(columns.lattice), rows, workers)


def multiply_plane(rows: Modes, to_plane: Planes, workers: int) -> None:
    """Put the modes of a plane of the second order's source in the place of the first field."""
    potential, along_x, twice_along_x = rows
    product = _source_plane(
        to_plane(twice_along_x),
        to_plane(potential, y=2),
        to_plane(potential, z=2),
        to_plane(along_x, y=1),
        to_plane(along_x, z=1),
        to_plane(potential, y=1, z=1),
    )
    to_modes(product, potential, workers)


class ParticlePlanes(NamedTuple):
    """How the planes of particles are made.

    Attributes
    ----------
    particles
        Along x, y, z.
    velocity
        Whether velocities are wanted beside displacements.
    small_scales
        Displacements that are added, if any.
    """

    particles: Shape
    velocity: bool
    small_scales: SmallScales | None

    @property
    def fields(self) -> int:
        """How many fields of rows the planes are made of."""
        return GRADIENT * (1 + self.velocity) + (self.small_scales is not None)

    def rows(
        self,
        modes: DisplacementModes,
        columns: Columns,
        plane_set: PlaneSet,
        rows: Modes,
        workers: int,
    ) -> None:
        """Write rows of columns of modes."""
        waves = columns.wavenumbers(self.particles)
        potential, overdensity, share = modes
        to_rows(potential, overdensity, 0, plane_set, waves, rows[:GRADIENT], workers)
        if self.velocity:
            into = rows[GRADIENT : 2 * GRADIENT]
            to_rows(potential, overdensity, share, plane_set, waves, into, workers)
        if self.small_scales is not None:
            to_rows(overdensity, overdensity, 0, plane_set, waves, rows[-1:], workers)

    def plane(self, x: int, rows: Modes, to_plane: Planes) -> ParticlePlane:
        """Return displacements, and velocities, of the particles of plane x by its rows."""
        planes = []
        for first in range(0, GRADIENT * (1 + self.velocity), GRADIENT):
            potential, along_x = rows[first : first + GRADIENT]
            planes += [to_plane(along_x), to_plane(potential, y=1), to_plane(potential, z=1)]
        if self.small_scales is not None:
            period = len(self.small_scales.displacement)
            here = (field[x % period] for field in self.small_scales)
            _add_repeated(*planes[:3], to_plane(rows[-1]), *here)
        return planes


def deposit_particles(
    displacement: DisplacementModes,
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
    displacement
        What displaces them, and gives them velocities.
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
    made = ParticlePlanes(particles, any(grid.ndim > 3 for grid in grids), small_scales)
    lattice = lattice_of(displacement.potential)
    to_plane = Planes(particles, lattice, particles, workers)

    def write(plane_set: PlaneSet, rows: Modes) -> None:
        made.rows(displacement, Columns(lattice), plane_set, rows, workers)

    def planes() -> Iterator[tuple[int, ParticlePlane]]:
        passes = rows_in_passes(particles[0], made.fields, displacement.potential, write)
        for plane_set, rows in passes:
            for plane in range(plane_set.number):
                x = plane_set.residue + plane * plane_set.passes
                yield x, made.plane(x, rows[:, plane], to_plane)
                done = plane_set.residue + (plane + 1) / plane_set.number
                progress(done / plane_set.passes)

    adders = [
        partial(deposit_plane, per_cell=particles[0] / grid.shape[0], grid=grid) for grid in grids
    ]
    in_turn(planes(), adders)


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
        to_modes(plane.astype(np.float32), into, workers)
    fft.fft(modes, axis=0, norm="forward", overwrite_x=True, workers=workers)
    if points[0] > lattice[0]:
        modes = np.concatenate([modes[:half], modes[points[0] - half :]])
    modes[half] = 0
    modes[0, 0, 0] = 0
    return modes


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
