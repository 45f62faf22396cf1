"""The reduced bispectrum over the angle between two wavevectors."""

import numpy as np

from halokeras.fields.bispectrum import over_angle
from halokeras.statistics.axes import ANGLE
from halokeras.statistics.statistic import (
    Against,
    Array,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
)


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    return Measurement(_reduced(painted), halos=_reduced(halos), scatter=_scatter(painted))


def _reduced(sample: Sample) -> Array:
    return np.array([found.reduced for found in sample.of(over_angle)[1]])


def _scatter(sample: Sample) -> Array:
    """Return the standard error of Q of Gaussian modes, whose B has the variance V P P P / N."""
    volume = np.prod(sample.values.shape) * sample.voxel_size**3
    errors = []
    for found in sample.of(over_angle)[1]:
        first, second, third = found.power
        variance = volume * first * second * third / max(found.triangles, 1)
        errors.append(np.sqrt(variance) / (first * second + second * third + third * first))
    return np.array(errors)


REDUCED_BISPECTRUM = Statistic(
    name="reduced_bispectrum",
    title="Reduced bispectrum",
    symbol="Q",
    meaning="Q compares triples of wavevectors over the angle between two of them, of 0.1 and 0.2 "
    "h/Mpc: it is large near 0 and π where halos line up along filaments, and sees what no power "
    "spectrum does.",
    measure=_measure,
    axis=ANGLE,
    against=Against.HALOS,
    targets=(Target("Q over angle, k 0.1 and 0.2", 0.10),),
    drawing=Drawing("Q", residual=(0.5, 1.5)),
)
