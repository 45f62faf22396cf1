"""The 2LPT matter of a box below its voxels, slab after slab along x, for boxes beyond memory.

Planes of particles are added, in their order, to a ring of layers: those that further planes can
reach, and some before them. A slab is done once no further plane reaches it or the voxels around it
that near scales of the velocity need. Nothing but the planes is kept, so that fields are made again
for each draw.
"""

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.power import linear_power
from halokeras.simulation.deposit import ParticlePlane, deposit_plane, in_turn
from halokeras.simulation.fine_fields import (
    POINTS,
    SUB_VOXELS,
    FineFields,
    density_of,
    kept_bytes,
    to_velocity,
)
from halokeras.simulation.halo_motion import halo_motion
from halokeras.simulation.infall import add_near_infall, near_margin, on_points
from halokeras.simulation.lpt_box import LptBox
from halokeras.simulation.lpt_recipe import PARTICLES
from halokeras.simulation.plane_rows import MakePlanes
from halokeras.simulation.threads import numba_threads

_THICK, _THIN = 16, 4
"""Voxels along x of a slab, at most and at least."""
_SLAB_BYTES = 2**30
"""Bytes of what is kept of a slab, where it is not as thin as it may be."""
_KEPT = 2
"""Slabs that are kept: halos are placed in order, by less than half a slab at a time."""
_DEVIATIONS = 8
"""Standard deviations of the linear displacement that particles are taken to reach."""
_INTERPOLATED = 3
"""Voxels on either side that far scales of the velocity are interpolated by."""


def reach(box: LptBox) -> int:
    """Return how many voxels particles move along an axis, at most."""
    k, power = linear_power(box.cosmology, box.redshift, 20.0)
    rms = float(np.sqrt(np.trapezoid(power, k) / (6 * np.pi**2)))
    return ceil(_DEVIATIONS * rms / box.voxel_size) + 1


def sweep_bytes(box: LptBox) -> int:
    """Return the memory that a sweep takes, but for the planes."""
    points = 4 * POINTS**3 * prod(box.voxels[1:])
    around = _thick(box) + 2 * near_margin(box.voxel_size)
    # the density on the points of a slab with those around it, its modes twice, a field and a copy
    transforms = 5 * around * points
    return (_layers(box) + (_KEPT + 1) * _thick(box)) * _bytes_of_layer(box) + transforms


def _bytes_of_layer(box: LptBox) -> int:
    """Return the bytes of the fields in a layer of voxels, and of the sums that they are of."""
    return kept_bytes(box) // box.voxels[0]


