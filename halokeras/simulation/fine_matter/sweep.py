"""The 2LPT matter of a box below its voxels, slab after slab along x, for boxes beyond memory.

Planes of particles are added, in their order, to a ring of layers: those that further planes can
reach, and the slabs before them that are kept. A slab is done once no further plane reaches it or
the voxels around it that near scales of the velocity need. Nothing else but the planes is kept, so
that fields are made again for each draw.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.power import linear_power
from halokeras.simulation.fine_matter.far_infall import add_on_points
from halokeras.simulation.fine_matter.fields import (
    POINTS,
    SUB_VOXELS,
    FineFields,
    kept_bytes,
    modes_of,
    smoothed_in,
    to_halos,
    velocity_in,
)
from halokeras.simulation.fine_matter.halo_motion import halo_motion
from halokeras.simulation.fine_matter.infall import infall, near_margin, near_shares
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.deposit import (
    MakePlanes,
    ParticlePlane,
    deposit_planes,
    in_turn,
)
from halokeras.simulation.lpt.recipe import PARTICLES
from halokeras.simulation.threads import in_threads

_THICK, _THIN = 8, 4
"""Voxels along x of a slab, at most and at least."""
_SLAB_BYTES = 2**30
"""Bytes of what is kept of a slab, where it is not as thin as it may be."""
_TOGETHER = 5
"""Layers of voxels that halos can be placed in at a time, at least, of slabs that are kept."""
_AROUND = 4
"""Voxels on either side that halos are placed with, by `halokeras.painting.catalogues.places`."""
_PLACED_BYTES = 70
"""Bytes a voxel, about, of the halos that are placed in it."""
_DEVIATIONS = 7
"""Standard deviations of the linear displacement that particles are taken to reach."""


def reach(box: LptBox) -> int:
    """Return how many voxels particles move along an axis, at most."""
    k, power = linear_power(box.cosmology, box.redshift, 20.0)
    rms = float(np.sqrt(np.trapezoid(power, k) / (6 * np.pi**2)))
    return ceil(_DEVIATIONS * rms / box.voxel_size) + 1


def sweep_bytes(box: LptBox, planes: int, kept: int) -> int:
    """Return the memory that a sweep takes.

    Parameters
    ----------
    box
        The box.
    planes
        Bytes of the planes of particles that are added to it.
    kept
        Bytes that stay of them once they are.
    """
    layer = prod(box.voxels[1:])
    modes, read = 4 * POINTS**3 * layer, (_read(box) + 2 * _AROUND) * layer
    # those of what halos of a slab fall by are made, and the density read, once planes are added
    meanwhile = max(planes, kept + max(3 * _thick(box) * modes, 4 * SUB_VOXELS**3 * read))
    ring = _layers(box) * _bytes_of_layer(box) + _around(box) * modes
    return ring + _PLACED_BYTES * read + meanwhile


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


def _kept(box: LptBox) -> int:
    """Return how many slabs are kept, for halos that are placed in order."""
    return 1 + ceil((_TOGETHER - 1 + 2 * _AROUND) / _thick(box))


def _read(box: LptBox) -> int:
    """Return the layers of voxels that may be read at a time: they lie in slabs that are kept."""
    return max((_kept(box) - 1) * min(map(len, _slabs(box))) + 1 - 2 * _AROUND, 1)


def _around(box: LptBox) -> int:
    """Return the layers of voxels that a slab's near scales are of."""
    return _thick(box) + 2 * near_margin(box.voxel_size)


