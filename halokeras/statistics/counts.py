"""Statistics of counts in voxels and cells."""

import numpy as np

from halokeras.fields.histograms import Counts, cell_variance, count_histogram
from halokeras.statistics.statistic import (
    DRAWS,
    Array,
    Axis,
    Drawing,
    Measurement,
    Sample,
    Statistic,
    Target,
    ratio,
)

CELLS = (8.0, 16.0)
"""Sides of the cells whose variance is compared [Mpc/h]."""

MOST_HALOS = 20
"""Halos per voxel up to which voxels are counted."""

HALOS_PER_VOXEL = Axis(
    name="halos_per_voxel",
    label="halos in a voxel",
    heading="halos",
    places=lambda halos: np.arange(MOST_HALOS + 1.0),
    words=lambda number: f"{number:g}",
    limits=(-0.5, None),
)

CELL_SIDE = Axis(
    name="cell_sides",
    label="side of the cells [Mpc/h]",
    heading="Mpc/h",
    places=lambda halos: np.array(CELLS),
    words=lambda side: f"{side:g}",
)


def _mean(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    total = halos.values.sum(dtype=np.float64)
    return Measurement(
        value=np.asarray(painted.values.sum(dtype=np.float64) / total),
        painted=np.asarray(painted.values.astype(np.float64).mean()),
        halos=np.asarray(halos.values.astype(np.float64).mean()),
        scatter=np.asarray(1 / np.sqrt(total)),
    )


def _variance(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (sample.values.astype(np.float64).var() for sample in (painted, halos))
    return ratio(ours, theirs)


def _voxels(counts: Counts, voxel_size: float) -> Array:
    found = count_histogram(counts)[: MOST_HALOS + 1].astype(np.float64)
    return np.pad(found, (0, MOST_HALOS + 1 - found.size))


def _histogram(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    wanted = halos.of(_voxels)
    scatter = np.sqrt((1 - wanted / halos.values.size) / np.maximum(wanted, 1))
    return ratio(painted.of(_voxels), wanted, scatter)


def _void_fraction(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = painted.of(_voxels)[0], halos.of(_voxels)[0]
    counted, size = _histogram(painted, halos, density), halos.values.size
    assert counted.scatter is not None  # it was worked out above
    return Measurement(counted.value[0], ours / size, theirs / size, counted.scatter[0])


def _cell_variance(painted: Sample, halos: Sample, density: Sample) -> Measurement:
    ours, theirs = (
        [cell_variance(sample.values, sample.voxel_size, side) for side in CELLS]
        for sample in (painted, halos)
    )
    return ratio(np.array(ours, dtype=np.float64), np.array(theirs, dtype=np.float64))


MEAN = Statistic(
    name="mean",
    title="Mean counts",
    symbol="mean",
    unit="halos per voxel",
    meaning="All halos that were painted, over all that were simulated.",
    measure=_mean,
    targets=(Target("mean counts", 0.005, elsewhere=0.02),),
    of_counts=True,
)

VARIANCE = Statistic(
    name="variance",
    title="Variance of counts",
    symbol="variance",
    unit="halos squared",
    meaning="How much the number of halos varies between voxels; a field lacks their shot noise.",
    measure=_variance,
    of_counts=True,
)

HISTOGRAM = Statistic(
    name="histogram",
    title="Counts in voxels",
    symbol="voxels",
    unit="voxels",
    meaning="How many voxels of a box hold 0, 1, 2, … halos; a painted mean is a smooth field, "
    "here rounded, so only draws are meant to have the histogram of halos.",
    measure=_histogram,
    axis=HALOS_PER_VOXEL,
    targets=(Target("voxels with n <= 5", 0.05, up_to=5, asked_of=(DRAWS,)),),
    drawing=Drawing("voxels of a box", logarithmic=True, residual=(0.5, 1.5)),
    of_counts=True,
    of_whole_numbers=True,
)

VOID_FRACTION = Statistic(
    name="void_fraction",
    title="Empty voxels",
    symbol="empty",
    unit="of all voxels",
    meaning="How many voxels hold no halo; a field's are rounded to whole halos first.",
    measure=_void_fraction,
    targets=(Target("empty voxels", 0.005, asked_of=(DRAWS,)),),
    of_counts=True,
    of_whole_numbers=True,
)

CELL_VARIANCE = Statistic(
    name="cell_variance",
    title="Variance in cells",
    symbol="variance in cells",
    meaning="How much the number of halos varies between cubes of 8 and 16 Mpc/h, in units of "
    "their mean number.",
    measure=_cell_variance,
    axis=CELL_SIDE,
    targets=(Target("variance in cells", 0.03),),
)