def _thick(box: LptBox) -> int:
    """Return the voxels along x of a slab."""
    return max(_THIN, min(_THICK, _SLAB_BYTES // _bytes_of_layer(box)))


def _slabs(box: LptBox) -> list[range]:
    """Cut a box along x into slabs as thick as may be, all but equally."""
    side = box.voxels[0]
    number = ceil(side / _thick(box))
    return [range(one * side // number, (one + 1) * side // number) for one in range(number)]


def _layers(box: LptBox) -> int:
    """Return the layers of voxels in the ring."""
    return _thick(box) + 2 * (near_margin(box.voxel_size) + reach(box) + 1)


class FineSweep:
    """Makes the fields of a box, slab by slab.

    Parameters
    ----------
    box
        The box.
    planes
        Its particles.
    speed
        As that of `LptParticles`.
    far
        Velocity of far scales on the voxels [km/s], (3, nx, ny, nz).
    workers
        Threads.
    """

    def __init__(
        self, box: LptBox, planes: MakePlanes, speed: float, far: NDArray[np.float32], workers: int
    ) -> None:
        self._box, self._planes, self._speed = box, planes, speed
        self._far, self._workers = far, workers
        self._motion = halo_motion(box.cosmology, box.redshift)
        self._slabs = _slabs(box)
        self._around, self._reach = near_margin(box.voxel_size), reach(box)
        layers, (y, z) = _layers(box), box.voxels[1:]
        sub, points = SUB_VOXELS, POINTS
        self._density = np.zeros((layers * sub, y * sub, z * sub), dtype=np.float32)
        self._moving = np.zeros((layers * points, y * points, z * points, 4), dtype=np.float32)
        self._made: OrderedDict[int, FineFields] = OrderedDict()
        self._next_slab, self._next_layer, self._rounds = -1, 0, 0

    def fields(self) -> FineFields:
        """Return the fields, which are made as they are read."""
        x, y, z = self._box.voxels
        fine = (x * SUB_VOXELS, y * SUB_VOXELS, z * SUB_VOXELS)
        points = (x * POINTS, y * POINTS, z * POINTS)
        return FineFields(
            _Swept(self, "density", fine, SUB_VOXELS),
            _Swept(self, "velocity", (3, *points), POINTS),
            _Swept(self, "smoothed", points, POINTS),
            self._motion,
            # with two more on either side they lie in two slabs, which are kept
            layers=max(_thick(self._box) // 2 - 1, 1),
        )

    def cut(self, voxels: range) -> Iterator[tuple[FineFields, range]]:
        """Return the slabs that some voxels along x lie in, each with the voxels in it."""
        for number, slab in enumerate(self._slabs):
            start, stop = max(slab.start, voxels.start), min(slab.stop, voxels.stop)
            if start < stop:
                yield self._slab(number), range(start - slab.start, stop - slab.start)

    def _slab(self, number: int) -> FineFields:
        if number not in self._made:
            while len(self._made) >= _KEPT:
                self._made.popitem(last=False)
            with numba_threads(self._workers):
                self._made[number] = self._make(number)
        return self._made[number]

    def _make(self, number: int) -> FineFields:
        if number != self._next_slab:
            self._begin(number)
        # layers are counted on where the box ends, so that the ring needs no other place then
        first = self._rounds * self._box.voxels[0]
        own = range(first + self._slabs[number].start, first + self._slabs[number].stop)
        self._add(range(self._next_layer, own.stop + self._around + self._reach))
        self._next_slab = (number + 1) % len(self._slabs)
        self._rounds += self._next_slab == 0
        around = range(own.start - self._around, own.stop + self._around)
        density = _of_ring(self._density, own, SUB_VOXELS)
        moving = _of_ring(self._moving, own, POINTS)
        to_velocity(moving, self._speed)
        velocity, smoothed = np.moveaxis(moving[..., 1:], -1, 0), moving[..., 0]
        on_all = density_of(_of_ring(self._moving[..., :1], around, POINTS))
        add_near_infall(
            velocity, smoothed, on_all, self._box.voxel_size, self._motion, self._workers
        )
        beyond = range(own.start - _INTERPOLATED, own.stop + _INTERPOLATED)
        for component, far in zip(velocity, self._far, strict=True):
            component += on_points(far.take(beyond, axis=0, mode="wrap"))
        return FineFields(density, velocity, smoothed, self._motion)

    def _begin(self, number: int) -> None:
        self._density[:], self._moving[:] = 0, 0
        self._rounds = 0
        self._next_layer = self._slabs[number].start - self._around - self._reach

    def _add(self, layers: range) -> None:
        """Add the particles of some layers of voxels to the ring, which is cleared before them."""
        adders = [
            partial(self._deposit, grid, points)
            for grid, points in ((self._density, SUB_VOXELS), (self._moving, POINTS))
        ]
        numbers = range(layers.start * PARTICLES, layers.stop * PARTICLES)

        def planes() -> Iterator[tuple[int, ParticlePlane]]:
            for x, plane in self._planes(numbers):
                assert np.abs(plane[0]).max() < self._reach * PARTICLES  # or they were lost
                if x % PARTICLES == 0:
                    self._clear(x // PARTICLES + self._reach + 1)
                yield x, plane

        in_turn(planes(), adders)
        self._next_layer = layers.stop

    def _deposit(
        self, grid: NDArray[np.float32], points: int, x: int, plane: ParticlePlane
    ) -> None:
        # places are told within the box, as further off they would round otherwise
        side = self._box.voxels[0]
        rounds, inside = divmod(x, side * PARTICLES)
        deposit_plane(inside, plane, PARTICLES / points, grid, -rounds * side * points)

    def _clear(self, layer: int) -> None:
        for grid, points in ((self._density, SUB_VOXELS), (self._moving, POINTS)):
            first = layer * points % len(grid)
            grid[first : first + points] = 0


def _of_ring(ring: NDArray[np.float32], voxels: range, points: int) -> NDArray[np.float32]:
    wanted = range(voxels.start * points, voxels.stop * points)
    return ring.take(wanted, axis=0, mode="wrap")


class _Swept:
    """One of the fields, as a `Grid`.

    Parameters
    ----------
    sweep
        What makes it.
    name
        Its name.
    shape
        Its shape, x the last but two.
    points
        How many it has along the side of a voxel.
    """

    def __init__(self, sweep: FineSweep, name: str, shape: tuple[int, ...], points: int) -> None:
        self.shape = shape
        self._sweep, self._name, self._points = sweep, name, points

    def __getitem__(self, place: Any, /) -> NDArray[np.float32]:
        place = place if isinstance(place, tuple) else (place,)
        lead = len(self.shape) - 3
        start, stop, _ = place[lead].indices(self.shape[lead])
        voxels = range(start // self._points, -(-stop // self._points))
        parts = []
        for slab, inside in self._sweep.cut(voxels):
            cells = slice(inside.start * self._points, inside.stop * self._points)
            parts.append(getattr(slab, self._name)[(*place[:lead], cells)])
        first = start - voxels.start * self._points
        along_x = np.concatenate(parts, axis=lead)
        whole = (slice(None),) * lead
        return along_x[(*whole, slice(first, first + stop - start), *place[lead + 1 :])]