def _layers(box: LptBox) -> int:
    """Return the layers of voxels in the ring: those of slabs that are kept, and on."""
    return _kept(box) * _thick(box) + near_margin(box.voxel_size) + 2 * reach(box) + 1


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
        self, box: LptBox, planes: MakePlanes, speed: float, far: NDArray[np.float16], workers: int
    ) -> None:
        self._box, self._planes, self._speed = box, planes, speed
        self._far, self._workers = far, workers
        self._motion = halo_motion(box.cosmology, box.redshift)
        self._slabs, self._kept = _slabs(box), _kept(box)
        self._around, self._reach = near_margin(box.voxel_size), reach(box)
        layers, (y, z) = _layers(box), box.voxels[1:]
        sub, points = SUB_VOXELS, POINTS
        self._density = np.zeros((layers * sub, y * sub, z * sub), dtype=np.float32)
        self._moving = np.zeros((layers * points, y * points, z * points, 4), dtype=np.float32)
        half = z * points // 2 + 1
        self._modes = np.empty((_around(box) * points, y * points, half), dtype=np.complex64)
        self._made: dict[int, int] = {}
        self._next_slab, self._next_layer, self._next_modes, self._rounds = -1, 0, 0, 0

    def fields(self) -> FineFields:
        """Return the fields, which are made as they are read."""
        return FineFields(
            _Swept(self, self._density, SUB_VOXELS),
            _Swept(self, velocity_in(self._moving), POINTS),
            _Swept(self, smoothed_in(self._moving), POINTS),
            self._motion,
            layers=_read(self._box),
        )

    def layers(self) -> int:
        """Return the voxels of the box along x."""
        return self._box.voxels[0]

    def place(self, layer: int) -> int:
        """Return where the ring has a layer of voxels, which is made if need be.

        It is there until another layer is asked for that is not.
        """
        number = next(one for one, slab in enumerate(self._slabs) if layer in slab)
        if number not in self._made:
            self._make(number)
        return self._made[number] + layer

    def _make(self, number: int) -> None:
        if number != self._next_slab:
            self._begin(number)
        # layers are counted on where the box ends, so that the ring needs no other place then
        first = self._rounds * self._box.voxels[0]
        own = range(first + self._slabs[number].start, first + self._slabs[number].stop)
        while len(self._made) >= self._kept:
            del self._made[next(iter(self._made))]
        self._add(range(self._next_layer, own.stop + self._around + self._reach))
        self._transform(range(self._next_modes, own.stop + self._around))
        self._finish(own)
        self._made[number] = first
        self._next_slab = (number + 1) % len(self._slabs)
        self._rounds += self._next_slab == 0

    def _begin(self, number: int) -> None:
        self._density[:], self._moving[:] = 0, 0
        self._made.clear()
        self._rounds = 0
        self._next_modes = self._slabs[number].start - self._around
        self._next_layer = self._next_modes - self._reach

    def _transform(self, layers: range) -> None:
        """Keep the modes of the density in layers that no further plane reaches."""

        def transform(plane: int) -> None:
            moving = self._moving[plane % len(self._moving)]
            self._modes[plane % len(self._modes)] = modes_of(moving)

        in_threads(transform, _planes(layers), self._workers)
        self._next_modes = layers.stop

    def _finish(self, own: range) -> None:
        """Turn what is summed in layers into what halos move by."""
        around = _planes(range(own.start - self._around, own.stop + self._around))
        margin, planes = self._around * POINTS, _planes(own)
        told = infall(
            self._modes,
            np.array(around) % len(self._modes),
            slice(margin, -margin),
            (len(around), *self._moving.shape[1:3]),
            self._box.voxel_size / POINTS,
            near_shares(self._motion, self._box.voxel_size),
            self._workers,
        )

        def finish(number: int) -> None:
            velocity = told.velocity(number)
            for far, component in zip(self._far, velocity, strict=True):
                add_on_points(far, planes[number], component)
            moving = self._moving[planes[number] % len(self._moving)]
            to_halos(moving, velocity, told.smoothed(number), self._speed, self._motion)

        in_threads(finish, range(len(planes)), self._workers)

    def _add(self, layers: range) -> None:
        """Add the particles of some layers of voxels to the ring, which is cleared before them."""
        adders = [
            partial(self._deposit, grid, points)
            for grid, points in ((self._density, SUB_VOXELS), (self._moving, POINTS))
        ]
        numbers = range(layers.start * PARTICLES, layers.stop * PARTICLES)

        def planes() -> Iterator[tuple[int, list[ParticlePlane]]]:
            made = self._planes(numbers)
            for layer in layers:
                here = [plane for _, plane in islice(made, PARTICLES)]
                moved, farthest = [plane[0] for plane in here], self._reach * PARTICLES
                # or they were lost
                assert all(-farthest < one.min() and one.max() < farthest for one in moved)
                self._clear(layer + self._reach + 1)
                yield layer * PARTICLES, here

        in_turn(planes(), adders)
        self._next_layer = layers.stop

    def _deposit(
        self, grid: NDArray[np.float32], points: int, first: int, planes: list[ParticlePlane]
    ) -> None:
        # places are told within the box, as further off they would round otherwise
        side = self._box.voxels[0]
        rounds, inside = divmod(first, side * PARTICLES)
        deposit_planes(inside, planes, PARTICLES / points, grid, -rounds * side * points)

    def _clear(self, layer: int) -> None:
        for grid, points in ((self._density, SUB_VOXELS), (self._moving, POINTS)):
            first = layer * points % len(grid)
            grid[first : first + points] = 0


def _planes(layers: range) -> range:
    """Return the planes of points in layers of voxels."""
    return range(layers.start * POINTS, layers.stop * POINTS)


class _Swept:
    """One of the fields, as a `Grid`.

    Parameters
    ----------
    sweep
        What makes it.
    ring
        Where it is made: (..., layers of the ring, ny, nz).
    points
        How many it has along the side of a voxel.
    """

    def __init__(self, sweep: FineSweep, ring: NDArray[np.float32], points: int) -> None:
        self.shape = (*ring.shape[:-3], sweep.layers() * points, *ring.shape[-2:])
        self._sweep, self._ring, self._points = sweep, ring, points

    def __getitem__(self, place: Any, /) -> NDArray[np.float32]:
        place = place if isinstance(place, tuple) else (place,)
        place += (slice(None),) * (len(self.shape) - len(place))
        lead = len(self.shape) - 3
        before, after = place[:lead], place[lead + 1 :]
        start, stop, _ = place[lead].indices(self.shape[lead])
        shape = list(self._ring[(*before, slice(0), *after)].shape)
        shape[lead] = stop - start
        for x in range(start, stop):  # before what is found takes memory, as making slabs does
            self._place(x)
        found = np.empty(shape, dtype=self._ring.dtype)
        # of more planes than are kept a slab is made where the one was that planes before are of
        for number, x in enumerate(range(start, stop)):
            np.moveaxis(found, lead, 0)[number] = self._ring[(*before, self._place(x), *after)]
        return found

    def _place(self, plane: int) -> int:
        layer, inside = divmod(plane, self._points)
        at: int = (self._sweep.place(layer) * self._points + inside) % self._ring.shape[-3]
        return at
