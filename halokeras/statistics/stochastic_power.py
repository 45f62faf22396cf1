"""The power of the halos that the painted field does not explain."""

from halokeras.fields.spectra import measure
from halokeras.statistics.axes import WAVENUMBER
from halokeras.statistics.statistic import Measurement, Sample, Statistic


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    return Measurement(painted.of(measure, halos).stochastic_power)


STOCHASTIC_POWER = Statistic(
    name="stochastic_power",
    title="Unexplained power",
    symbol="P (1 - r²)",
    unit="(Mpc/h)³",
    meaning="Power of the halos that no filter of what was painted explains, P (1 - r²); their "
    "shot noise where only that is left.",
    measure=_measure,
    axis=WAVENUMBER,
)
