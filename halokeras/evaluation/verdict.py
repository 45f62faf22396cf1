"""The one judge: whether targets are met, missed or undecided, given the scatter between boxes.

A target is met where every place that it covers is inside it by two standard errors, missed where
one is outside by two, and undecided otherwise. The standard error is that of the mean over boxes.
A single box has no such error: the one that its own modes and halos let expect, a lower limit,
stands in; a statistic that states none is undecided on a single box, and so is a target that
covers no place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from halokeras.evaluation.names import DENSITY
from halokeras.statistics.statistic import Against, Array, Measurement, Statistic, Target

SIGMAS = 2.0
"""Standard errors that decide."""

Found = Mapping[str, Sequence[Measurement]]
"""Measurements of one statistic by contender, one for each box."""


class Verdict(StrEnum):
    """What a judge says."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Line:
    """One target, and how far each contender is from the halos at worst.

    Attributes
    ----------
    name
        Name of the statistic.
    statistic, target
        Title of the target, and what is asked, in words.
    threshold
        The target as a number: largest deviation, or least gain.
    worst
        Largest relative deviation by contender, or smallest gain of r over the density's.
    error
        Standard error of that figure by contender; NaN where none is known.
    verdict
        Verdict by contender that the target is for.
    boxes
        Boxes that these are means over.
    """

    name: str
    statistic: str
    target: str
    threshold: float
    worst: dict[str, float]
    error: dict[str, float]
    verdict: dict[str, Verdict]
    boxes: int

    @property
    def is_gain(self) -> bool:
        """Whether more is better."""
        return self.target.startswith("above")


def judge(statistic: Statistic, target: Target, threshold: float, found: Found, at: Array) -> Line:
    """Judge every contender by one target.

    Parameters
    ----------
    statistic, target
        What is asked.
    threshold
        The target's own, or that for another cosmology.
    found
        Measurements of the statistic, with those of the density where it is compared with that.
    at
        Places on the statistic's axis, or upper edges of its bins; one for a single number.
    """
    gain = statistic.against is Against.DENSITY
    worst, error, verdict = {}, {}, {}
    for name, measurements in found.items():
        deviation, scatter = deviations(
            statistic.against, measurements, found.get(DENSITY, measurements)
        )
        kept = np.isfinite(deviation) & target.covers(at)
        if not kept.any() or (name == DENSITY and statistic.of_counts):
            worst[name] = error[name] = np.nan
            decided = Verdict.UNDECIDED
        else:
            size = np.where(kept, -deviation if gain else np.abs(deviation), -np.inf)
            place = int(np.argmax(size))
            worst[name], error[name] = float(deviation[place]), float(scatter[place])
            limit = -threshold if gain else threshold
            decided = _decide(size[kept] - limit, scatter[kept])
        if name in target.asked_of:
            verdict[name] = decided
    words = f"above {threshold:g}" if gain else f"within {100 * threshold:g} %"
    boxes = max(len(measurements) for measurements in found.values())
    return Line(statistic.name, target.title, words, threshold, worst, error, verdict, boxes)


def overall(lines: Sequence[Line]) -> Verdict:
    """Return the verdict on all targets together; without any it is undecided."""
    verdicts = {verdict for line in lines for verdict in line.verdict.values()}
    for found in (Verdict.MISSED, Verdict.UNDECIDED, Verdict.MET):
        if found in verdicts:
            return found
    return Verdict.UNDECIDED


def average(measurements: Sequence[Measurement], attribute: str = "value") -> tuple[Array, Array]:
    """Return the mean of an attribute over boxes and its standard error.

    A value that is a ratio is that of the means: where the halos' own is small in some box, the
    mean of ratios is not of the halos. The error is that of the spread over boxes; of a single
    box the expected one, or NaN.
    """
    if attribute == "value" and measurements[0].painted is not None:
        return _ratio_of_means(measurements)
    values = np.array([getattr(one, attribute) for one in measurements], dtype=np.float64)
    first = measurements[0]
    expected = first.scatter
    if attribute != "value" and expected is not None and first.painted is not None:
        assert first.halos is not None  # what has one has both, and its value is their ratio
        with np.errstate(invalid="ignore"):  # of no halos the relative error is infinite
            expected = expected * first.halos
    return values.mean(axis=0), _error(values, expected)


def deviations(
    against: Against, measurements: Sequence[Measurement], density: Sequence[Measurement]
) -> tuple[Array, Array]:
    """Return what a mean over boxes is off, place by place, with its standard error.

    Against the halos, the error is that of the difference box by box: both fields share their
    sample variance. Of a single box the error that its r lets expect is that of the painted r and
    of the density's together, which are no more than that apart (Dunn & Clark 1969).
    """
    values = np.array([np.atleast_1d(one.value) for one in measurements])
    expected = measurements[0].scatter
    if against is Against.HALOS:
        halos = np.array([one.halos for one in measurements])
        wanted = halos.mean(axis=0)
        ratios = values / wanted
        expected = None if expected is None else expected / np.abs(wanted)
        return ratios.mean(axis=0) - 1, _error(ratios - halos / wanted, expected)
    if against is Against.DENSITY:
        gains = values - np.array([one.value for one in density])
        if expected is not None and density[0].scatter is not None:
            expected = np.hypot(expected, density[0].scatter)
        return gains.mean(axis=0), _error(gains, expected)
    if measurements[0].painted is not None:
        ratio, error = _ratio_of_means(measurements)
        return np.atleast_1d(ratio) - 1, np.atleast_1d(error)
    return values.mean(axis=0) - 1, _error(values, expected)


def _ratio_of_means(measurements: Sequence[Measurement]) -> tuple[Array, Array]:
    """Return the painted over the halos', both means over boxes, and its standard error."""
    painted, halos = (
        np.array([getattr(one, name) for one in measurements], dtype=np.float64)
        for name in ("painted", "halos")
    )
    with np.errstate(invalid="ignore", divide="ignore"):  # where there are no halos
        ratio = painted.mean(axis=0) / halos.mean(axis=0)
        off = (painted - ratio * halos) / np.abs(halos.mean(axis=0))
    return ratio, _error(off, measurements[0].scatter)


def _error(values: Array, expected: Array | None) -> Array:
    if len(values) > 1:
        spread: Array = values.std(axis=0, ddof=1) / np.sqrt(len(values))
        return spread
    unknown: Array = np.full(values.shape[1:], np.nan)
    return unknown if expected is None else np.reshape(expected, unknown.shape)


def _decide(beyond: Array, error: NDArray[np.float64]) -> Verdict:
    """Decide from how far each place is beyond its limit, and the errors of that."""
    if (beyond - SIGMAS * error > 0).any():
        return Verdict.MISSED
    return Verdict.MET if (beyond + SIGMAS * error <= 0).all() else Verdict.UNDECIDED
