"""The voxels without a halo."""

import numpy as np

from halokeras.statistics.histogram import voxels
from halokeras.statistics.statistic import DRAWS, Measurement, Sample, Statistic, Target


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = painted.of(voxels)[0], halos.of(voxels)[0]
    size = halos.values.size
    return Measurement(
        value=np.asarray(ours / theirs if theirs else np.nan),
        painted=np.asarray(ours / size),
        halos=np.asarray(theirs / size),
        scatter=np.asarray(np.sqrt((1 - theirs / size) / max(theirs, 1))),
    )


VOID_FRACTION = Statistic(
    name="void_fraction",
    title="Empty voxels",
    symbol="empty",
    unit="of all voxels",
    meaning="How many voxels hold no halo; a field's are rounded to whole halos first.",
    measure=_measure,
    targets=(Target("empty voxels", 0.005, asked_of=(DRAWS,)),),
    of_counts=True,
    of_whole_numbers=True,
)
