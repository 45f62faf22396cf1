"""How many voxels hold how many halos."""

import numpy as np
from numpy.typing import NDArray

from halokeras.fields.histograms import Counts, count_histogram
from halokeras.statistics.axes import HALOS_PER_VOXEL, MOST_HALOS
from halokeras.statistics.statistic import (
    DRAWS,
    Array,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
    ratio,
)


def voxels(counts: Counts, voxel_size: float) -> Array:
    """Return the number of voxels with 0, 1, ... `MOST_HALOS` halos."""
    found: NDArray[np.int64] = count_histogram(counts)[: MOST_HALOS + 1]
    return np.pad(found.astype(np.float64), (0, MOST_HALOS + 1 - found.size))


def _measure(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    wanted = halos.of(voxels)
    scatter = np.sqrt((1 - wanted / halos.values.size) / np.maximum(wanted, 1))
    return ratio(painted.of(voxels), wanted, scatter)


HISTOGRAM = Statistic(
    name="histogram",
    title="Counts in voxels",
    symbol="voxels",
    unit="voxels",
    meaning="How many voxels of a box hold 0, 1, 2, … halos; a painted mean is a smooth field, "
    "here rounded, so only draws are meant to have the histogram of halos.",
    measure=_measure,
    axis=HALOS_PER_VOXEL,
    targets=(Target("voxels with n <= 5", 0.05, up_to=5, asked_of=(DRAWS,)),),
    drawing=Drawing("voxels of a box", logarithmic=True, residual=(0.5, 1.5)),
    of_counts=True,
    of_whole_numbers=True,
)
