"""What to tell of a painted box in a few lines, right after it was painted."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from halokeras.boxes.box import Box, halo_counts
from halokeras.boxes.box_file import read_box
from halokeras.errors import BoxError
from halokeras.evaluation.curves import drawable
from halokeras.evaluation.names import DENSITY, HALOS
from halokeras.evaluation.slices import density_title, slab_panels, slices_figure
from halokeras.evaluation.words import masses
from halokeras.fields.slab import project
from halokeras.fields.spectra import measure
from halokeras.painting.inputs.density import Density
from halokeras.painting.request import NamedPainter
from halokeras.sections import Selection
from halokeras.statistics.statistic import DRAWS, FIELD
from halokeras.storage.grid import Grid

_LARGEST = 256**3
"""Voxels of the largest box that is read whole for a comparison."""


def summarize(
    given: Density,
    counts: Grid,
    mean: float,
    source: Path | None,
    painter: NamedPainter,
    seconds: float,
    which: str = "",
) -> list[Table]:
    """Tell what was painted and, where the box has halos of its own, how the two compare.

    Parameters
    ----------
    given
        The density that was painted on.
    counts
        What was painted.
    mean
        Halos per voxel of them.
    source
        The box file that the density is of, if it is of one.
    painter
        What painted it.
    seconds
        That the painting took.
    which
        Which of several draws the counts are of.

    Returns
    -------
    list of Table
        For a terminal.
    """
    voxels = int(np.prod(given.shape, dtype=np.int64))
    table = Table(show_header=False)
    sides = " x ".join(str(side) for side in given.shape)
    table.add_row("box", f"{sides} voxels of {given.header.voxel_size:g} Mpc/h")
    table.add_row("painter", painter.name)
    if which:
        table.add_row("draw", which)
    table.add_row("halos painted", f"{mean * voxels:,.0f}")
    table.add_row("per voxel", f"{mean:.4f}")
    table.add_row("speed", f"{voxels / seconds:,.0f} voxels/s")
    selection = painter.saved.provenance.selection
    table.add_row("halos", masses(selection))
    reference = _reference(given, source, selection)
    if reference is None:
        return [table]
    scores = _compare(table, *reference, counts)
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
    selection = painter.saved.provenance.selection
    reference = _reference(given, source, selection)
    grids = {DENSITY: given.grid, DRAWS if drawn else FIELD: counts}
    if reference is not None:
        _, grids[HALOS] = reference
    slab, told = project(grids, given.header.voxel_size), given.header.provenance
    known = {name: told[key] for key, name in (("box_id", "box"), ("seed", "seed")) if key in told}
    realisation = "".join(f", {name} {value}" for name, value in known.items())
    title = f"painter {painter.name}{realisation}, z = {given.header.redshift:g}"
    title += f", halos {masses(selection)}" if selection.cuts else ""
    panels = slab_panels(slab, density=density_title(told.get("density_scheme")))
    return slices_figure(panels, slab, drawable(title))


def _reference(
    given: Density, source: Path | None, selection: Selection
) -> tuple[Box, NDArray[np.float32]] | None:
    """Return the box that a density is of, and its counts, if it is small enough and tells them.

    None of a box whose halos have not the masses that `selection` asks for: it can be painted on.
    """
    if source is None or np.prod(given.shape, dtype=np.int64) > _LARGEST:
        return None
    box = read_box(source)
    if box.halos is None and box.counts is None:
        return None
    try:
        return box, halo_counts(box, **selection.model_dump())
    except BoxError:
        return None


def _compare(table: Table, box: Box, reference: NDArray[np.float32], painted: Grid) -> Table | None:
    """Add the counts of `box` to `table`, and give the spectra if both have any halo."""
    counts = np.asarray(painted[:, :, :], dtype=np.float32)
    table.add_row("reference halos", f"{reference.sum(dtype=float):,.0f}")
    table.add_row("reference per voxel", f"{reference.mean(dtype=float):.4f}")
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
