"""What to tell of a painted box in a few lines, right after it was painted."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from halokeras.boxes.box import Box, halo_counts
from halokeras.boxes.box_file import read_box
from halokeras.evaluation.curves import drawable
from halokeras.evaluation.names import DENSITY, HALOS
from halokeras.evaluation.slices import slab_panels, slices_figure
from halokeras.fields.slab import project
from halokeras.fields.spectra import measure
from halokeras.painting.inputs import Density
from halokeras.painting.request import NamedPainter
from halokeras.sections import Selection
from halokeras.statistics.statistic import DRAWS, FIELD
from halokeras.storage.grid import Grid, survey

_LARGEST = 256**3
"""Voxels of the largest box that is read whole for a comparison."""


def summarize(
    given: Density, counts: Grid, source: Path | None, painter: NamedPainter, seconds: float
) -> list[Table]:
    """Tell what was painted and, where the box has halos of its own, how the two compare.

    Parameters
    ----------
    given
        The density that was painted on.
    counts
        What was painted.
    source
        The box file that the density is of, if it is of one.
    painter
        What painted it.
    seconds
        That the painting took.

    Returns
    -------
    list of Table
        For a terminal.
    """
    voxels = int(np.prod(given.shape, dtype=np.int64))
    mean = survey(counts).mean
    table = Table(show_header=False)
    sides = " x ".join(str(side) for side in given.shape)
    table.add_row("box", f"{sides} voxels of {given.header.voxel_size:g} Mpc/h")
    table.add_row("painter", painter.name)
    table.add_row("halos painted", f"{mean * voxels:,.0f}")
    table.add_row("per voxel", f"{mean:.4f}")
    table.add_row("speed", f"{voxels / seconds:,.0f} voxels/s")
    box = _reference(given, source)
    if box is None:
        return [table]
    scores = _compare(table, box, counts, painter.saved.provenance.selection)
    return [table] if scores is None else [table, scores]


def painted_figure(
    given: Density, counts: Grid, source: Path | None, painter: NamedPainter, drawn: bool
) -> Figure:
    """Draw a slice of a density and of what was painted, beside the halos if its box has any.

    Parameters
    ----------
    given, counts, source, painter
        As `summarize` takes them.
    drawn
        Whether the counts are a draw.
    """
    box, selection = _reference(given, source), painter.saved.provenance.selection
    grids = {DENSITY: given.grid, DRAWS if drawn else FIELD: counts}
    if box is not None:
        grids[HALOS] = halo_counts(box, **selection.model_dump())
    slab, told = project(grids, given.header.voxel_size), given.header.provenance
    known = {name: told[key] for key, name in (("box_id", "box"), ("seed", "seed")) if key in told}
    realisation = "".join(f", {name} {value}" for name, value in known.items())
    title = f"painter {painter.name}{realisation}, z = {given.header.redshift:g}"
    return slices_figure(slab_panels(slab), slab, drawable(title))


def _reference(given: Density, source: Path | None) -> Box | None:
    """Return the box that a density is of, if it has halos to compare with and is small enough."""
    if source is None or np.prod(given.shape, dtype=np.int64) > _LARGEST:
        return None
    box = read_box(source)
    return None if box.halos is None and box.counts is None else box


def _compare(table: Table, box: Box, painted: Grid, selection: Selection) -> Table | None:
    """Add the halos of `box` to `table`, and give the spectra if both have any halo."""
    counts = np.asarray(painted[:, :, :], dtype=np.float32)
    reference = halo_counts(box, **selection.model_dump())
    table.add_row("reference halos", f"{reference.sum(dtype=float):,.0f}")
    table.add_row("per voxel", f"{reference.mean(dtype=float):.4f}")
    if box.density is None or not (counts.any() and reference.any()):
        return None
    spectra = measure(counts, reference, box.voxel_size)
    density = measure(box.density, reference, box.voxel_size)
    scores = Table("k up to (h/Mpc)", "r, 2LPT density", "r, painted", "T, painted")
    for upper, *values in zip(
        spectra.upper,
        density.cross_correlation,
        spectra.cross_correlation,
        spectra.transfer_function,
        strict=True,
    ):
        scores.add_row(f"{upper:.2f}", *(f"{value:.3f}" for value in values))
    return scores
