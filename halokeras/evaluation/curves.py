"""Statistics as figures: every curve with its errors, every target as a band.

Colours after Okabe and Ito; colour, marker and line tell contenders apart, so that no one needs
to see colours.
"""

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import findfont, get_font

from halokeras.evaluation.names import (
    ALTERNATIVES,
    DENSITY,
    HALOS,
    LOCAL_BIAS,
    LOCAL_BIAS_DRAWS,
    TRUE_COUNTS,
    UNIFORM,
    WARM_START,
    WARM_START_DRAWS,
    shown,
)
from halokeras.evaluation.scorecard import Scorecard
from halokeras.evaluation.slices import plain_ticks
from halokeras.evaluation.verdict import average, deviations
from halokeras.statistics.spectra import WAVENUMBER
from halokeras.statistics.statistic import DRAWS, FIELD, Against, Array, Axis, Drawing, Statistic
from halokeras.storage.figure_file import new_figure

NUMBERS = "numbers"
"""Name of the figure that all single numbers share."""

_STYLES = {
    FIELD: ("#0072B2", "o", "-"),
    DRAWS: ("#D55E00", "s", "-"),
    WARM_START: ("#56B4E9", "P", "--"),
    WARM_START_DRAWS: ("#56B4E9", "o", "--"),
    LOCAL_BIAS: ("#E69F00", "^", "--"),
    LOCAL_BIAS_DRAWS: ("#E69F00", "^", "--"),
    DENSITY: ("#009E73", "D", "-."),
    TRUE_COUNTS: ("#009E73", "D", "-."),
    UNIFORM: ("#CC79A7", "v", ":"),
}
_OTHERS = (("#CC79A7", "v", ":"), ("#999999", "X", "-."))
_HALOS: dict[str, Any] = {"color": "black", "fmt": "o", "ms": 5, "label": HALOS, "zorder": 3}
_BANDS = ("0.8", "0.9")


def statistic_figures(card: Scorecard) -> dict[str, Figure]:
    """Return the figures of a scorecard by name of the statistic, small enough for a phone."""
    figures = {}
    for statistic in card.statistics:
        if statistic.drawing is not None and card.at(statistic).size:
            figures[statistic.name] = new_figure(4.4, 4.4 if _has_residual(statistic) else 3.8)
            _draw(figures[statistic.name], card, statistic)
    if any(statistic.axis is None for statistic in card.statistics):
        figures[NUMBERS] = new_figure(4.4, 3.8)
        _numbers(figures[NUMBERS].subplots(), card)
    return figures


