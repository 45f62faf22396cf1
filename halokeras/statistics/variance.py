"""The variance of counts from voxel to voxel."""

import numpy as np

from halokeras.statistics.statistic import Measurement, Sample, Statistic, ratio


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (sample.values.astype(np.float64).var() for sample in (painted, halos))
    return ratio(ours, theirs)


VARIANCE = Statistic(
    name="variance",
    title="Variance of counts",
    symbol="variance",
    unit="halos squared",
    meaning="How much the number of halos varies between voxels; a field lacks their shot noise.",
    measure=_measure,
    of_counts=True,
)
