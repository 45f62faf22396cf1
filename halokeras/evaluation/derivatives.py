"""How the power of halos changes with a parameter, painted beside simulated, by pairs of boxes.

The boxes of a pair share their phases and differ in one parameter, so that the scatter of modes
cancels between them; the spread over pairs tells what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from halokeras.boxes.suite import Suite, SuiteBox
from halokeras.cosmology.cosmology import Cosmology, whole_parameters
from halokeras.evaluation.names import HALOS
from halokeras.evaluation.sheets import Cell, Sheet, worst_cell
from halokeras.evaluation.verdict import Line, average, judge
from halokeras.evaluation.words import measured
from halokeras.simulation.suites.params import PairedDesign
from halokeras.statistics.spectra import POWER, WAVENUMBER
from halokeras.statistics.statistic import (
    DRAWS,
    FIELD,
    Against,
    Array,
    Measurement,
    Statistic,
    Target,
)

_THRESHOLD, _UP_TO = 0.1, 0.4
_UNEVEN = 0.003
"""Logarithm of mass by which cuts of a pair may lie apart: 0.024 is 10 % of a derivative."""

Powers = Mapping[str, Measurement]
"""Power spectra of one box by contender, painted and of the halos."""


@dataclass(frozen=True)
class Derivative:
    """d ln P / d parameter at one redshift.

    Attributes
    ----------
    parameter, redshift
        Of the pairs.
    upper
        Upper edges of the bins of k [h/Mpc].
    found
        By contender one measurement for each pair: the painted derivative and that of the halos.
    line
        Its target.
    """

    parameter: str
    redshift: float
    upper: Array
    found: dict[str, list[Measurement]]
    line: Line

    @property
    def columns(self) -> dict[str, tuple[Array, Array]]:
        """Means over the pairs and their standard errors, of the halos and of what was painted."""
        halos = average(next(iter(self.found.values())), "halos")
        return {HALOS: halos, **{name: average(pairs) for name, pairs in self.found.items()}}

    @property
    def pairs(self) -> int:
        """Number of pairs of boxes."""
        return len(next(iter(self.found.values())))

    def to_json(self) -> dict[str, Any]:
        """Return means, errors and the target as an object of arrays and numbers."""
        return {
            "parameter": self.parameter,
            "redshift": self.redshift,
            "pairs": self.pairs,
            "k_upper": self.upper,
            "derivative": {name: mean for name, (mean, _) in self.columns.items()},
            "error": {name: error for name, (_, error) in self.columns.items()},
            "line": vars(self.line),
        }


def paired_design(suite: Suite) -> PairedDesign | None:
    """Return the design of a suite of pairs, or None of any other suite."""
    try:
        return PairedDesign.model_validate(suite.params.get("design"))
    except ValidationError:
        return None


def derivatives(
    design: PairedDesign, powers: Sequence[tuple[SuiteBox, Powers]], upper: Array
) -> tuple[Derivative, ...]:
    """Return the derivative of ln P by each parameter at each redshift, where a pair is whole.

    Parameters
    ----------
    design
        What is stepped up and down, and from where.
    powers
        Boxes of the suite, with shot noise as in P everywhere.
    upper
        Upper edges of their bins of k [h/Mpc].
    """
    fiducial = Cosmology(**whole_parameters(design.fiducial))
    redshifts = dict.fromkeys(box.redshift for box, _ in powers)
    found = []
    for parameter in design.steps:
        for redshift in redshifts:
            here = [one for one in powers if one[0].redshift == redshift]
            pairs = _pairs(fiducial, parameter, here)
            if pairs:
                found.append(_derivative(parameter, redshift, pairs, upper))
    return tuple(found)


def uneven_cuts(
    design: PairedDesign, masses: Sequence[tuple[SuiteBox, Array]], cut: float
) -> list[str]:
    """Say by which parameters a least mass cuts the halos of a pair unevenly.

    Halos are of whole numbers of particles, whose mass goes with Omega_m: those that are kept
    begin, as many as there are, half-way between the heaviest that is left out and the lightest
    that is kept.

    Parameters
    ----------
    design
        What is stepped up and down.
    masses
        All halos [Msun/h] of boxes of the suite.
    cut
        The least mass that is kept [Msun/h].
    """
    if not cut:  # all are kept
        return []
    fiducial = Cosmology(**whole_parameters(design.fiducial))
    told = []
    for parameter in design.steps:
        for _, above, below in _pairs(fiducial, parameter, masses)[:1]:
            off = _unevenness(above, below, cut)
            if abs(off) > _UNEVEN:
                cuts = [float(f"{mass:.2g}") for mass in np.geomspace(cut, 2 * cut, 60)]
                best = min(cuts, key=lambda mass: abs(_unevenness(above, below, mass)))
                told.append(
                    f"derivatives by {parameter} are of halos cut {100 * abs(off):.1f} % apart in "
                    f"mass, as halos are of whole numbers of particles; --mass-min {best:g} cuts "
                    "both boxes of a pair alike"
                )
    return told


def _unevenness(one: Array, other: Array, cut: float) -> float:
    """Return ln of how far apart the masses lie from which on two sets of halos are kept."""
    edges = [
        0.5 * (mass[mass < cut].max() + mass[mass >= cut].min(initial=np.inf))
        if (mass < cut).any()
        else cut
        for mass in (one, other)
    ]
    return float(np.log(edges[0] / edges[1]))


_Found = TypeVar("_Found")


def _pairs(
    fiducial: Cosmology, parameter: str, powers: Sequence[tuple[SuiteBox, _Found]]
) -> list[tuple[float, _Found, _Found]]:
    """Return the pairs of equal phases in which a parameter alone is stepped up and down.

    Each is the difference of the parameter, what was found in the box above, and in that below.
    """
    ways: dict[int, dict[bool, tuple[float, _Found]]] = {}
    for box, found in powers:
        told, given = asdict(box.member.cosmology), asdict(fiducial)
        value, centre = told.pop(parameter), given.pop(parameter)
        if told == given and value != centre:
            ways.setdefault(box.member.seed, {})[value > centre] = value, found
    return [
        (both[True][0] - both[False][0], both[True][1], both[False][1])
        for both in ways.values()
        if len(both) == 2
    ]


def _derivative(
    parameter: str, redshift: float, pairs: Sequence[tuple[float, Powers, Powers]], upper: Array
) -> Derivative:
    names = [name for name in (FIELD, DRAWS) if name in pairs[0][1]]
    found = {name: [_difference(name, *pair) for pair in pairs] for name in names}
    statistic = Statistic(
        name="derivative",
        title=f"Derivative of the power by {parameter}",
        symbol=f"d ln P / d {parameter}",
        meaning="How strongly the power of halos changes with a parameter of the cosmology.",
        measure=POWER.measure,
        axis=WAVENUMBER,
        against=Against.HALOS,
    )
    title = f"d ln P / d {parameter} at z = {redshift:g}, k <= {_UP_TO:g}"
    target = Target(title, _THRESHOLD, up_to=_UP_TO)
    line = judge(statistic, target, _THRESHOLD, found, upper)
    return Derivative(parameter, redshift, upper, found, line)


def _difference(name: str, step: float, above: Powers, below: Powers) -> Measurement:
    """Return the derivative of one pair, what was painted beside the halos."""
    high, low = above[name], below[name]
    assert high.halos is not None and low.halos is not None  # a power comes with that of the halos
    return Measurement(
        np.log(high.value / low.value) / step, halos=np.log(high.halos / low.halos) / step
    )


def derivative_sheets(found: Sequence[Derivative]) -> list[Sheet]:
    """Return a table of each derivative along k, and one of their targets."""
    if not found:
        return []
    sheets = [
        Sheet(
            title=f"How the power of halos changes with {one.parameter} at z = {one.redshift:g}: "
            f"d ln P / d {one.parameter}",
            headings=(WAVENUMBER.heading, *one.columns),
            rows=tuple(
                (
                    Cell(WAVENUMBER.words(float(k))),
                    *(Cell(measured(mean[i], error[i])) for mean, error in one.columns.values()),
                )
                for i, k in enumerate(one.upper)
            ),
            caption=f"means over {one.pairs} pairs of boxes of the same phases, one with more and "
            f"one with less {one.parameter}, and their standard errors; shot noise is part of P",
        )
        for one in found
    ]
    names = list(found[0].found)
    targets = Sheet(
        title="Targets of derivatives: worst deviation from that of the simulated halos",
        headings=("derivative", "target", *names),
        rows=tuple(
            (
                Cell(one.line.statistic),
                Cell(one.line.target),
                *(worst_cell(one.line, name) for name in names),
            )
            for one in found
        ),
        words=2,
    )
    return [*sheets, targets]
