"""Paint halo counts onto a density of any size, tile by tile, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE, Box
from halokeras.boxes.box_file import Header
from halokeras.networks.painter import Painter
from halokeras.painters.conditions import conditions_of
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.inputs import Density, check_density
from halokeras.painting.partial import COUNTS, COUNTS_BY_MASS, PartialCounts, partial_counts
from halokeras.painting.tile_painter import TilePainter, compiled
from halokeras.painting.tiles import Shape, cover, joined, tile_shape
from halokeras.storage.grid import Grid, WritableGrid
from halokeras.storage.store import Layout

LARGEST_TILE = 64
"""Voxels a side: a tile of 32 recomputes more of its margin and runs at three quarters the rate."""

Progress = Callable[[float], None]
Whole = Callable[[Sequence[PartialCounts]], None]
Place = tuple[slice, slice, slice]


class Workers(Protocol):
    """Others that paint rows of tiles, such as a Dask cluster's."""

    def painted_rows(  # noqa: D102
        self,
        expected: bool,
        conditions: tuple[float, ...],
        shape: Shape,
        tile: Shape,
        progress: Progress,
        first: int,
    ) -> Iterator[tuple[Place, NDArray[np.float32]]]: ...


def paint(
    painter: Painter,
    density: Grid,
    largest_tile: int = LARGEST_TILE,
    progress: Progress = lambda fraction: None,
    conditions: Sequence[float] = (),
) -> NDArray[np.float32]:
    """Paint the halo counts of a periodic density, in memory.

    Parameters
    ----------
    painter
        A built painter.
    density
        rho/mean, (nx, ny, nz), of any shape, non-negative and finite, of mean 1.
    largest_tile
        Side of the largest tile [voxels]. Memory grows with its cube; the counts do not depend
        on it beyond rounding.
    progress
        Called with the fraction that is painted, as it grows.
    conditions
        Of the density, in the order that the painter's kind states.

    Returns
    -------
    ndarray
        Mean counts per voxel, (nx, ny, nz) float32, or of several channels with them last.

    Raises
    ------
    BoxError
        If the density is none, with the remedy.
    ModelError
        If the painter gives counts that are not finite, or is conditioned by other numbers.
    """
    check_density(density, "the density")
    x, y, z = density.shape
    channels = painter.params.channels
    shape = (x, y, z) if channels == 1 else (x, y, z, channels)
    counts = np.empty(shape, dtype=np.float32)
    tile = tile_shape((x, y, z), largest_tile)
    paint_into(counts, compiled(painter, tile, tuple(conditions)), density, progress)
    return counts


def paint_into(
    counts: WritableGrid,
    painter: TilePainter,
    density: Grid,
    progress: Progress = lambda fraction: None,
) -> None:
    """Paint as `paint`, into `counts`, with a row of tiles in memory at a time.

    Parameters
    ----------
    counts
        Of the shape that `paint` returns, an array or a dataset that can be written.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    """
    for place, painted in painted_rows(painter, density, progress):
        counts[place] = painted


def painted_rows(
    painter: TilePainter,
    density: Grid,
    progress: Progress = lambda fraction: None,
    first: int = 0,
) -> Iterator[tuple[Place, NDArray[np.float32]]]:
    """Paint row by row, from row `first` on; give the place in the box and the counts of each.

    Raises
    ------
    ModelError
        As `paint_into`.
    """
    x, y, z = density.shape
    rows = cover((x, y, z), painter.tile)
    for done, row in enumerate(rows[first:], start=first + 1):
        yield joined(painter.paint_row(density, row), row, (x, y, z))
        progress(done / len(rows))


def paint_file(
    given: Density,
    saved: SavedPainter,
    model: str,
    output: Path,
    progress: Progress = lambda fraction: None,
    workers: Workers | None = None,
    whole: Whole = lambda partials: None,
) -> None:
    """Paint from where the density lies into a box file that tells it, in bounded memory.

    The file holds the sum of several channels. Killed half-way, the same call goes on where it
    stopped and ends with the same bits. With `workers` they paint, and this process only writes.
    `whole` is called with the counts once they are all there, before the file takes its name.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    OutputError
        If the file cannot be written.
    """
    with painted_file(given, saved, model, output, np.float32) as partial:
        rows = rows_of(given, saved, False, progress, partial.done, workers)
        for done, (place, painted) in enumerate(rows, start=partial.done + 1):
            partial.counts[place] = saved.total(painted)
            partial.commit(done)
        whole([partial])


def rows_of(
    given: Density,
    saved: SavedPainter,
    expected: bool,
    progress: Progress,
    first: int,
    workers: Workers | None,
) -> Iterator[tuple[Place, NDArray[np.float32]]]:
    """Paint rows as `painted_rows`, here or by `workers`; if `expected` what draws expect."""
    tile = tile_shape(given.shape, LARGEST_TILE)
    conditions = box_conditions(given.header, saved)
    if workers is None:
        painter = saved.draws.painter if expected and saved.draws else saved.painter
        return painted_rows(compiled(painter, tile, conditions), given.grid, progress, first)
    return workers.painted_rows(expected, conditions, given.shape, tile, progress, first)


def box_conditions(box: Box | Header, saved: SavedPainter) -> tuple[float, ...]:
    """Return the conditions under which a painter paints a box.

    Raises
    ------
    ModelError
        If the box does not state one of them.
    """
    names, size = saved.painter.params.conditions, saved.provenance.voxel_size
    return conditions_of(names, box.redshift, box.cosmology, saved.bins, size)


def painted_file(
    given: Density,
    saved: SavedPainter,
    model: str,
    output: Path,
    dtype: type[np.generic],
    bins: int = 0,
    **told: str | int | float,
) -> AbstractContextManager[PartialCounts]:
    """Return the counts of a box file that appears, whole, once the block has filled them.

    With so many `bins` of mass it holds the halos in each of them beside all. `told` is added to
    its provenance.

    Raises
    ------
    OutputError
        If the file cannot be written, or a part of it is there that belongs to another painting.
    """
    written = painted_header(given, saved, model, **told)
    painting = (given.hash, saved.hash, LARGEST_TILE, sorted(told.items()))
    identity = hashlib.sha256(repr(painting).encode()).hexdigest()
    tile = tile_shape(given.shape, LARGEST_TILE)
    layouts = {COUNTS: Layout(given.shape, dtype, tile)}
    if bins:
        layouts[COUNTS_BY_MASS] = Layout((*given.shape, bins), np.uint8, (*tile, bins), packed=True)
    return partial_counts(output, written, layouts, identity, tile)


def painted_header(
    given: Density, saved: SavedPainter, model: str, **told: str | int | float
) -> Header:
    """Return what a painted file tells of itself; `told` is added to its provenance."""
    header = given.header
    provenance = {
        **header.provenance,
        **saved.provenance.selection.told,
        "model": model,
        "model_hash": saved.hash,
        "source_box_hash": given.hash,
        **SOFTWARE,
        **told,
    }
    known = dict(sorted(provenance.items()))
    return Header(header.voxel_size, header.redshift, header.cosmology, known)
