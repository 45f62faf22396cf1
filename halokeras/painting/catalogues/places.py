"""Where in its voxel a halo lies, and how fast it moves there.

Three rules, each a function of (seed, realisation, id) and of the voxels nearby, so that neither
the tiles nor the pieces that are worked on leave a trace:

- a halo is put into a sub-voxel with a probability proportional to a power of its density;
- of two halos nearer than friends-of-friends finds them apart the lighter gives way, which is to be
  put again, and of two in different voxels, which were drawn without knowing of each other, it may
  give way from further off;
- its velocity is interpolated linearly between those of the matter around it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtri

from halokeras.errors import BoxError
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.ids import Draw
from halokeras.simulation.fine_matter.halo_motion import HaloMotion
from halokeras.storage.grid import Grid

_ROUNDS = 2
"""Times that halos give way: of the pairs that are too close, few are left after the first."""

_FURTHEST = 1.25
"""Distance from which on halos in different voxels leave each other alone, in sides of a voxel."""

MARGIN = _ROUNDS * ceil(_FURTHEST)
"""Voxels around a halo that its place may depend on: in each round others move in their own."""

_REACH_MASS = 1e13
"""Mass that `Matter.reach_by_mass` is given for [Msun/h]."""

_AXES = ("x", "y", "z")
_EXACT = 2.0**24
"""Parts of a voxel's side in which separations are measured, exactly wherever a piece begins."""

Fractions = NDArray[np.float64]


@dataclass(frozen=True)
class Matter:
    """What is known of the matter that halos are placed by.

    Attributes
    ----------
    density
        rho/mean on a grid finer than the voxels by a whole number; None where nothing is known and
        any place in a voxel is as likely.
    sharpness
        Power of the density that the probability of a sub-voxel is proportional to.
    exclusion
        Least distance between two halos, in sides of a voxel, at most 1.
    reach, reach_by_mass
        How far halos in different voxels keep apart, in sides of a voxel: the light ones, and what
        1e13 Msun/h add to it; proportional to the mass, and for a pair the mean of both. Of a pair
        that is nearer than its reach r, and than 1.25 sides, the lighter gives way with the
        probability 1 - d / r, d being their distance. Both are left out of halos without masses.
    velocity
        [km/s], (3, nx, ny, nz) or finer by a whole number.
    smoothed
        rho/mean on the same points, by which halos scatter about it; None where none do.
    motion
        How much they do, by that density and their masses.
    layers
        Voxels along x that are to be read at a time, at most; None where any are.
    """

    density: Grid | None = None
    sharpness: float = 1.0
    exclusion: float = 0.0
    reach: float = 0.0
    reach_by_mass: float = 0.0
    velocity: Grid | None = None
    smoothed: Grid | None = None
    motion: HaloMotion | None = None
    layers: int | None = None

    @property
    def keeps_apart(self) -> bool:
        """Whether halos with masses give way to heavier ones in other voxels."""
        return self.reach > 0 or self.reach_by_mass > 0

    @property
    def margin(self) -> int:
        """Voxels around a halo that its place may depend on."""
        return MARGIN if self.exclusion > 0 or self.keeps_apart else 0


def places(
    piece: Piece,
    voxel: NDArray[np.int64],
    ids: NDArray[np.int64],
    draw: Draw,
    matter: Matter,
    mass: NDArray[np.floating] | None = None,
) -> Fractions:
    """Return where in their voxels halos lie, (3, N) in [0, 1).

    Parameters
    ----------
    piece
        Part of the box that holds the voxels and, where halos keep a distance, `matter.margin` more
        around those whose places are to be exact.
    voxel, ids
        Voxel of each halo in the box, (3, N), and its id, (N,).
    draw, matter
        What places them.
    mass
        (N,) [Msun/h]; of halos without, whichever of two the draw says is taken for the lighter.
    """
    weight = None if matter.density is None else _sub_density(piece, matter)
    local = piece.local(voxel)
    inside = _trial(local, ids, draw, weight)
    nearest = _FURTHEST if matter.keeps_apart and mass is not None else matter.exclusion
    if nearest == 0 or len(ids) == 0:
        return inside
    reach = np.zeros(len(ids))
    if mass is not None:
        reach = matter.reach + matter.reach_by_mass * mass.astype(np.float64) / _REACH_MASS
    order = _order(draw.uniform("rank", ids), mass)
    for trial in range(1, _ROUNDS + 1):
        pairs = _Pairs.within(nearest, piece, local, inside, order)
        apart = np.maximum((reach[pairs.first] + reach[pairs.last]) / 2, 1e-30)
        chance = np.where(pairs.shared, 0.0, 1 - pairs.distance / apart)
        chance[pairs.distance < matter.exclusion] = 1.0
        gives_way = draw.uniform("unmoved", ids, trial)[pairs.last] < chance
        given = np.unique(pairs.last[gives_way])
        inside[:, given] = _trial(local[:, given], ids[given], draw, weight, trial)
    return inside


