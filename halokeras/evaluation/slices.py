"""Slices of density, halos and counts as figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from halokeras.evaluation.names import DENSITY, HALOS
from halokeras.fields.slab import Slab
from halokeras.statistics.statistic import DRAWS, FIELD
from halokeras.storage.figure_file import new_figure

Image = NDArray[np.floating]

TITLES = {HALOS: "halos of the simulation", FIELD: "painted field", DRAWS: "a draw"}
"""Titles of panels by the counts that they show, in the order of a figure."""

_CLOSE = (1, 1.2, 1.5, 2, 3, 4, 5, 7)
"""Where a scale of less than a decade has labels."""

_ALONG_X = "x [Mpc/h]"


@dataclass(frozen=True)
class Panel:
    """One image of a slab.

    Attributes
    ----------
    title
        What the image shows.
    image
        (nx, ny).
    label
        Label of the colour bar, with the unit.
    colours
        Options of matplotlib's imshow.
    """

    title: str
    image: Image
    label: str
    colours: dict[str, Any]


def density_title(scheme: object) -> str:
    """Return what a density is called of which a file tells this scheme, ``unknown`` or none."""
    return {"2lpt": "2LPT density", "zeldovich": "Zel'dovich density"}.get(str(scheme), "density")


def slab_panels(
    slab: Slab, titles: Mapping[str, str] = TITLES, density: str = "2LPT density"
) -> list[Panel]:
    """Return the density of a slab and the counts that it holds, all in one scale of colours."""
    names = [name for name in titles if name in slab.columns]
    scale = slab.columns[names[0]]
    panels = [counts_panel(slab, name, titles[name], scale) for name in names]
    return [density_panel(slab, DENSITY, density), *panels]


def density_panel(slab: Slab, name: str, title: str) -> Panel:
    """Return the mean density (rho/mean) through a slab."""
    matter = slab.columns[name] / slab.depth
    positive = matter[matter > 0]
    low, high = np.percentile(positive, [0.5, 99.9]) if positive.size else (0.1, 10.0)
    low, high = min(low, 0.99), max(high, 1.01)
    colours = {"cmap": "magma", "norm": LogNorm(low, high)}
    return Panel(title, np.maximum(matter, low), r"$\rho\,/\,\bar\rho$", colours)


def counts_panel(slab: Slab, name: str, title: str, scale: Image) -> Panel:
    """Return the halos in the columns of a slab, in the colours of another field's, `scale`."""
    colours = {"cmap": "viridis", "vmin": 0, "vmax": _brightest(scale)}
    return Panel(title, slab.columns[name], _per_column(slab), colours)


def difference_panel(slab: Slab, name: str, title: str) -> Panel:
    """Return what a field of counts has more than the halos."""
    most = _brightest(slab.columns[HALOS])
    colours = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    return Panel(title, slab.columns[name] - slab.columns[HALOS], _per_column(slab), colours)


def slices_figure(panels: Sequence[Panel], slab: Slab, title: str = "") -> Figure:
    """Draw panels of one slab, at most three in a row."""
    across = 2 if len(panels) == 4 else min(len(panels), 3)
    rows = -(-len(panels) // across)
    shape = panels[0].image.shape
    height = min(max(0.6 + 4.2 * shape[1] / shape[0], 2.0), 12.0)
    figure = new_figure(5.2 * across, 0.3 + rows * height)
    figure.set_layout_engine("compressed", h_pad=0.09)
    figure.suptitle(", ".join(filter(None, (title, slab.extent))), fontsize=11)
    places = figure.subplots(rows, across, sharex=True, sharey=True, squeeze=False).ravel()
    for number, (axes, panel) in enumerate(zip(places, panels, strict=False)):
        draw_panel(axes, panel, slab.voxel_size)
        axes.set_title(panel.title)
        axes.label_outer()
        if number + across >= len(panels):  # the lowest of its column, in the last row or not
            axes.set_xlabel(_ALONG_X)
            axes.tick_params(labelbottom=True)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    return figure


def draw_panel(axes: Axes, panel: Panel, voxel_size: float) -> None:
    """Draw the image of a panel with its scales [Mpc/h] and a colour bar as tall as it is."""
    image = panel.image
    extent = (0, image.shape[0] * voxel_size, 0, image.shape[1] * voxel_size)
    drawn = axes.imshow(
        image.T, origin="lower", extent=extent, interpolation="nearest", **panel.colours
    )
    axes.set(xlabel=_ALONG_X, ylabel="y [Mpc/h]")
    low, high = drawn.get_clim()
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max"}
    extend = beyond.get((bool(image.min() < low), bool(image.max() > high)), "neither")
    figure = axes.get_figure(root=True)
    assert figure is not None  # these axes are in one
    beside = axes.inset_axes((1.02, 0, 0.045, 1))
    bar = figure.colorbar(drawn, cax=beside, label=panel.label, extend=extend, extendfrac=0.03)
    if isinstance(drawn.norm, LogNorm):
        plain_ticks(bar.ax.yaxis)
        bar.ax.yaxis.labelpad = 1  # beside its ticks, not beside the next panel


def plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis 0.2, 0.5, 1, 2, ..., or a short one more closely."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 8 * low else _CLOSE))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _per_column(slab: Slab) -> str:
    side = slab.voxel_size
    return f"halos per {side:g} x {side:g} x {slab.depth * side:g} (Mpc/h)$^3$"


def _brightest(columns: Image) -> float:
    """Top of the colour scale: what all but a few columns stay below."""
    return float(np.percentile(columns, 99.8)) or float(columns.max()) or 1.0
