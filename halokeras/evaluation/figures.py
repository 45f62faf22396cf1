"""Figures of painted counts: slices, spectra, histogram; colours after Okabe and Ito."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from halokeras.boxes.grid import Grid
from halokeras.evaluation.baselines import fit_local_bias
from halokeras.evaluation.scorecard import TRANSFER_TOLERANCE, TRANSFER_UP_TO, Scorecard
from halokeras.files import whole_file
from halokeras.statistics.spectra import Spectra, fine_edges, measure

_REFERENCE = "black"
_PAINTED = "#0072B2"
_LOCAL_BIAS = "#E69F00"
_DENSITY = "#009E73"

_THICKNESS = 20.0
"""Of slices [Mpc/h], to the nearest whole voxel."""

_MOST_HALOS = 20
"""Halos per voxel that the histogram shows, at most."""

Field = NDArray[np.floating]


def scorecard_figures(
    density: Field,
    counts: Field,
    painted: Field,
    scorecard: Scorecard,
    voxel_size: float,
    folder: Path,
) -> list[Path]:
    """Draw slices.png, spectra.png and histogram.png into `folder`.

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
    figures = {
        "slices.png": _slices(density, painted, voxel_size, counts),
        "spectra.png": _spectra(density, counts, painted, scorecard, voxel_size),
        "histogram.png": _histogram(scorecard),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / name)
    return [folder / name for name in figures]


def painted_slices(density: Grid, counts: Grid, voxel_size: float, path: Path) -> None:
    """Draw a slice of a density (rho/mean) beside the counts painted on it, as PNG.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    save_figure(_slices(density, counts, voxel_size), path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole, or raise `OutputError`."""
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, bbox_inches="tight")


def new_figure(width: float, height: float) -> Figure:
    """Give an empty figure of a width and height [inches] that no window shows."""
    figure = Figure(figsize=(width, height), layout="compressed")
    FigureCanvasAgg(figure)
    return figure


def _slices(
    density: Grid, painted: Grid, voxel_size: float, reference: Grid | None = None
) -> Figure:
    """Project a slab about the middle of z: density, counts, and counts less the reference."""
    depth = min(max(1, round(_THICKNESS / voxel_size)), density.shape[2])
    start = (density.shape[2] - depth) // 2
    slab = np.s_[:, :, start : start + depth]
    columns = painted[slab].sum(axis=2, dtype=np.float64)
    per_column = f"halos per {voxel_size:g} x {voxel_size:g} x {depth * voxel_size:g} (Mpc/h)$^3$"
    matter = density[slab].mean(axis=2, dtype=np.float64)
    positive = matter[matter > 0]
    low, high = np.percentile(positive, [0.5, 99.9]) if positive.size else (0.1, 10.0)
    low, high = min(low, 0.99), max(high, 1.01)
    images: list[tuple[str, Field, str, dict[str, Any]]] = [
        (
            "matter density",
            np.maximum(matter, low),
            r"$\rho\,/\,\bar\rho$",
            {"cmap": "magma", "norm": LogNorm(low, high)},
        )
    ]
    if reference is None:
        shown = {"cmap": "viridis", "vmin": 0, "vmax": _brightest(columns)}
        images.append(("painted halos", columns, per_column, shown))
    else:
        wanted = reference[slab].sum(axis=2, dtype=np.float64)
        shown = {"cmap": "viridis", "vmin": 0, "vmax": _brightest(wanted)}
        images.append(("reference halos", wanted, per_column, shown))
        images.append(("painted halos", columns, per_column, shown))
        most = _brightest(wanted)
        images.append(
            (
                "painted less reference",
                columns - wanted,
                per_column,
                {"cmap": "RdBu_r", "vmin": -most, "vmax": most},
            )
        )
    rows = len(images) // 2
    aspect = density.shape[1] / density.shape[0]
    figure = new_figure(10, 0.3 + rows * min(max(0.6 + 4.2 * aspect, 2.0), 12.0))
    figure.suptitle(
        f"{start * voxel_size:g} < z < {(start + depth) * voxel_size:g} Mpc/h", fontsize=11
    )
    for axes, (title, image, label, colours) in zip(
        np.ravel(figure.subplots(rows, 2, sharex=True, sharey=True)), images, strict=True
    ):
        extent = (0, image.shape[0] * voxel_size, 0, image.shape[1] * voxel_size)
        drawn = axes.imshow(
            image.T, origin="lower", extent=extent, interpolation="nearest", **colours
        )
        axes.set_title(title)
        if axes.get_subplotspec().is_last_row():
            axes.set_xlabel("x [Mpc/h]")
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("y [Mpc/h]")
        low, high = drawn.get_clim()
        beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
        extend = beyond.get((bool(image.min() < low), bool(image.max() > high)), "neither")
        bar = figure.colorbar(drawn, ax=axes, label=label, extend=extend, shrink=0.9, pad=0.01)
        if isinstance(drawn.norm, LogNorm):
            _plain_ticks(bar.ax.yaxis)
    return figure


def _plain_ticks(axis: Axis) -> None:
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
        axes.plot(scorecard.k, values, "o", color=_PAINTED, ms=4)
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
        label=f"target, {TRANSFER_TOLERANCE:.0%}",
    )
    transfer.set(ylim=(0, _highest(of_painted)), ylabel=r"$T(k)$")
    transfer.legend(frameon=False, fontsize=9, loc="lower left")
    correlation.axhline(1, color=_REFERENCE, lw=0.8)
    correlation.set(ylim=(correlation.get_ylim()[0], 1.02), ylabel=r"$r(k)$")
    correlation.set(xscale="log", xlabel=r"$k$ [h/Mpc]")
    _plain_ticks(correlation.xaxis)
    nyquist = np.pi / voxel_size
    for axes in (power, transfer, correlation):
        axes.axvline(nyquist, color="grey", ls=":", lw=1)
    power.annotate(
        "Nyquist",
        (nyquist, 0.97),
        xycoords=("data", "axes fraction"),
        xytext=(-3, 0),
        textcoords="offset points",
        rotation=90,
        ha="right",
        va="top",
        color="grey",
        fontsize=8,
    )
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
