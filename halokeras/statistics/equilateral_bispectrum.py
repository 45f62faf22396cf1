"""The bispectrum of equilateral triangles."""

import numpy as np

from halokeras.fields.bispectrum import equilateral
from halokeras.statistics.axes import TRIANGLE
from halokeras.statistics.statistic import Array, Measurement, Sample, Statistic, ratio


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    return ratio(_bispectrum(painted), _bispectrum(halos))


def _bispectrum(sample: Sample) -> Array:
    return np.array([found.bispectrum for found in sample.of(equilateral)])


EQUILATERAL = Statistic(
    name="equilateral",
    title="Bispectrum of equilateral triangles",
    symbol="B",
    unit="(Mpc/h)⁶",
    meaning="B of three wavevectors of one length, over that of the halos.",
    measure=_measure,
    axis=TRIANGLE,
)
