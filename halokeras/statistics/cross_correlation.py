"""The cross-correlation with the halos."""

import numpy as np

from halokeras.fields.spectra import measure
from halokeras.statistics.axes import WAVENUMBER
from halokeras.statistics.statistic import (
    FIELD,
    Against,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
)


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    found = painted.of(measure, halos)
    r = found.cross_correlation
    return Measurement(r, scatter=(1 - r**2) / np.sqrt(found.modes))


CROSS_CORRELATION = Statistic(
    name="cross_correlation",
    title="Cross-correlation",
    symbol="r",
    meaning="r(k) is 1 where peaks and troughs stand where those of the halos stand and 0 where "
    "they have nothing in common; what the painter adds is its lead over the 2LPT density, and "
    "draws fall below by their shot noise.",
    measure=_measure,
    axis=WAVENUMBER,
    against=Against.DENSITY,
    targets=(
        Target("r over the 2LPT density's", 0.0, asked_of=(FIELD,)),
        Target("r over it, 0.1 < k <= 0.4", 0.03, above=0.1, up_to=0.4, asked_of=(FIELD,)),
    ),
    drawing=Drawing("r with the halos", limits=(0, 1.02)),
)
