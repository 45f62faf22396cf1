"""Where in its voxel a halo lies, and how fast it moves there.

Three rules, each a function of (seed, realisation, id) and of the voxels nearby, so that neither
the tiles nor the pieces that are worked on leave a trace:

- a halo is put into a sub-voxel with a probability proportional to a power of its density;
- of two halos nearer than friends-of-friends finds them apart the lighter gives way, which is to be
  put again, and of two in different voxels, which were drawn without knowing of each other, it may
  give way from further off;
- its velocity is interpolated linearly between those of the matter around it.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from halokeras.errors import BoxError
from halokeras.painting.catalogues.interpolation import interpolated
from halokeras.painting.catalogues.nearness import Distances, Fractions, give_way
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.ids import Draw
from halokeras.simulation.fine_matter.halo_motion import HaloMotion
from halokeras.simulation.threads import in_parts
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
_TOGETHER = 2**15
"""Halos that a thread puts into sub-voxels at a time."""


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
    def told(self) -> dict[str, Any]:
        """What halos are placed by but the fields, which are functions of the density."""
        names = ("sharpness", "exclusion", "reach", "reach_by_mass", "motion", "layers")
        return {name: getattr(self, name) for name in names}

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
    workers: int = 1,
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
    workers
        Threads.
    """
    weight = None if matter.density is None else _sub_density(piece, matter)
    local = piece.local(voxel)
    inside = _trial(local, ids, draw, weight, workers=workers)
    furthest = _FURTHEST if matter.keeps_apart and mass is not None else matter.exclusion
    if furthest == 0 or len(ids) == 0:
        return inside
    reach = np.zeros(len(ids))
    if mass is not None:
        reach = matter.reach + matter.reach_by_mass * mass.astype(np.float64) / _REACH_MASS
    distances = Distances(matter.exclusion, reach, furthest)
    order = _order(draw.uniform("rank", ids), mass)
    for trial in range(1, _ROUNDS + 1):
        chance = draw.uniform("unmoved", ids, trial)
        given = give_way(piece, voxel, inside, order, chance, distances, workers)
        inside[:, given] = _trial(local[:, given], ids[given], draw, weight, trial, workers)
    return inside


def velocities(  # noqa: PLR0913  (halos, which draw, and what moves them)
    piece: Piece,
    voxel: NDArray[np.int64],
    ids: NDArray[np.int64],
    inside: Fractions,
    draw: Draw,
    matter: Matter,
    mass: NDArray[np.floating] | None = None,
    workers: int = 1,
) -> NDArray[np.float32]:
    """Return how fast halos move, (3, N) [km/s], at their places in voxels of a piece.

    Parameters are those of `places`, and what it returned.

    Raises
    ------
    BoxError
        If a velocity is not finite.
    """
    assert matter.velocity is not None  # or nobody asks
    velocity = interpolated(piece, voxel, inside, matter.velocity, workers)
    if matter.smoothed is not None and matter.motion is not None:
        density = interpolated(piece, voxel, inside, matter.smoothed, workers)
        scatter = matter.motion.scatter(density, mass)
        # between the numbers that are drawn, so that none is 0 or 1
        chance = np.stack([draw.uniform(f"v{axis}", ids) + 2.0**-54 for axis in _AXES])
        velocity += (scatter * ndtri(chance)).astype(np.float32)
    if not np.isfinite(velocity).all():
        raise BoxError("velocity holds NaN or infinite values; make the box again")
    return velocity


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
    workers: int = 1,
) -> Fractions:
    """Return places of halos in their voxels, others at each trial."""
    inside = np.stack([draw.uniform(axis, ids, trial) for axis in _AXES])
    if weight is None:
        return inside
    chosen = _sub_voxels(weight, local, draw.uniform("sub-voxel", ids, trial), workers)
    place: Fractions = (chosen + inside) / weight.density.shape[1]
    return place


def _sub_voxels(
    weight: _SubDensity, voxel: NDArray[np.int64], chance: Fractions, workers: int
) -> NDArray[np.int64]:
    """Choose for each halo, (3, N) in the voxels of `weight`, the sub-voxel at `chance`, (N,)."""
    finer = weight.density.shape[1]
    chosen = np.empty(voxel.shape[1], dtype=np.int64)

    def choose(part: slice) -> None:
        x, y, z = voxel[:, part]
        # Only where there are halos: powers of all the density would take most of the time.
        each = weight.density[x, :, y, :, z, :].reshape(-1, finer**3) ** weight.sharpness
        each = np.where(each.any(axis=1, keepdims=True), each, np.float32(1))
        upper = np.cumsum(each, axis=1, dtype=np.float64)
        passed = (upper <= (chance[part] * upper[:, -1])[:, np.newaxis]).sum(axis=1)
        # A product that rounds up to the whole sum would pass the last one.
        chosen[part] = np.minimum(passed, finer**3 - 1)

    in_parts(choose, voxel.shape[1], _TOGETHER, workers)
    return np.stack(np.unravel_index(chosen, (finer, finer, finer)))


def _order(rank: Fractions, mass: NDArray[np.floating] | None) -> NDArray[np.int64]:
    """Return the place of each halo in the order of masses, heaviest first, or else of `rank`."""
    order = np.empty(len(rank), dtype=np.int64)
    order[np.lexsort((rank,) if mass is None else (rank, -mass))] = np.arange(len(rank))
    return order
