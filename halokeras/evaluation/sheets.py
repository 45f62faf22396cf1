"""A report's tables as plain words, for a terminal and for a page alike."""

import math
from dataclasses import dataclass

import numpy as np

from halokeras.evaluation.contenders import DENSITY, DRAWS, FIELD, LOCAL_BIAS
from halokeras.evaluation.report import CELLS, Report, average


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and the verdict on it if there is one."""

    text: str
    passed: bool | None = None

    @property
    def verdict(self) -> str:
        """The verdict as a word; empty where there is none."""
        return {True: "met", False: "missed", None: ""}[self.passed]

    def __str__(self) -> str:
        return f"{self.text} {self.verdict}".strip()


@dataclass(frozen=True)
class Sheet:
    """One table.

    Attributes
    ----------
    words
        How many of the first columns are words and stand on the left; the others are numbers.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 0
    caption: str | None = None


def clustering_sheet(report: Report) -> Sheet:
    """Return T and r of the contenders, bin by bin."""
    found = report.comparisons
    columns = [(f"T, {name}", name, "transfer_function") for name in found if name != DENSITY]
    columns += [(f"r, {name}", name, "cross_correlation") for name in (FIELD, DENSITY)]
    means = [average(found[name], attribute) for _, name, attribute in columns]
    return Sheet(
        title=f"Clustering, means over {', '.join(report.boxes)}",
        caption="k in h/Mpc; the last digits' errors are standard errors over realisations",
        headings=("k to", *(heading for heading, _, _ in columns)),
        rows=tuple(
            (
                Cell(f"{upper:.3f}"),
                *(_with_error(float(mean[i]), float(error[i])) for mean, error in means),
            )
            for i, upper in enumerate(report.k_upper)
        ),
    )


def bispectrum_sheet(report: Report) -> Sheet:
    """Return Q over angle of the halos and of what is drawn or painted."""
    shown = [name for name in (FIELD, DRAWS, LOCAL_BIAS) if name in report.comparisons]
    means = [average(report.comparisons[FIELD], "reference_bispectrum")]
    means += [average(report.comparisons[name], "reduced_bispectrum") for name in shown]
    return Sheet(
        title="Reduced bispectrum Q, sides 0.1 and 0.2 h/Mpc",
        headings=("angle", "halos", *shown),
        rows=tuple(
            (
                Cell(f"{angle / math.pi:.2f} pi"),
                *(_with_error(float(mean[i]), float(error[i])) for mean, error in means),
            )
            for i, angle in enumerate(report.angles)
        ),
    )


def counts_sheet(report: Report) -> Sheet:
    """Return the voxels with 0, 1, ... halos and the variance in cells, over the halos' own."""
    shown = [name for name in report.comparisons if name != DENSITY]
    wanted = average(report.comparisons[FIELD], "reference_histogram")[0]
    histograms = [average(report.comparisons[name], "histogram") for name in shown]
    variances = [average(report.comparisons[name], "cell_variance") for name in shown]
    rows = [
        (
            Cell(f"voxels with {number}"),
            Cell(f"{voxels:,.0f}"),
            *(_with_error(float(mean[number]), float(error[number])) for mean, error in histograms),
        )
        for number, voxels in enumerate(wanted)
    ]
    rows += [
        (
            Cell(f"variance in {side:g} Mpc/h"),
            Cell("-"),
            *(_with_error(float(mean[i]), float(error[i])) for mean, error in variances),
        )
        for i, side in enumerate(CELLS)
    ]
    return Sheet(
        title="Counts over those of the halos",
        headings=("", "halos", *shown),
        rows=tuple(rows),
        words=1,
        caption="painted means are rounded to the nearest whole number of halos",
    )


def targets_sheet(report: Report) -> Sheet:
    """Return every statistic at its worst, with the verdict on those that have a target."""
    names = tuple(report.comparisons)
    rows = []
    for line in report.lines:
        cells = (
            Cell(
                "-" if np.isnan(line.worst[name]) else f"{line.worst[name]:+.4f}",
                line.passed.get(name),
            )
            for name in names
        )
        rows.append((Cell(line.statistic), Cell(line.target), *cells))
    return Sheet(
        title="Worst deviation from the halos (gain of r: the least)",
        headings=("statistic", "target", *names),
        rows=tuple(rows),
        words=2,
    )


def _with_error(mean: float, error: float) -> Cell:
    if math.isnan(mean):
        return Cell("-")
    return Cell(f"{mean:.3f}" if math.isnan(error) else f"{mean:.3f} ± {error:.3f}")