def velocities(
    piece: Piece,
    voxel: NDArray[np.int64],
    ids: NDArray[np.int64],
    inside: Fractions,
    draw: Draw,
    matter: Matter,
    mass: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """Return how fast halos move, (3, N) [km/s], at their places in voxels of a piece.

    Parameters are those of `places`, and what it returned.

    Raises
    ------
    BoxError
        If a velocity is not finite.
    """
    assert matter.velocity is not None  # or nobody asks
    velocity = interpolated(piece, voxel, inside, matter.velocity)
    if matter.smoothed is not None and matter.motion is not None:
        density = interpolated(piece, voxel, inside, matter.smoothed)
        scatter = matter.motion.scatter(density, mass)
        # between the numbers that are drawn, so that none is 0 or 1
        chance = np.stack([draw.uniform(f"v{axis}", ids) + 2.0**-54 for axis in _AXES])
        velocity += (scatter * ndtri(chance)).astype(np.float32)
    if not np.isfinite(velocity).all():
        raise BoxError("velocity holds NaN or infinite values; make the box again")
    return velocity


def interpolated(
    piece: Piece, voxel: NDArray[np.int64], inside: Fractions, grid: Grid
) -> NDArray[np.float32]:
    """Interpolate a grid, (..., nx, ny, nz) or finer, linearly at places in voxels of a piece."""
    finer = grid.shape[-3] // piece.shape[0]
    around = np.asarray(piece.read(grid, finer, beyond=1), dtype=np.float32)
    place = inside * finer - 0.5
    below = np.floor(place).astype(np.int64)
    share = (place - below).astype(np.float32)
    corner = piece.local(voxel) * finer + below
    corner[:2] += 1  # what is read begins one point before
    found = np.zeros((*around.shape[:-3], inside.shape[1]), dtype=np.float32)
    for step in np.ndindex(2, 2, 2):
        towards = np.array(step)[:, np.newaxis]
        x, y, z = corner + towards
        part = np.where(towards == 1, share, 1 - share).prod(axis=0, dtype=np.float32)
        found += part * around[..., x, y, z % around.shape[-1]]
    return found


class _SubDensity(NamedTuple):
    """A density in the voxels of a piece, (nx, finer, ny, finer, nz, finer), and its power."""

    density: NDArray[np.float32]
    sharpness: float


def _sub_density(piece: Piece, matter: Matter) -> _SubDensity:
    assert matter.density is not None  # or nobody asks
    finer = matter.density.shape[0] // piece.shape[0]
    fine = np.asarray(piece.read(matter.density, finer), dtype=np.float32)
    x, y, z = (length // finer for length in fine.shape)
    return _SubDensity(fine.reshape(x, finer, y, finer, z, finer), matter.sharpness)


def _trial(
    local: NDArray[np.int64],
    ids: NDArray[np.int64],
    draw: Draw,
    weight: _SubDensity | None,
    trial: int = 0,
) -> Fractions:
    """Return places of halos in their voxels, others at each trial."""
    inside = np.stack([draw.uniform(axis, ids, trial) for axis in _AXES])
    if weight is None:
        return inside
    chosen = _sub_voxels(weight, local, draw.uniform("sub-voxel", ids, trial))
    place: Fractions = (chosen + inside) / weight.density.shape[1]
    return place


def _sub_voxels(
    weight: _SubDensity, voxel: NDArray[np.int64], chance: Fractions
) -> NDArray[np.int64]:
    """Choose for each halo, (3, N) in the voxels of `weight`, the sub-voxel at `chance`, (3, N)."""
    finer = weight.density.shape[1]
    chosen = np.empty(voxel.shape[1], dtype=np.int64)
    for part in _parts(voxel.shape[1]):
        x, y, z = voxel[:, part]
        # Only where there are halos: powers of all the density would take most of the time.
        each = weight.density[x, :, y, :, z, :].reshape(-1, finer**3) ** weight.sharpness
        each = np.where(each.any(axis=1, keepdims=True), each, np.float32(1))
        upper = np.cumsum(each, axis=1, dtype=np.float64)
        passed = (upper <= (chance[part] * upper[:, -1])[:, np.newaxis]).sum(axis=1)
        # A product that rounds up to the whole sum would pass the last one.
        chosen[part] = np.minimum(passed, finer**3 - 1)
    return np.stack(np.unravel_index(chosen, (finer, finer, finer)))


def _parts(size: int, most: int = 2**16) -> Iterator[slice]:
    for start in range(0, size, most):
        yield slice(start, start + most)


class _Pairs(NamedTuple):
    """Halos near each other: the first of each pair in the order, the last, and how far apart."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    distance: Fractions
    shared: NDArray[np.bool_]

    @classmethod
    def within(
        cls,
        distance: float,
        piece: Piece,
        local: NDArray[np.int64],
        inside: Fractions,
        order: NDArray[np.int64],
    ) -> "_Pairs":
        """Find the pairs that are nearer than a distance in sides of a voxel."""
        place = (local + np.floor(inside * _EXACT) / _EXACT).T
        tree = cKDTree(place, boxsize=piece.periods)
        one, other = tree.query_pairs(distance, output_type="ndarray").T
        first, last = np.where(order[one] < order[other], (one, other), (other, one))
        away = np.abs(place[first] - place[last])
        periods = np.array(piece.periods, dtype=np.float64)
        away = np.minimum(away, np.where(periods > 0, np.abs(periods - away), away))
        shared = (local[:, first] == local[:, last]).all(axis=0)
        return cls(first, last, np.sqrt((away**2).sum(axis=1)), shared)


def _order(rank: Fractions, mass: NDArray[np.floating] | None) -> NDArray[np.int64]:
    """Return the place of each halo in the order of masses, heaviest first, or else of `rank`."""
    order = np.empty(len(rank), dtype=np.int64)
    order[np.lexsort((rank,) if mass is None else (rank, -mass))] = np.arange(len(rank))
    return order
