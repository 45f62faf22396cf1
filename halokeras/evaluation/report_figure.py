"""A report as figures: power, amplitude, phases, bispectrum and counts, with their errors."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from numpy.typing import NDArray

from halokeras.evaluation.contenders import DENSITY, DRAWS, FIELD, LOCAL_BIAS
from halokeras.evaluation.figures import (
    counts_panel,
    density_panel,
    draw_panel,
    new_figure,
    plain_ticks,
    save_figure,
    shade_beyond_nyquist,
)
from halokeras.evaluation.report import (
    HALOS,
    HIGHEST_COUNT,
    HISTOGRAM,
    LINEAR,
    LINEAR_TRANSFER,
    Report,
    average,
)

Array = NDArray[np.float64]

# Colour, marker and line tell contenders apart, so that no one needs to see colours.
_STYLES = {
    FIELD: ("#0072B2", "o", "-"),
    DRAWS: ("#D55E00", "s", "-"),
    LOCAL_BIAS: ("#E69F00", "^", "--"),
    DENSITY: ("#009E73", "D", "-."),
}
_OTHERS = (("#CC79A7", "v", ":"), ("#56B4E9", "P", "--"), ("#999999", "X", "-."))
_HALOS: dict[str, Any] = {"color": "black", "fmt": "o", "ms": 5, "label": HALOS, "zorder": 3}
_BAND: dict[str, Any] = {"color": "0.88", "lw": 0, "zorder": 0}


def draw_report(report: Report, path: Path) -> None:
    """Draw T, r, Q and the histogram of every contender, in the format of the suffix of `path`.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    figure = new_figure(11, 8.2)
    panels = (_transfer, _correlation, _bispectrum, _histogram)
    for axes, draw in zip(np.ravel(figure.subplots(2, 2)), panels, strict=True):
        draw(axes, report)
    figure.suptitle(drawable(f"means over {', '.join(report.boxes)}"), fontsize=10, wrap=True)
    save_figure(figure, path)


def report_figures(report: Report) -> dict[str, Figure]:
    """Return each panel as a figure of its own, small enough to be read on a phone.

    Returns
    -------
    dict
        "power", "transfer", "correlation", "bispectrum", "voxels" and "histogram".
    """
    panels: dict[str, Callable[[Axes, Report], None]] = {
        "power": _power,
        "transfer": _transfer,
        "correlation": _correlation,
        "bispectrum": _bispectrum,
        "voxels": _voxels,
        "histogram": _histogram,
    }
    figures = {}
    for name, draw in panels.items():
        figures[name] = new_figure(4.2, 3.6)
        draw(figures[name].subplots(), report)
    return figures


def slab_figures(report: Report) -> dict[str, Figure]:
    """Return the slab's density, halos, painted field and, where the painter draws, a draw."""
    slab = report.slab
    halos = slab.columns[HALOS]
    panels = {"density": density_panel(slab, DENSITY, "2LPT density")}
    titles = {HALOS: "halos of the simulation", FIELD: "painted field", DRAWS: "a draw"}
    for name, title in titles.items():
        if name in slab.columns:
            panels[name] = counts_panel(slab, name, title, halos)
    aspect = halos.shape[1] / halos.shape[0]
    figures = {}
    for panel in panels.values():
        figure = new_figure(4.2, min(max(0.4 + 3.3 * aspect, 1.8), 7.0))
        draw_panel(figure, figure.subplots(), panel, slab.voxel_size)
        figures[panel.title] = figure
    return figures


def drawable(text: str) -> str:
    """Return a name as matplotlib draws it letter by letter: no mathematics, no missing glyphs."""
    font = get_font(findfont("DejaVu Sans"))
    known = (letter if font.get_char_index(ord(letter)) else "?" for letter in text)
    plain = "".join(known).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain  # a legend hides names such as _x


def _power(axes: Axes, report: Report) -> None:
    wanted, error = average(report.comparisons[FIELD], "reference_power")
    axes.errorbar(report.k, wanted, np.nan_to_num(error), **_HALOS)
    axes.axhline(report.shot_noise, color="0.4", ls=":", lw=1, label="their shot noise")
    for name, comparisons in report.comparisons.items():
        powers = [one.transfer_function**2 * one.reference_power for one in comparisons]
        _curve(axes, report, name, report.k, np.mean(powers, axis=0), None)
    axes.set(xscale="log", yscale="log", xlabel="k [h/Mpc]", ylabel="P [(Mpc/h)$^3$]")
    shade_beyond_nyquist(axes, report.voxel_size, name=False)
    axes.set_xlim(left=0.8 * report.k[0])
    plain_ticks(axes.xaxis)
    _legend_above(axes)


