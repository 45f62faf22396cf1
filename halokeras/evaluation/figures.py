"""Figures of painted counts: slices, spectra, histogram; colours after Okabe and Ito."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from halokeras.evaluation.baselines import fit_local_bias
from halokeras.evaluation.scorecard import TRANSFER_TOLERANCE, TRANSFER_UP_TO, Scorecard
from halokeras.fields.slab import Slab, project
from halokeras.fields.spectra import Spectra, fine_edges, measure
from halokeras.storage.files import whole_file

_REFERENCE = "black"
_PAINTED = "#0072B2"
_LOCAL_BIAS = "#E69F00"
_DENSITY = "#009E73"

_MOST_HALOS = 20
"""Halos per voxel that the histogram shows, at most."""

Field = NDArray[np.floating]


class FigureFormat(StrEnum):
    """What a figure is written as: pixels, or lines and letters that stay sharp."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


@dataclass(frozen=True)
class Panel:
    """One image of a slab.

    Attributes
    ----------
    title
        What it is of.
    image
        (nx, ny).
    label
        Of the colour bar, with the unit.
    colours
        As matplotlib's imshow takes them.
    """

    title: str
    image: Field
    label: str
    colours: dict[str, Any]


def scorecard_figures(
    density: Field,
    counts: Field,
    painted: Field,
    scorecard: Scorecard,
    voxel_size: float,
    folder: Path,
    format: FigureFormat = FigureFormat.PNG,
) -> list[Path]:
    """Draw the figures "slices", "spectra" and "histogram" into `folder`.

    Parameters
    ----------
    density
        rho/mean, (nx, ny, nz).
    counts, painted
        Reference and painted halos per voxel.
    scorecard
        Of the same fields.
    voxel_size
        [Mpc/h].

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    slab = project({"density": density, "reference": counts, "painted": painted}, voxel_size)
    panels = [
        density_panel(slab, "density", "matter density"),
        counts_panel(slab, "reference", "reference halos", slab.columns["reference"]),
        counts_panel(slab, "painted", "painted halos", slab.columns["reference"]),
        _difference_panel(slab),
    ]
    figures = {
        "slices": slices_figure(panels, slab),
        "spectra": _spectra(density, counts, painted, scorecard, voxel_size),
        "histogram": _histogram(scorecard),
    }
    paths = [folder / f"{name}.{format}" for name in figures]
    for figure, path in zip(figures.values(), paths, strict=True):
        save_figure(figure, path)
    return paths


def painted_slices(slab: Slab, path: Path) -> None:
    """Draw a slice of a ``density`` (rho/mean) beside the counts ``painted`` on it.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    panels = [
        density_panel(slab, "density", "matter density"),
        counts_panel(slab, "painted", "painted halos", slab.columns["painted"]),
    ]
    save_figure(slices_figure(panels, slab), path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF, as the suffix of `path` says, whole.

    The same figure gives the same bytes.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    format = FigureFormat(path.suffix.removeprefix("."))
    with whole_file(path) as temporary:
        if format is FigureFormat.SVG:
            temporary.write_text(svg_text(figure, path.stem), encoding="utf-8")
            return
        undated = {"CreationDate": None} if format is FigureFormat.PDF else None
        figure.savefig(temporary, format=format, dpi=150, bbox_inches="tight", metadata=undated)


def svg_text(figure: Figure, name: str) -> str:
    """Return a figure as SVG whose names of clip paths start with `name` and a dash."""
    written = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(written, format="svg", dpi=150, bbox_inches="tight", metadata=nothing)
    text = written.getvalue()
    # matplotlib names them by places whose last, unseen digits are not the same each time
    names = dict.fromkeys(re.findall(r"url\(#(p[0-9a-f]{10})\)", text))
    for number, clip in enumerate(names):
        text = text.replace(clip, f"{name}-clip{number}")
    return text


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a width and height [inches] that no window shows."""
    figure = Figure(figsize=(width, height), layout="compressed")
    FigureCanvasAgg(figure)
    return figure


def density_panel(slab: Slab, name: str, title: str) -> Panel:
    """Return the mean density (rho/mean) through a slab."""
    matter = slab.columns[name] / slab.depth
    positive = matter[matter > 0]
    low, high = np.percentile(positive, [0.5, 99.9]) if positive.size else (0.1, 10.0)
    low, high = min(low, 0.99), max(high, 1.01)
    colours = {"cmap": "magma", "norm": LogNorm(low, high)}
    return Panel(title, np.maximum(matter, low), r"$\rho\,/\,\bar\rho$", colours)


def counts_panel(slab: Slab, name: str, title: str, scale: Field) -> Panel:
    """Return the halos in the columns of a slab, in the colours of another field's, `scale`."""
    colours = {"cmap": "viridis", "vmin": 0, "vmax": _brightest(scale)}
    return Panel(title, slab.columns[name], _per_column(slab), colours)


def _difference_panel(slab: Slab) -> Panel:
    wanted = slab.columns["reference"]
    most = _brightest(wanted)
    colours = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    difference = slab.columns["painted"] - wanted
    return Panel("painted less reference", difference, _per_column(slab), colours)


def _per_column(slab: Slab) -> str:
    side = slab.voxel_size
    return f"halos per {side:g} x {side:g} x {slab.depth * side:g} (Mpc/h)$^3$"


def slices_figure(panels: Sequence[Panel], slab: Slab) -> Figure:
    """Draw panels of one slab, two in a row, or one alone."""
    across = min(len(panels), 2)
    rows = len(panels) // across
    shape = panels[0].image.shape
    aspect = shape[1] / shape[0]
    figure = new_figure(5 * across, 0.3 + rows * min(max(0.6 + 4.2 * aspect, 2.0), 12.0))
    figure.suptitle(slab.extent, fontsize=11)
    for axes, panel in zip(
        np.ravel(figure.subplots(rows, across, sharex=True, sharey=True)), panels, strict=True
    ):
        draw_panel(figure, axes, panel, slab.voxel_size)
        axes.set_title(panel.title)
        axes.label_outer()
    return figure


def draw_panel(figure: Figure, axes: Axes, panel: Panel, voxel_size: float) -> None:
    """Draw the image of a panel with its scales [Mpc/h] and colour bar."""
    image = panel.image
    extent = (0, image.shape[0] * voxel_size, 0, image.shape[1] * voxel_size)
    drawn = axes.imshow(
        image.T, origin="lower", extent=extent, interpolation="nearest", **panel.colours
    )
    axes.set(xlabel="x [Mpc/h]", ylabel="y [Mpc/h]")
    low, high = drawn.get_clim()
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(image.min() < low), bool(image.max() > high)), "neither")
    bar = figure.colorbar(drawn, ax=axes, label=panel.label, extend=extend, shrink=0.9, pad=0.01)
    if isinstance(drawn.norm, LogNorm):
        plain_ticks(bar.ax.yaxis)
        bar.ax.yaxis.labelpad = -4  # beside its ticks, not beside the next panel


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


def plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis 0.2, 0.5, 1, 2, ..."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _brightest(columns: Field) -> float:
    """Top of the colour scale: what all but a few columns stay below."""
    return float(np.percentile(columns, 99.8)) or float(columns.max()) or 1.0


def _spectra(
    density: Field, counts: Field, painted: Field, scorecard: Scorecard, voxel_size: float
) -> Figure:
    edges = fine_edges(density.shape, voxel_size)
    local_bias = fit_local_bias(density, counts).paint(density)
    of_painted = measure(painted, counts, voxel_size, edges)
    of_density = measure(density, counts, voxel_size, edges)
    of_local_bias = measure(local_bias, counts, voxel_size, edges)
    lines = [
        ("2LPT density", "-", _DENSITY, of_density),
        ("painted", "-", _PAINTED, of_painted),
        ("local bias, fitted on this box", "--", _LOCAL_BIAS, of_local_bias),
    ]
    figure = new_figure(7, 9)
    power, transfer, correlation = figure.subplots(3, 1, sharex=True, height_ratios=[1.3, 1, 1])
    power.plot(of_painted.k, of_painted.second, color=_REFERENCE, lw=2, label="reference halos")
    power.axhline(scorecard.shot_noise, color="grey", ls="--", lw=1, label="their shot noise")
    for label, style, colour, spectra in lines:
        power.plot(spectra.k, spectra.first, style, color=colour, label=label)
        transfer.plot(spectra.k, spectra.transfer_function, style, color=colour)
        correlation.plot(spectra.k, spectra.cross_correlation, style, color=colour)
    for axes, values in (
        (power, scorecard.painted.power),
        (transfer, scorecard.painted.transfer_function),
        (correlation, scorecard.painted.cross_correlation),
    ):
        axes.plot(scorecard.k, values, "o", color=_PAINTED, ms=4, zorder=3)
    power.set(yscale="log", ylabel=r"$P(k)$ [(Mpc/h)$^3$]")
    power.legend(frameon=False, fontsize=9)
    transfer.axhline(1, color=_REFERENCE, lw=0.8)
    transfer.fill_between(
        [float(of_painted.k[0]), TRANSFER_UP_TO],
        1 - TRANSFER_TOLERANCE,
        1 + TRANSFER_TOLERANCE,
        color=_PAINTED,
        alpha=0.15,
        lw=0,
        label=f"target, within {100 * TRANSFER_TOLERANCE:g} % up to k = {TRANSFER_UP_TO:g} h/Mpc",
    )
    transfer.set(ylim=(0, _highest(of_painted)), ylabel=r"$T(k)$")
    transfer.legend(frameon=False, fontsize=9, loc="lower left")
    correlation.axhline(1, color=_REFERENCE, lw=0.8)
    correlation.set(ylim=(correlation.get_ylim()[0], 1.02), ylabel=r"$r(k)$")
    correlation.set(xscale="log", xlabel=r"$k$ [h/Mpc]")
    plain_ticks(correlation.xaxis)
    for axes in (power, transfer, correlation):
        shade_beyond_nyquist(axes, voxel_size, name=axes is power)
    return figure


def _highest(painted: Spectra) -> float:
    """Top of the axis of T: above the painted one, unless that is beyond reason."""
    return float(np.clip(1.15 * painted.transfer_function.max(), 1.4, 3))


def _histogram(scorecard: Scorecard) -> Figure:
    figure = new_figure(7, 4.5)
    axes = figure.subplots()
    both = (
        ("reference", _REFERENCE, -0.2, scorecard.reference_counts),
        ("painted", _PAINTED, 0.2, scorecard.painted_counts),
    )
    for name, colour, offset, counts in both:
        voxels = np.array(counts.histogram[: _MOST_HALOS + 1])
        axes.bar(
            np.arange(len(voxels)) + offset,
            voxels,
            0.4,
            color=colour,
            label=f"{name}: mean {counts.mean:.4f}, variance {counts.variance:.4f}, "
            f"empty {counts.void_fraction:.4f}",
        )
    axes.set(
        yscale="log",
        ylim=(0.5, None),
        xlabel=f"halos per {scorecard.voxel_size:g} Mpc/h voxel, means rounded to the nearest",
        ylabel="voxels",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)
    return figure
