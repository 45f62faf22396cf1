"""What is measured of painted fields, and the one list of it."""

from halokeras.statistics import bispectra, counts, spectra
from halokeras.statistics.statistic import Statistic

STATISTICS: tuple[Statistic, ...] = (
    counts.MEAN,
    spectra.POWER,
    spectra.TRANSFER_FUNCTION,
    spectra.CROSS_CORRELATION,
    spectra.STOCHASTIC_POWER,
    bispectra.REDUCED_BISPECTRUM,
    bispectra.EQUILATERAL,
    counts.HISTOGRAM,
    counts.VOID_FRACTION,
    counts.VARIANCE,
    counts.CELL_VARIANCE,
)
"""All statistics, in the order in which readers meet them."""
