"""What the 2LPT density of a box is made of, wherever it is made: in memory or slab by slab.

Modes up to twice the Nyquist wavenumber of the voxels are the box's own, to second order. Smaller
scales are those of a small box that is repeated.
"""

from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np
from scipy.fft import next_fast_len

from halokeras.cosmology.cosmology import Cosmology, growth
from halokeras.cosmology.power import lattice_power
from halokeras.fields.gridding import Shape
from halokeras.fields.modes import Modes, up_to
from halokeras.randomness import fold_in
from halokeras.simulation.lpt.box import FINEST_POINTS, POINTS, LptBox
from halokeras.simulation.lpt.lpt import Table, first_order, modes_of_shape
from halokeras.simulation.lpt.streamed import SmallScales, second_order_source

PARTICLES = 3
"""Particles along the side of a voxel."""
_TILE = 32
"""Voxels along the side of the box whose small scales are repeated."""
_RESPONSE = 0.6
"""How much an overdensity of 1 raises displacements of small scales, over D2 / D1^2.

It would be 2/3 if the overdensity were isotropic and of much larger scale. Regression of what the
second order adds at 4 Mpc/h and z = 0.3 gives 0.54; the rest makes up for the modes of the source
beyond those that are kept: the density then has the exact one's power at every wavenumber.
"""


class Linear(NamedTuple):
    """What linear theory tells of a box.

    Attributes
    ----------
    power
        Power of the linear overdensity at the redshift.
    ratio
        D2 / D1^2.
    share
        f1 / f2 - 1, for `DisplacementModes`.
    speed
        a H f2 times the side of a voxel [km/s], for `LptParticles`.
    """

    power: Table
    ratio: float
    share: float
    speed: float


def linear_theory(box: LptBox) -> Linear:
    """Return the power of a box and how it grows."""
    return _linear_theory(box.cosmology, box.redshift, box.voxel_size)


def _linear_theory(cosmology: Cosmology, redshift: float, voxel_size: float) -> Linear:
    power = lattice_power(cosmology, redshift, voxel_size / FINEST_POINTS)
    now = growth(1 / (1 + redshift), cosmology)
    # The velocity's field f1 delta - f2 D2 / D1^2 lap phi2 is f2 times this share of delta with
    # the displacement's; a H dx/dlna with x in voxels and H = 100 h E km/s/Mpc.
    first, second = float(now.first_rate[0]), float(now.second_rate[0])
    speed = 100 * float(now.a[0] * now.expansion[0]) * voxel_size * second
    ratio = float(now.second[0] / now.first[0] ** 2)
    return Linear(power, ratio, first / second - 1, speed)


def drawn_modes(box: LptBox, power: Table, columns: slice = slice(None)) -> Modes:
    """Draw the modes of a box, or some columns of them."""
    return modes_of_shape(box.seed, box.lattice, box.parts, box.length, power, columns)


def products_lattice(lattice: Shape) -> Shape:
    """Return the lattice that products of the second order are formed on, finer by 9/8.

    Of a product only the modes beyond 5/4 of the Nyquist frequency of `lattice` alias into those
    that are kept, and only into wavenumbers beyond a quarter of it. Its points have small prime
    factors: transforms are fast, and its planes can be made in passes of equal numbers.
    """
    x, y, z = (2 * next_fast_len(ceil(9 * points / 16)) for points in lattice)
    return x, y, z


def particle_lattice(voxels: Shape) -> Shape:
    """Return how many particles a box of some voxels has along x, y, z."""
    x, y, z = (side * PARTICLES for side in voxels)
    return x, y, z


def make_displacement_source(delta: Modes, ratio: float, source: Modes) -> None:
    """Overwrite `source`, the modes of lap phi2, by delta - ratio lap phi2.

    The inverse Laplacian of that is the potential of the displacement; `ratio` is D2 / D1^2.
    """
    for layer, second in zip(delta, source, strict=True):
        second *= np.float32(-ratio)
        second += layer


def small_modes(box: LptBox, linear: Linear, workers: int) -> tuple[Modes, Modes]:
    """Modes of `LptParticles.small`: of the small scales alone, to second order.

    They are not to be changed, as the next box may have the same.
    """
    source, delta = _small_modes(box.seed, box.cosmology, box.redshift, box.voxel_size, workers)
    return source, np.float32(-linear.ratio * _RESPONSE) * delta


@lru_cache(maxsize=2)
def _small_modes(
    seed: int, cosmology: Cosmology, redshift: float, voxel_size: float, workers: int
) -> tuple[Modes, Modes]:
    """Make modes of displacements and of the overdensity; 17 MB are kept of either of two boxes."""
    linear = _linear_theory(cosmology, redshift, voxel_size)
    own_seed = int(fold_in(seed, "small scales").integers(2**63))
    sides = (_TILE * FINEST_POINTS,) * 3
    delta = modes_of_shape(own_seed, sides, (1, 1, 1), _TILE * voxel_size, linear.power)
    for part in up_to((_TILE * POINTS // 2 - 1,) * 3):
        delta[part] = 0
    source = second_order_source(delta, workers)
    make_displacement_source(delta, linear.ratio, source)
    return source, delta


def small_scales(small: tuple[Modes, Modes], per_voxel: int, workers: int) -> SmallScales:
    """Return the displacements by `LptParticles.small`, `per_voxel` along the side of a voxel."""
    side = _TILE * per_voxel
    moved, response = (first_order(modes, float(side), workers, side) for modes in small)
    return SmallScales(moved, response)
