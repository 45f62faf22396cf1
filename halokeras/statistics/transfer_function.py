"""The transfer function: amplitude over that of the halos."""

import numpy as np

from halokeras.fields.spectra import measure
from halokeras.statistics.axes import WAVENUMBER
from halokeras.statistics.statistic import Drawing, Measurement, Sample, Statistic, Target


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    found = painted.of(measure, halos)
    # two powers of the same modes: what they share does not scatter
    scatter = np.sqrt(np.maximum(1 - found.cross_correlation**2, 0) / found.modes)
    return Measurement(found.transfer_function, scatter=found.transfer_function * scatter)


TRANSFER_FUNCTION = Statistic(
    name="transfer_function",
    title="Transfer function",
    symbol="T",
    meaning="T(k) = √(P / P of the halos) is 1 where what was painted clusters exactly as "
    "strongly as the halos, whatever its phases.",
    measure=_measure,
    axis=WAVENUMBER,
    targets=(
        Target("T, k <= 0.4", 0.02, up_to=0.4, elsewhere=0.05),
        Target("T, k > 0.4", 0.05, above=0.4),
    ),
    drawing=Drawing("T = √(P / P of the halos)", limits=(0.8, 1.35)),
)
