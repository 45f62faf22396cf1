"""The power spectrum."""

import numpy as np

from halokeras.fields.spectra import measure
from halokeras.statistics.axes import WAVENUMBER
from halokeras.statistics.statistic import Drawing, Measurement, Sample, Statistic


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    found = painted.of(measure, halos)
    return Measurement(
        found.first, halos=found.second, scatter=found.first * np.sqrt(2 / found.modes)
    )


POWER = Statistic(
    name="power",
    title="Power spectrum",
    symbol="P",
    unit="(Mpc/h)³",
    meaning="P(k) tells how strongly halos cluster at each wavenumber k = 2π / wavelength; the "
    "painted one should lie on the black points of the simulated halos.",
    measure=_measure,
    axis=WAVENUMBER,
    drawing=Drawing("P [(Mpc/h)³]", logarithmic=True),
)
