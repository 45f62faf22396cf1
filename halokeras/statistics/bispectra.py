"""Statistics of triples of modes."""

import math

import numpy as np

from halokeras.fields.bispectrum import equilateral, over_angle
from halokeras.statistics.statistic import (
    Against,
    Array,
    Axis,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
    ratio,
)

ANGLE = Axis(
    name="angles",
    label="angle between k of 0.1 and 0.2 h/Mpc [π rad]",
    heading="angle",
    places=lambda halos: halos.of(over_angle)[0],
    words=lambda angle: f"{angle / math.pi:.2f}π",
    unit=math.pi,
    limits=(0, 1),
)

TRIANGLE = Axis(
    name="triangle_k",
    label="k of all sides [h/Mpc]",
    heading="k",
    places=lambda halos: np.array([found.k[0] for found in halos.of(equilateral)]),
    words=lambda k: f"{k:.3f}",
)


def _reduced(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (
        np.array([found.reduced for found in sample.of(over_angle)[1]])
        for sample in (painted, halos)
    )
    return Measurement(ours, halos=theirs, scatter=_scatter(painted))


def _scatter(sample: Sample) -> Array:
    """Return the standard error of Q of Gaussian modes, whose B has the variance V P P P / N."""
    volume = np.prod(sample.values.shape) * sample.voxel_size**3
    errors = []
    for found in sample.of(over_angle)[1]:
        first, second, third = found.power
        variance = volume * first * second * third / max(found.triangles, 1)
        errors.append(np.sqrt(variance) / (first * second + second * third + third * first))
    return np.array(errors)


def _equilateral(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (
        np.array([found.bispectrum for found in sample.of(equilateral)])
        for sample in (painted, halos)
    )
    return ratio(ours, theirs)


REDUCED_BISPECTRUM = Statistic(
    name="reduced_bispectrum",
    title="Reduced bispectrum",
    symbol="Q",
    meaning="Q compares triples of wavevectors over the angle between two of them, of 0.1 and 0.2 "
    "h/Mpc: it is large near 0 and π where halos line up along filaments, and sees what no power "
    "spectrum does.",
    measure=_reduced,
    axis=ANGLE,
    against=Against.HALOS,
    targets=(Target("Q over angle, k 0.1 and 0.2", 0.10, elsewhere=0.20),),
    drawing=Drawing("Q", residual=(0.5, 1.5)),
)

EQUILATERAL = Statistic(
    name="equilateral",
    title="Bispectrum of equilateral triangles",
    symbol="B",
    unit="(Mpc/h)⁶",
    meaning="B of three wavevectors of one length, over that of the halos.",
    measure=_equilateral,
    axis=TRIANGLE,
)
