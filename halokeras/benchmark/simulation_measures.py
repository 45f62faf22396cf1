"""What the particles and halos of a simulation are measured for, beside what theory expects.

A box has few large modes, whose chance amplitudes its power and velocities share: theory is taken
at the amplitudes of the box's own linear modes, so that ratios tell of the simulation and not of
the draw.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from halokeras.boxes.box import Box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import growth
from halokeras.cosmology.mass_function import expected_above, expected_bias
from halokeras.cosmology.power import linear_power, nonlinear_power
from halokeras.fields.modes import Modes, integers
from halokeras.fields.multipoles import point_modes
from halokeras.fields.pairs import count_pairs
from halokeras.simulation.halo_finding.finder import corrected_members
from halokeras.simulation.lpt.lpt import linear_modes, tabulated
from halokeras.simulation.nbody.engine import Snapshot
from halokeras.simulation.simulate import Simulation

Array = NDArray[np.float64]

POWER_EDGES = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0])
"""Of bins in k [h/Mpc]."""
MEMBERS = np.array([20, 24, 30, 50, 80, 130, 220, 400, 800, 1600, 3400])
"""Edges of mass bins, in particles."""
BIAS_MEMBERS = (20, 50, 130, 400)
"""Least particles of the halos of each bias bin."""
BIAS_REACH = 0.1
"""Largest wavenumber of the linear bias [h/Mpc]."""
SEPARATIONS = np.arange(30.0, 61.0, 5.0)
"""Of pairs [Mpc/h]."""

_NYQUIST_SHARE = 0.5
"""Of the mesh's Nyquist frequency up to which power is free of its images."""


@dataclass(frozen=True)
class Shells:
    """The modes of a box up to a wavenumber, and theirs of the linear overdensity.

    Attributes
    ----------
    integer
        (3, N) integer wavenumbers, the last one never negative.
    k, weight
        Wavenumber [h/Mpc] of each, and 2 where its conjugate is left out.
    linear
        Power of each linear mode today [(Mpc/h)^3].
    expected
        Linear power of theory today at each wavenumber.
    """

    integer: NDArray[np.int64]
    k: Array
    weight: Array
    linear: Array
    expected: Array

    def of(self, modes: Modes | NDArray[np.complex128]) -> NDArray[np.complex128]:
        """Return those of the modes of a lattice that is fine enough."""
        x, y, z = self.integer
        found: NDArray[np.complex128] = modes[x, y, z].astype(np.complex128)
        return found


