"""What is measured of painted fields: one statistic a module, and the one list of them."""

from halokeras.statistics.cell_variance import CELL_VARIANCE
from halokeras.statistics.cross_correlation import CROSS_CORRELATION
from halokeras.statistics.equilateral_bispectrum import EQUILATERAL
from halokeras.statistics.histogram import HISTOGRAM
from halokeras.statistics.mean_counts import MEAN
from halokeras.statistics.power import POWER
from halokeras.statistics.reduced_bispectrum import REDUCED_BISPECTRUM
from halokeras.statistics.statistic import Statistic
from halokeras.statistics.stochastic_power import STOCHASTIC_POWER
from halokeras.statistics.transfer_function import TRANSFER_FUNCTION
from halokeras.statistics.variance import VARIANCE
from halokeras.statistics.void_fraction import VOID_FRACTION

STATISTICS: tuple[Statistic, ...] = (
    MEAN,
    POWER,
    TRANSFER_FUNCTION,
    CROSS_CORRELATION,
    STOCHASTIC_POWER,
    REDUCED_BISPECTRUM,
    EQUILATERAL,
    HISTOGRAM,
    VOID_FRACTION,
    VARIANCE,
    CELL_VARIANCE,
)
"""All statistics, in the order in which readers meet them."""
