"""The variance of counts in cells larger than a voxel."""

import numpy as np

from halokeras.fields.histograms import cell_variance
from halokeras.statistics.axes import CELL_SIDE, CELLS
from halokeras.statistics.statistic import Array, Measurement, Sample, Statistic, Target, ratio


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    return ratio(_variances(painted), _variances(halos))


def _variances(sample: Sample) -> Array:
    found = (cell_variance(sample.values, sample.voxel_size, side) for side in CELLS)
    return np.array([np.nan if variance is None else variance for variance in found])


CELL_VARIANCE = Statistic(
    name="cell_variance",
    title="Variance in cells",
    symbol="variance in cells",
    meaning="How much the number of halos varies between cubes of 8 and 16 Mpc/h, in units of "
    "their mean number.",
    measure=_measure,
    axis=CELL_SIDE,
    targets=(Target("variance in cells", 0.03),),
)
