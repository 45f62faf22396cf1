"""The law of halo masses within each of a painter's bins of mass, measured on training boxes.

Bins are so narrow that within one masses hardly know their surroundings, so each halo's mass is
drawn alone. In the lightest bins masses are those of whole numbers of particles, and drawn ones
are too, but for what is interpolated between two of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.mass_function import HEAVIEST, LIGHTEST, expected_above
from halokeras.errors import RunError
from halokeras.sections import Selection

_QUANTILES = 257
"""Quantiles of each bin: between the masses of N and N + 1 particles is then 0.2 % of a bin."""
_LEAST = 2
"""Halos of which the law of a bin is measured, at least."""
_STEPS = 2000
"""Masses between which the law of a bin is interpolated."""
_OPEN_BIN_END = 1e-4
"""Share of the heaviest quantile of an open bin, beyond which no halos are drawn."""
_TAIL = 50
"""Halos at least, that tell how an open bin ends."""


@dataclass(frozen=True)
class MassLaw:
    """Masses at evenly spaced cumulative probabilities of each channel, log-linear in between.

    Attributes
    ----------
    masses
        (channels, quantiles) [Msun/h], ascending, at probabilities 0 to 1.
    tails
        (channels,) [Msun/h]: where positive, the halos beyond the last quantile but one exceed it
        by an exponential law of this mean, so that a large volume has halos heavier than the
        heaviest of the training boxes, and none so heavy as an even share of the logarithm between
        two quantiles would have of the heaviest 1 in 256.
    """

    masses: NDArray[np.float64]
    tails: NDArray[np.float64]

    def draw(
        self, channel: NDArray[np.integer], uniform: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Draw the mass of each halo [Msun/h] by inverting the cumulative law of its channel.

        Parameters
        ----------
        channel
            (N,) of each halo.
        uniform
            (N,) numbers in [0, 1).
        """
        last = self.masses.shape[1] - 2
        place = uniform * (last + 1)
        below = np.minimum(place.astype(np.int64), last)
        share = place - below
        low, high = self.masses[channel, below], self.masses[channel, below + 1]
        tail = self.tails[channel]
        mass = np.where(
            (below == last) & (tail > 0),
            low - tail * np.log1p(-share),
            low * np.power(high / low, share),
        )
        drawn: NDArray[np.float32] = mass.astype(np.float32)
        return drawn

    def means(self) -> NDArray[np.float64]:
        """Return the mean mass of each channel [Msun/h], to what its quantiles tell."""
        means: NDArray[np.float64] = self.masses.mean(axis=1)
        return means

    def shares_above(self, mass_min: float) -> NDArray[np.float64]:
        """Return the share of the halos of each channel with at least a mass [Msun/h]."""
        last = self.masses.shape[1] - 2
        shares = np.empty(len(self.masses))
        for channel, (masses, tail) in enumerate(zip(self.masses, self.tails, strict=True)):
            below = int(np.searchsorted(masses, mass_min)) - 1
            if tail > 0 and below >= last:
                shares[channel] = np.exp(-(mass_min - masses[last]) / tail) / (last + 1)
            elif below < 0 or below > last:
                shares[channel] = float(below < 0)
            else:
                low, high = np.log(masses[below : below + 2])
                place = below + (np.log(mass_min) - low) / (high - low)
                shares[channel] = 1 - place / (last + 1)
        return shares

    def times(self, factor: float) -> "MassLaw":
        """Return the law of halos that are heavier by a factor."""
        return MassLaw(self.masses * factor, self.tails * factor)

    def above(self, mass_min: float) -> "MassLaw":
        """Return the law of the halos with at least a mass [Msun/h]; lighter bins stay."""
        shares = self.shares_above(mass_min)
        masses = self.masses.copy()
        steps = np.linspace(0, 1, masses.shape[1])[:-1]
        for channel in np.flatnonzero((shares > 0) & (shares < 1)):
            whole = np.full(steps.size, channel)
            drawn = self.draw(whole, 1 - shares[channel] * (1 - steps))
            masses[channel, :-1] = np.maximum(drawn, mass_min)
            masses[channel, -1] = max(masses[channel, -1], masses[channel, -2])
        return MassLaw(masses, self.tails)


def expected_mass_law(
    selections: Sequence[Selection], cosmology: Cosmology, redshift: float
) -> MassLaw:
    """Return the law that the mass function of Watson et al. (2013) has in each bin.

    Parameters
    ----------
    selections
        The bins of the channels.
    cosmology, redshift
        Cosmology and redshift of the halos.
    """
    laws, tails = np.empty((len(selections), _QUANTILES)), np.zeros(len(selections))
    for channel, bin in enumerate(selections):
        masses = np.geomspace(max(bin.mass_min, LIGHTEST), bin.mass_max or HEAVIEST, _STEPS)
        above = expected_above(masses, cosmology, redshift, 1.0, "fof")
        below = (above[0] - above) / (above[0] - above[-1])
        wanted = np.linspace(0, 1, _QUANTILES)
        wanted[-1] = below[-1] if bin.mass_max is not None else 1 - _OPEN_BIN_END / _QUANTILES
        laws[channel] = np.exp(np.interp(wanted, below, np.log(masses)))
        if bin.mass_max is None:
            tails[channel] = _mean_excess(laws[channel, -2], masses, above)
    return MassLaw(laws, tails)


def _mean_excess(least: float, masses: NDArray[np.float64], above: NDArray[np.float64]) -> float:
    """Return how far halos beyond a mass exceed it on average [Msun/h], by those above masses."""
    beyond = masses > least
    there = np.append(least, masses[beyond])
    found = np.append(np.interp(least, masses, above), above[beyond])
    return float(np.trapezoid(found, there) / found[0])


def fit_mass_law(mass: NDArray[np.floating], selections: Sequence[Selection]) -> MassLaw:
    """Measure the law of masses in each bin.

    Parameters
    ----------
    mass
        (N,) of the halos of the training boxes [Msun/h], by the definition they are selected by.
    selections
        The bins of the channels.

    Raises
    ------
    RunError
        If a bin has too few halos.
    """
    laws = [_law_of(mass, selection) for selection in selections]
    return MassLaw(np.stack([masses for masses, _ in laws]), np.array([tail for _, tail in laws]))


def check_enough(halos: int, bin: Selection) -> None:
    """Refuse a bin of so few halos that their masses cannot be known, as `RunError`."""
    if halos < _LEAST:
        end = "up" if bin.mass_max is None else f"to {bin.mass_max:g}"
        raise RunError(
            f"the training boxes have {halos} halos of {bin.mass_min:g} Msun/h {end}, too few "
            "to know their masses; choose wider bins of mass (painter.mass_edges), or more boxes"
        )


def _law_of(mass: NDArray[np.floating], bin: Selection) -> tuple[NDArray[np.float64], float]:
    """Return the quantiles of one bin and, where it is open, the mean excess of its tail."""
    held = mass[mass >= bin.mass_min].astype(np.float64)
    if bin.mass_max is not None:
        held = held[held < bin.mass_max]
    held.sort()
    check_enough(held.size, bin)
    masses = np.quantile(held, np.linspace(0, 1, _QUANTILES), method="inverted_cdf")
    if bin.mass_max is not None:
        return masses, 0.0
    heaviest = held[-max(_TAIL, held.size // (_QUANTILES - 1)) :]
    return masses, float((heaviest[1:] - heaviest[0]).mean())
