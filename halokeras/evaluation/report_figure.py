"""A report as one figure: amplitude, phases, bispectrum and counts, with their errors."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from halokeras.evaluation.figures import new_figure, save_figure
from halokeras.evaluation.report import (
    DENSITY,
    DRAWS,
    FIELD,
    HIGHEST_COUNT,
    LOCAL_BIAS,
    Report,
    average,
)

_COLOURS = {FIELD: "#0072B2", DRAWS: "#D55E00", LOCAL_BIAS: "#E69F00", DENSITY: "#009E73"}
_OTHERS = ("#CC79A7", "#56B4E9", "#999999")


def draw_report(report: Report, path: Path) -> None:
    """Draw T, r, Q and the histogram of every contender, as PNG.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    figure = new_figure(10, 7.2)
    transfer, correlation, bispectrum, histogram = np.ravel(figure.subplots(2, 2))
    middle = report.k_upper - np.diff(report.k_upper, prepend=0.0) / 2
    names = list(report.comparisons)
    _curves(transfer, report, middle, "transfer_function", [n for n in names if n != DENSITY])
    transfer.axhspan(0.98, 1.02, color="0.9", label="target up to k = 0.4, 2 %")
    transfer.set(xlabel="k [h/Mpc]", ylabel="T = sqrt(P / P halos)", ylim=(0.8, 1.25))
    _curves(correlation, report, middle, "cross_correlation", [FIELD, DENSITY, DRAWS])
    correlation.set(xlabel="k [h/Mpc]", ylabel="r with the halos", ylim=(0, 1))
    angle = report.angles / np.pi
    shown = [n for n in (FIELD, DRAWS, LOCAL_BIAS) if n in names]
    _curves(bispectrum, report, angle, "reduced_bispectrum", shown)
    wanted, error = average(report.comparisons[FIELD], "reference_bispectrum")
    bispectrum.errorbar(angle, wanted, error, color="black", fmt="o", ms=4, label="halos")
    bispectrum.set(xlabel="angle between sides 0.1 and 0.2 h/Mpc [pi]", ylabel="Q", ylim=(0, None))
    counts = np.arange(HIGHEST_COUNT + 1)
    _curves(histogram, report, counts, "histogram", [n for n in names if n in (DRAWS, LOCAL_BIAS)])
    histogram.axhspan(0.95, 1.05, color="0.9", label="target of draws, 5 %")
    histogram.set(xlabel="halos in a voxel", ylabel="voxels / voxels of the halos", ylim=(0.5, 1.5))
    for axes in (transfer, correlation, bispectrum, histogram):
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(f"means over {', '.join(report.boxes)}", fontsize=10)
    save_figure(figure, path)


def _curves(axes: Axes, report: Report, x: np.ndarray, attribute: str, names: list[str]) -> None:
    others = iter(_OTHERS)
    for name in names:
        if name in report.comparisons:
            mean, error = average(report.comparisons[name], attribute)
            colour = _COLOURS.get(name) or next(others, "0.5")
            axes.errorbar(x, mean, np.nan_to_num(error), color=colour, label=name, capsize=2)
