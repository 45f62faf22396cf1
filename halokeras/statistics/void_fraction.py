"""The voxels without a halo."""

from halokeras.statistics.histogram import HISTOGRAM
from halokeras.statistics.statistic import DRAWS, Measurement, Sample, Statistic, Target


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    counted = HISTOGRAM.measure(painted, halos, density)
    assert counted.painted is not None and counted.halos is not None and counted.scatter is not None
    size = halos.values.size
    return Measurement(
        value=counted.value[0],
        painted=counted.painted[0] / size,
        halos=counted.halos[0] / size,
        scatter=counted.scatter[0],
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