def shells(wanted: Simulation, k_max: float = POWER_EDGES[-1]) -> Shells:
    """Return the modes up to `k_max` [h/Mpc] of the box of a simulation."""
    size = wanted.size
    lattice = min(wanted.particles, 2 * int(k_max * size / (2 * np.pi)) + 4)
    lattice -= lattice % 2
    table = linear_power(wanted.cosmology)
    modes = linear_modes(wanted.seed, lattice, size, table)
    axis, half = integers(lattice), np.arange(lattice // 2 + 1)
    x, y, z = np.meshgrid(axis, axis, half, indexing="ij", sparse=True)
    square = x**2 + y**2 + z**2
    inside = (square > 0) & (square <= (k_max * size / (2 * np.pi)) ** 2)
    inside &= (2 * abs(x) < lattice) & (2 * abs(y) < lattice) & (2 * z < lattice)
    place = np.nonzero(inside)
    integer = np.stack([axis[place[0]], axis[place[1]], place[2]])
    k = 2 * np.pi / size * np.sqrt(square[place])
    return Shells(
        integer=integer,
        k=k,
        weight=np.where(integer[2] == 0, 1.0, 2.0),
        linear=size**3 * np.abs(modes[place].astype(np.complex128)) ** 2,
        expected=tabulated(table, k),
    )


def measure_snapshot(
    particles: Snapshot, box: Box, wanted: Simulation, box_modes: Shells
) -> dict[str, Any]:
    """Measure the particles and the halos of one redshift of a simulation, by its `shells`.

    Returns
    -------
    dict
        Plain JSON values: ``matter_power``, ``abundance``, ``bias`` and ``pairwise_velocity``,
        each with what was ``found`` and ``expected``.
    """
    assert box.halos is not None
    assert box.halos.particles is not None
    matter = box_modes.of(_modes(particles.position, wanted))
    halos, members = box.halos, box.halos.particles
    samples = {"all": halos} | {
        f"{least}": halos[(members >= least) & (members < upper)]
        for least, upper in zip(BIAS_MEMBERS, (*BIAS_MEMBERS[1:], np.inf), strict=True)
    }
    biases = {name: _bias(some, matter, box_modes, wanted, box) for name, some in samples.items()}
    return {
        "redshift": box.redshift,
        "halos": len(halos),
        "matter_power": matter_power(matter, box_modes, wanted, box.redshift),
        "abundance": {
            "friends_of_friends": abundance_of_members(halos, wanted, box.redshift),
            "mass_200b": abundance_of_spheres(halos, wanted, box.redshift),
        },
        "bias": biases,
        "pairwise_velocity": pairwise_velocity(
            halos, box_modes, wanted, box.redshift, biases["all"]["found"]
        ),
    }


def _modes(position: NDArray[np.float32], wanted: Simulation) -> NDArray[np.complex128]:
    """Return the modes of the overdensity of points, right up to the last of `POWER_EDGES`."""
    least = POWER_EDGES[-1] * wanted.size / (np.pi * _NYQUIST_SHARE)
    cells = int(fft.next_fast_len(int(np.ceil(least)), real=True))
    weight = np.ones(len(position))
    return point_modes(position, (cells,) * 3, wanted.size / cells, weight)


def matter_power(
    matter: NDArray[np.complex128], modes: Shells, wanted: Simulation, redshift: float
) -> dict[str, list[float]]:
    """Return the power of the particles and that of HMcode 2020 in bins of k.

    Returns
    -------
    dict
        ``found``, without the shot noise of the particles subtracted, as they began on a lattice;
        ``expected`` of HMcode at the same wavenumbers; ``draw``, the power of the realisation's
        linear modes over theory's.
    """
    power = wanted.size**3 * np.abs(matter) ** 2
    theory = tabulated(nonlinear_power(wanted.cosmology, redshift), modes.k)
    bins = np.searchsorted(POWER_EDGES * (1 + 1e-9), modes.k) - 1
    use = bins >= 0
    count = np.bincount(bins[use], modes.weight[use], len(POWER_EDGES) - 1)
    filled = count > 0

    def average(values: Array) -> Array:
        total = np.bincount(bins[use], (modes.weight * values)[use], len(POWER_EDGES) - 1)
        mean: Array = total[filled] / count[filled]
        return mean

    return {
        "upper": POWER_EDGES[1:][filled].tolist(),
        "k": average(modes.k).tolist(),
        "found": average(power).tolist(),
        "expected": average(theory).tolist(),
        "draw": (average(modes.linear) / average(modes.expected)).tolist(),
    }


def abundance_of_members(
    halos: Halos, wanted: Simulation, redshift: float
) -> dict[str, list[float]]:
    """Count friends-of-friends halos between `MEMBERS`, beside those of Watson et al. (2013).

    Expected are those between the corrected masses of half a particle less than the edges: halos
    of N particles stand for those of N - 1/2 to N + 1/2.
    """
    edges = wanted.particle_mass * corrected_members(MEMBERS - 0.5)
    assert halos.particles is not None
    found = np.histogram(halos.particles, MEMBERS)[0]
    return _abundance(edges, found, wanted, redshift, "fof")


def abundance_of_spheres(
    halos: Halos, wanted: Simulation, redshift: float
) -> dict[str, list[float]]:
    """Count halos between `MEMBERS` particles in M200b, beside those of Tinker et al. (2008).

    Edges lie half a particle below, where no halo is.
    """
    assert halos.mass_200b is not None
    edges = wanted.particle_mass * (MEMBERS - 0.5)
    found = np.histogram(halos.mass_200b, edges)[0]
    return _abundance(edges, found, wanted, redshift, "200m")


def _abundance(
    edges: Array, found: NDArray[np.int64], wanted: Simulation, redshift: float, definition: str
) -> dict[str, list[float]]:
    above = expected_above(edges, wanted.cosmology, redshift, wanted.size**3, definition)
    return {
        "mass": edges.tolist(),
        "found": found.tolist(),
        "expected": (above[:-1] - above[1:]).tolist(),
    }


def _bias(
    halos: Halos, matter: NDArray[np.complex128], modes: Shells, wanted: Simulation, box: Box
) -> dict[str, Any]:
    """Return the linear bias of halos, and the mean of Tinker et al. (2010) of their masses."""
    if len(halos) == 0:
        return {"halos": 0, "found": None, "expected": None}
    assert halos.mass is not None
    placed = modes.of(_modes(halos.position, wanted))
    masses, number = np.unique(halos.mass.astype(np.float64), return_counts=True)
    expected = expected_bias(masses, wanted.cosmology, box.redshift)
    return {
        "halos": len(halos),
        "found": linear_bias(placed, matter, modes),
        "expected": float(np.average(expected, weights=number)),
    }


def linear_bias(
    halos: NDArray[np.complex128], matter: NDArray[np.complex128], modes: Shells
) -> float:
    """Return the cross power of halos and matter over the power of matter, up to `BIAS_REACH`."""
    use = modes.k <= BIAS_REACH
    weight, matter = modes.weight[use], matter[use]
    cross = (weight * (halos[use] * matter.conj()).real).sum()
    return float(cross / (weight * np.abs(matter) ** 2).sum())


def pairwise_velocity(
    halos: Halos, modes: Shells, wanted: Simulation, redshift: float, bias: float
) -> dict[str, Any]:
    """Return the mean approach of pairs of halos [km/s] beside that of linear theory.

    Linear theory is `linear_approach` of the box's own linear modes.
    """
    if wanted.size <= 3 * SEPARATIONS[-1]:
        return {"separation": [], "pairs": [], "found": [], "expected": []}
    pairs = count_pairs(halos.position, (wanted.size,) * 3, SEPARATIONS, halos.velocity)
    now = growth(1 / (1 + redshift), wanted.cosmology)
    rate = float(now.velocity_rate[0])
    power = modes.linear * now.first[0] ** 2 * modes.weight / wanted.size**3
    return {
        "separation": pairs.separation.tolist(),
        "pairs": pairs.pairs.tolist(),
        "found": pairs.approach.tolist(),
        "expected": linear_approach(pairs.separation, modes.k, power, rate, bias).tolist(),
    }


def linear_approach(separation: Array, k: Array, power: Array, rate: float, bias: float) -> Array:
    """Return the mean approach of pairs by linear theory, -2/3 aHf b r xibar / (1 + b^2 xi).

    Parameters
    ----------
    separation
        r [Mpc/h].
    k, power
        Wavenumbers [h/Mpc] of modes and what each adds to the variance, of which the correlation
        xi(r) and its mean xibar(r) within r are sums.
    rate
        a H f [km/s / (Mpc/h)].
    bias
        b of the points.
    """
    known, place = np.unique(np.round(k, 9), return_inverse=True)
    variance = np.bincount(place, power)
    x = separation[:, None] * known
    correlation = (variance * np.sin(x) / x).sum(axis=1)
    within = (variance * 3 * (np.sin(x) - x * np.cos(x)) / x**3).sum(axis=1)
    approach: Array = -2 / 3 * rate * bias * separation * within / (1 + bias**2 * correlation)
    return approach
