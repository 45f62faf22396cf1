"""The mean number of halos."""

import numpy as np

from halokeras.statistics.statistic import Measurement, Sample, Statistic, Target


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    total = halos.values.sum(dtype=np.float64)
    return Measurement(
        value=np.asarray(painted.values.sum(dtype=np.float64) / total),
        painted=np.asarray(painted.values.astype(np.float64).mean()),
        halos=np.asarray(halos.values.astype(np.float64).mean()),
        scatter=np.asarray(1 / np.sqrt(total)),
    )


MEAN = Statistic(
    name="mean",
    title="Mean counts",
    symbol="mean",
    unit="halos per voxel",
    meaning="All halos that were painted, over all that were simulated.",
    measure=_measure,
    targets=(Target("mean counts", 0.005, elsewhere=0.05),),
    of_counts=True,
)
