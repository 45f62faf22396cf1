"""Whether initial modes that are not ours are those of a linear overdensity at a box's redshift."""

from math import exp, sqrt

import numpy as np

from halokeras.cosmology.cosmology import growth, redshift_of_growth
from halokeras.errors import BoxError
from halokeras.fields.modes import Modes, lattice_of
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.lpt import Table, tabulated

_REACH = 8
"""Along each axis, in units of the longest wave's: the large scales."""
_CODES = 1.15
"""Factor of power that parameters to two digits and another code's growth explain."""
_CHANCE = 5.0
"""Standard deviations of the power of so many modes."""
_MOST = 2.0
"""Factor that is never explained, however few the modes are."""


def check_modes(modes: Modes, box: LptBox, power: Table) -> None:
    """Refuse modes that are too few for the voxels, or whose large scales have another power.

    Parameters
    ----------
    modes
        Of the linear overdensity, as they were given.
    box
        What is made of them.
    power
        Linear power of its cosmology and redshift: wavenumbers [h/Mpc] and power [(Mpc/h)^3].

    Raises
    ------
    BoxError
        If there is no mode for some voxel, or the power is off by more than 15 % and more than
        chance explains; the message tells the redshift at which it would fit.
    """
    name = f"initial modes {box.modes_name}"
    points = lattice_of(modes)
    if any(have < need for have, need in zip(points, box.voxels, strict=True)):
        raise BoxError(
            f"{name} have {points} points for {box.voxels} voxels; give as many at least, or "
            "choose larger voxels"
        )
    found, number = _large_scales(modes, box, power)
    largest = _tolerance(number)
    if not 1 / largest < found < largest:
        raise BoxError(
            f"{name} have {found:.3g} times the large-scale power of the cosmology at redshift "
            f"{box.redshift:g}, {_when(found, box)}; give the linear overdensity at the redshift "
            "of the box and in its cosmology, not white noise"
        )


def _tolerance(modes: int) -> float:
    """Largest factor between the power of so many modes and that of the cosmology."""
    return min(max(_CODES, exp(_CHANCE / sqrt(modes))), _MOST)


def _when(factor: float, box: LptBox) -> str:
    """Say at which redshift the power is `factor` times that at the redshift of a box."""
    now = growth(1 / (1 + box.redshift), box.cosmology).first[0]
    redshift = redshift_of_growth(now * sqrt(factor), box.cosmology)
    if redshift is None:
        return "which fits no redshift"
    return f"which fits about redshift {round(redshift, 2):g}"


def _large_scales(modes: Modes, box: LptBox, power: Table) -> tuple[float, int]:
    """Return the mean power of the largest modes over what is expected, and how many they are."""
    reach = [min(_REACH, points // 2 - 1) for points in lattice_of(modes)]
    along = [np.arange(-reach[0], reach[0] + 1), np.arange(-reach[1], reach[1] + 1)]
    along.append(np.arange(1, reach[2] + 1))
    corner = modes[np.ix_(*along)]
    sides = np.array(box.voxels) * box.voxel_size
    k = [2 * np.pi * n / side for n, side in zip(along, sides, strict=True)]
    magnitude = np.sqrt(k[0][:, None, None] ** 2 + k[1][:, None] ** 2 + k[2] ** 2)
    expected = tabulated(power, magnitude)
    with np.errstate(over="ignore"):  # which is no power of a cosmology
        found = (np.abs(corner) ** 2 / expected).mean() * np.prod(sides)
    return float(found), corner.size