def scorecard_figure(card: Scorecard) -> Figure:
    """Return one figure of all statistics that are drawn."""
    drawn = [one for one in card.statistics if one.drawing is not None and card.at(one).size]
    rows = -(-(len(drawn) + 1) // 3)
    figure = new_figure(15, 4.6 * rows)
    figure.suptitle(drawable(f"means over {', '.join(card.boxes)}"), fontsize=10, wrap=True)
    parts = np.ravel(figure.subfigures(rows, 3, squeeze=False))
    for part, statistic in zip(parts, drawn, strict=False):
        _draw(part, card, statistic)
    _numbers(parts[len(drawn)].subplots(), card)
    return figure


def drawable(text: str) -> str:
    """Return a name as matplotlib draws it letter by letter: no mathematics, no missing glyphs."""
    font = get_font(findfont("DejaVu Sans"))
    known = (letter if font.get_char_index(ord(letter)) else "?" for letter in text)
    plain = "".join(known).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain  # a legend hides names such as _x


def shade_beyond_nyquist(axes: Axes, voxel_size: float, name: bool) -> None:
    """Shade the wavenumbers [h/Mpc] that voxels cannot hold, and on request name the edge."""
    nyquist = np.pi / voxel_size
    axes.set_xlim(right=1.06 * nyquist)
    axes.axvspan(nyquist, 1.06 * nyquist, color="0.85", lw=0, zorder=0)
    axes.axvline(nyquist, color="grey", ls=":", lw=1, zorder=0)
    if name:
        axes.annotate(
            "Nyquist",
            (nyquist, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(-3, 0),
            textcoords="offset points",
            rotation=90,
            ha="right",
            va="top",
            color="0.4",
            fontsize=8,
        )


def _has_residual(statistic: Statistic) -> bool:
    return statistic.drawing is not None and statistic.drawing.residual is not None


def _draw(figure: Figure | SubFigure, card: Scorecard, statistic: Statistic) -> None:
    """Draw a statistic, and below it, where it has such a panel, its ratio over the halos."""
    drawing, axis = statistic.drawing, statistic.axis
    assert drawing is not None and axis is not None  # what is drawn has both
    x = card.places[axis.name] / axis.unit
    names = shown(statistic, list(card.comparisons))
    found = {name: card.measurements(name, statistic) for name in names}
    first = found[names[0]]
    if drawing.residual is None:
        main = lowest = figure.subplots()
    else:
        main, lowest = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        lowest.set(ylim=drawing.residual, ylabel="over halos")
        lowest.axhline(1, color="black", lw=0.8, zorder=0)
        for name in names:
            off, error = deviations(statistic.against, found[name], found[name])
            _curve(lowest, _style(card, name), x, 1 + off, error)
    attribute = "value" if first[0].painted is None else "painted"
    for name in names:
        mean, error = average(found[name], attribute)
        if _is_inside(mean, drawing.limits):
            _curve(main, _style(card, name), x, _drawn(mean, drawing), error)
    if first[0].halos is not None:
        mean, error = average(first, "halos")
        main.errorbar(x, _drawn(mean, drawing), _bars(error), **_HALOS)
    main.set(ylabel=drawing.label, ylim=drawing.limits)
    if drawing.logarithmic:
        main.set_yscale("log")
        # errors as large as their values reach down to nothing, which has no place here
        drawn = np.concatenate([curve[0].get_ydata() for curve in main.containers])
        drawn = drawn[drawn > 0]
        if drawn.size:
            main.set_ylim(0.5 * drawn.min(), drawing.limits[1] or 2 * drawn.max())
    lowest.set_xlabel(axis.label)
    for axes in {main, lowest}:
        _along(axes, card, axis, drawing.logarithmic, name=axes is main)
    _bands(lowest, card, statistic)
    _legend_above(main)


def _along(axes: Axes, card: Scorecard, axis: Axis, logarithmic: bool, name: bool) -> None:
    """Set the scale and the ends of the axis of x."""
    if axis.logarithmic and logarithmic:
        axes.set_xscale("log")
        places = card.places[axis.name]
        axes.set_xlim(0.8 * places[0], axis.limits[1])
        if places[-1] < 100 * places[0]:  # beyond, powers of ten say it better
            plain_ticks(axes.xaxis)
    else:
        axes.set_xlim(*axis.limits)
    if axis is WAVENUMBER:
        shade_beyond_nyquist(axes, card.voxel_size, name and not logarithmic)


def _bands(axes: Axes, card: Scorecard, statistic: Statistic) -> None:
    """Show what each target allows: a band about 1, or the least above the density."""
    assert statistic.axis is not None  # single numbers have a figure of their own
    ends = axes.get_xlim()
    at = card.at(statistic)
    lines = {line.statistic: line for line in card.lines if line.name == statistic.name}
    for grey, target in zip(cycle(_BANDS), statistic.targets, strict=False):
        if target.title not in lines:
            continue
        line = lines[target.title]
        label = f"target: {line.target}"
        if statistic.against is Against.DENSITY:
            least = average(card.measurements(DENSITY, statistic))[0] + line.threshold
            x = card.places[statistic.axis.name] / statistic.axis.unit
            covered = target.covers(at)
            axes.plot(x[covered], least[covered], color=grey, lw=4, zorder=0, label=label)
            continue
        reach = [min(max(end, ends[0]), ends[1]) for end in (target.above, target.up_to)]
        edges = 1 - line.threshold, 1 + line.threshold
        axes.fill_between(reach, *edges, color=grey, lw=0, zorder=0, label=label)


def _numbers(axes: Axes, card: Scorecard) -> None:
    """Draw what all single numbers are off, side by side."""
    numbers = [one for one in card.statistics if one.axis is None]
    names = [name for name in _STYLES if name in card.comparisons]
    for place, name in enumerate(names):
        x: Array = np.arange(float(len(numbers))) + 0.7 * (place / max(len(names) - 1, 1) - 0.5)
        off, error = np.full((2, len(numbers)), np.nan)
        for number, statistic in enumerate(numbers):
            if name in shown(statistic, names):
                some = card.measurements(name, statistic)
                (off[number],), (error[number],) = deviations(statistic.against, some, some)
        if np.isfinite(off).any():
            _curve(axes, {**_style(card, name), "ls": ""}, x, 100 * off, 100 * error)
    for place, statistic in enumerate(numbers):
        for line in card.lines:
            if line.name == statistic.name:
                edges = -100 * line.threshold, 100 * line.threshold
                reach = place - 0.45, place + 0.45
                axes.fill_between(reach, *edges, color=_BANDS[0], lw=0, zorder=0)
    axes.axhline(0, color="black", lw=0.8, zorder=0)
    axes.set_yscale("symlog", linthresh=1)
    axes.margins(y=0.1)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(ylabel="over those of the halos, less 1 [%]")
    axes.set_xticks(np.arange(len(numbers)), [statistic.symbol for statistic in numbers])
    axes.set_xlim(-0.5, len(numbers) - 0.5)
    _legend_above(axes)


def _drawn(values: Array, drawing: Drawing) -> Array:
    """Return values without those that a logarithmic axis does not have."""
    return np.where(values > 0, values, np.nan) if drawing.logarithmic else values


def _is_inside(values: Array, limits: tuple[float | None, float | None]) -> bool:
    """Tell whether any part of a curve is within the ends of its axis."""
    low, high = limits
    inside = np.isfinite(values)
    inside &= values >= (-np.inf if low is None else low)
    inside &= values <= (np.inf if high is None else high)
    return bool(inside.any())


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


def _curve(axes: Axes, style: dict[str, Any], x: Array, values: Array, error: Array) -> None:
    axes.errorbar(x, values, _bars(error), ms=3.5, capsize=2, **style)


def _bars(error: Array) -> Array:
    """Return the lengths of error bars, none where the error is unknown or endless."""
    return np.nan_to_num(error, posinf=0.0)


def _style(card: Scorecard, name: str) -> dict[str, Any]:
    """Return how a contender is drawn, and its name in legends."""
    others = (other for other in card.comparisons if other not in _STYLES)
    styles = {**_STYLES, **dict(zip(others, cycle(_OTHERS), strict=False))}
    colour, marker, dashes = styles[name]
    # the numbers' figure shows a field and Poisson draws of it in one colour
    filling = {"mfc": "white"} if name in ALTERNATIVES[DRAWS] else {}
    return {"color": colour, "marker": marker, "ls": dashes, "label": drawable(name), **filling}