def _transfer(axes: Axes, report: Report) -> None:
    _target_band(axes, report, LINEAR_TRANSFER, (0, LINEAR))
    names = [name for name in report.comparisons if name != DENSITY]
    _curves(axes, report, report.k, "transfer_function", names)
    axes.set(xlabel="k [h/Mpc]", ylabel=r"T = $\sqrt{P\,/\,P_{\rm halos}}$", ylim=(0.8, 1.35))
    axes.set_xlim(left=0)
    shade_beyond_nyquist(axes, report.voxel_size, name=True)
    _legend_above(axes)


def _correlation(axes: Axes, report: Report) -> None:
    names = [name for name in report.comparisons if name in (FIELD, DENSITY, DRAWS, LOCAL_BIAS)]
    _curves(axes, report, report.k, "cross_correlation", names)
    axes.set(xlabel="k [h/Mpc]", ylabel="r with the halos", ylim=(0, 1.02))
    axes.set_xlim(left=0)
    shade_beyond_nyquist(axes, report.voxel_size, name=True)
    _legend_above(axes)


def _bispectrum(axes: Axes, report: Report) -> None:
    angle = report.angles / np.pi
    names = [name for name in (FIELD, DRAWS, LOCAL_BIAS) if name in report.comparisons]
    _curves(axes, report, angle, "reduced_bispectrum", names)
    wanted, error = average(report.comparisons[FIELD], "reference_bispectrum")
    axes.errorbar(angle, wanted, np.nan_to_num(error), **_HALOS)
    axes.set(xlabel=r"angle between k of 0.1 and 0.2 h/Mpc [$\pi$ rad]", ylabel="Q", xlim=(0, 1))
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), None)
    _legend_above(axes)


def _voxels(axes: Axes, report: Report) -> None:
    halos = np.arange(HIGHEST_COUNT + 1.0)
    wanted, error = average(report.comparisons[FIELD], "reference_histogram")
    axes.errorbar(halos, wanted, np.nan_to_num(error), **_HALOS)
    for name in (name for name in (FIELD, DRAWS, LOCAL_BIAS) if name in report.comparisons):
        found = [one.histogram * one.reference_histogram for one in report.comparisons[name]]
        _curve(axes, report, name, halos, np.mean(found, axis=0), None)
    axes.set(yscale="log", xlabel="halos in a voxel, means rounded", ylabel="voxels of a box")
    _legend_above(axes)


def _histogram(axes: Axes, report: Report) -> None:
    _target_band(axes, report, HISTOGRAM, (-0.5, HIGHEST_COUNT + 0.5))
    names = [name for name in (DRAWS, LOCAL_BIAS) if name in report.comparisons]
    _curves(axes, report, np.arange(HIGHEST_COUNT + 1.0), "histogram", names)
    axes.set(xlabel="halos in a voxel", ylabel="voxels / voxels of the halos", ylim=(0.5, 1.5))
    axes.set_xlim(-0.5, HIGHEST_COUNT + 0.5)
    _legend_above(axes)


def _target_band(axes: Axes, report: Report, statistic: str, reach: tuple[float, float]) -> None:
    """Shade what a target allows, if this report asks it."""
    for line in report.lines:
        if line.statistic == statistic:
            edges = 1 - line.threshold, 1 + line.threshold
            axes.fill_between(reach, *edges, label=f"target, {line.target}", **_BAND)


def _legend_above(axes: Axes) -> None:
    """Name the curves where they cannot run through the names."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.3,
        frameon=False,
        fontsize=8,
        ncols=2,
        handlelength=2.4,
    )


def _curves(axes: Axes, report: Report, x: Array, attribute: str, names: list[str]) -> None:
    for name in names:
        _curve(axes, report, name, x, *average(report.comparisons[name], attribute))


def _curve(
    axes: Axes, report: Report, name: str, x: Array, values: Array, error: Array | None
) -> None:
    others = (other for other in report.comparisons if other not in _STYLES)
    styles = {**_STYLES, **dict(zip(others, cycle(_OTHERS), strict=False))}
    colour, marker, line = styles[name]
    axes.errorbar(
        x,
        values,
        None if error is None else np.nan_to_num(error),
        color=colour,
        marker=marker,
        ms=3.5,
        ls=line,
        capsize=2,
        label=drawable(name),
    )
