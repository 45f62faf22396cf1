"""What a statistic is: what it measures, its targets, what it means and how it is drawn.

A statistic compares a painted field with the halos of the same voxels. It is declared once, as a
`Statistic` in a module of its own, and stands in `halokeras.statistics.STATISTICS`; scorecards,
tables, pages, figures and the validation of a training walk that list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Result = TypeVar("Result")

FIELD, DRAWS = "painted field", "draws"
"""Names of the two that targets are set for: a painter's field, and its draws of whole halos."""


class Sample:
    """A field on its voxels; what several statistics need of it is measured once.

    Parameters
    ----------
    values
        (nx, ny, nz), rho/mean or counts.
    voxel_size
        [Mpc/h].
    """

    def __init__(self, values: NDArray[Any], voxel_size: float) -> None:
        self.values = values
        self.voxel_size = voxel_size
        self._measured: dict[Any, Any] = {}

    def of(self, measure: Callable[..., Result], *others: "Sample") -> Result:
        """Return `measure` of these values, those of `others` and the voxel size."""
        values = (other.values for other in others)
        return self._once(
            (measure, *others), lambda: measure(self.values, *values, self.voxel_size)
        )

    def _once(self, key: Any, measured: Callable[[], Result]) -> Result:
        if key not in self._measured:
            self._measured[key] = measured()
        return cast(Result, self._measured[key])


@dataclass(frozen=True)
class Measurement:
    """One statistic of one painted field; all arrays are of one shape, () for a single number.

    Attributes
    ----------
    value
        The statistic that is judged: T, r or Q, or a ratio over the same of the halos.
    painted, halos
        The same statistic of the field and of the halos alone, where that tells something.
    scatter
        Standard error of `value` that one box lets expect from its modes (Gaussian) and halos
        (Poisson); a lower limit, and None where nobody worked it out.
    """

    value: Array
    painted: Array | None = None
    halos: Array | None = None
    scatter: Array | None = None


class Against(Enum):
    """What the value of a statistic should be near to, or above."""

    ONE = auto()
    HALOS = auto()
    DENSITY = auto()
    """Above that of the density that was painted on."""


@dataclass(frozen=True)
class Target:
    """What is asked of a statistic.

    Attributes
    ----------
    title
        The statistic and where the target holds, in a few words.
    threshold
        Largest relative deviation, or least gain over the density.
    above, up_to
        Range of the statistic's axis; upper edges of bins count.
    asked_of
        Whom: `FIELD`, `DRAWS` or both.
    elsewhere
        Threshold at a cosmology that the painter never saw; None where nothing is asked there.
    """

    title: str
    threshold: float
    above: float = -np.inf
    up_to: float = np.inf
    asked_of: tuple[str, ...] = (FIELD, DRAWS)
    elsewhere: float | None = None

    def covers(self, places: Array) -> NDArray[np.bool_]:
        """Tell which places on the axis the target is for."""
        inside: NDArray[np.bool_] = (places > self.above * (1 + 1e-9)) & (
            places <= self.up_to * (1 + 1e-9)
        )
        return inside


@dataclass(frozen=True)
class Axis:
    """What a statistic is a function of.

    Attributes
    ----------
    name
        Key in JSON.
    label
        Axis of a figure, with its unit.
    heading
        Column of a table.
    places
        Function of a sample that returns where its values belong; whole bins by their means.
    words
        Function that returns one place as a table shows it.
    edges
        Function of a sample that returns the upper edges of bins; None where there are no bins.
    unit
        Length of one unit of `label` on the axis.
    logarithmic
        Whether figures that are logarithmic are so along this axis too.
    limits
        Ends of the axis in figures, in `label`'s unit.
    """

    name: str
    label: str
    heading: str
    places: Callable[[Sample], Array]
    words: Callable[[float], str]
    edges: Callable[[Sample], Array] | None = None
    unit: float = 1.0
    logarithmic: bool = False
    limits: tuple[float | None, float | None] = (0, None)


@dataclass(frozen=True)
class Drawing:
    """How a statistic with an axis is drawn.

    Attributes
    ----------
    label
        Axis of the values, with the unit.
    limits
        Its ends.
    logarithmic
        Whether it is.
    residual
        Ends of the axis of a panel below with the ratio over the halos; None for no such panel.
    """

    label: str
    limits: tuple[float | None, float | None] = (None, None)
    logarithmic: bool = False
    residual: tuple[float, float] | None = None


@dataclass(frozen=True)
class Statistic:
    """One statistic.

    Attributes
    ----------
    name
        Key in JSON.
    title
        Name for readers.
    symbol
        Letter or few words for the column of a table.
    unit
        Unit of `painted` and `halos`, or of `value`; empty for a pure number.
    meaning
        One sentence for readers who do not know it.
    measure
        Function of the painted field, the halos' counts and the density.
    axis
        What it is a function of; None for a single number.
    against, targets
        What it is judged by; no targets where nothing is asked.
    drawing
        How it is drawn; single numbers share a figure of their own.
    of_counts
        Whether a density, whose mean is 1 by convention, cannot be compared in it.
    of_whole_numbers
        Whether only draws are meant to agree with halos in it: a field has no whole numbers.
    needs
        Columns of halos, beside their positions, without which it is left out.
    """

    name: str
    title: str
    symbol: str
    meaning: str
    measure: Callable[[Sample, Sample, Sample], Measurement]
    unit: str = ""
    axis: Axis | None = None
    against: Against = Against.ONE
    targets: tuple[Target, ...] = ()
    drawing: Drawing | None = None
    of_counts: bool = False
    of_whole_numbers: bool = False
    needs: tuple[str, ...] = ()


def ratio(
    painted: Array | float, halos: Array | float, scatter: Array | None = None
) -> Measurement:
    """Return painted over halos as a measurement; NaN where the halos have none."""
    ours, theirs = np.asarray(painted, np.float64), np.asarray(halos, np.float64)
    missing = np.full_like(theirs, np.nan)
    value = np.divide(ours, theirs, out=missing, where=theirs != 0)
    return Measurement(value, ours, theirs, scatter)
