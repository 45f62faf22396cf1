"""Paint halo counts onto a density of any size, tile by tile, in bounded memory."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box import SOFTWARE, Box
from halokeras.boxes.box_file import Header
from halokeras.fields.gridding import Shape
from halokeras.networks.painter import Painter
from halokeras.painters.conditions import conditions_of
from halokeras.painters.model_store import SavedPainter
from halokeras.painting.expected.partial import PartialCounts, partial_counts
from halokeras.painting.expected.tile_painter import TilePainter, compiled
from halokeras.painting.expected.written_rows import COUNTS, COUNTS_BY_MASS, Filled, WrittenRow
from halokeras.painting.inputs.density import Density, check_density
from halokeras.painting.tiles import Place, Row, cover, joined, tile_shape
from halokeras.storage.grid import Grid, WritableGrid
from halokeras.storage.store import Layout

LARGEST_TILE = 64
"""Voxels a side: a tile of 32 recomputes more of its margin and runs at three quarters the rate."""

Progress = Callable[[float], None]
WhenFilled = Callable[[Sequence[PartialCounts]], None]
"""Called with the counts of all files once they are filled, before a file takes its name."""
Fill = Callable[[SavedPainter, Place, NDArray[np.float32]], Iterable[Filled]]
"""Returns what each file holds of a row of tiles, of its place and what is painted of it."""


@dataclass(frozen=True)
class PaintJob:
    """What is painted of a density, and in which tiles.

    Attributes
    ----------
    for_draws
        Whether it is the counts that draws expect, by a network of their own, and not those that
        are painted.
    conditions
        Conditions of the density, such as its redshift, in the order that the painter's kind
        states.
    shape
        Voxels of the box along x, y, z.
    tile
        Voxels of a tile along x, y, z.
    border
        Voxels that are painted besides, along x and y on both sides of a row.
    """

    for_draws: bool
    conditions: tuple[float, ...]
    shape: Shape
    tile: Shape
    border: int = 0

    @property
    def rows(self) -> list[Row]:
        """The rows of tiles."""
        return cover(self.shape, self.tile)

    def tile_painter(self, saved: SavedPainter) -> TilePainter:
        """Return the network of a saved painter, compiled for these tiles."""
        network = saved.network(self.for_draws)
        return compiled(network, self.tile, self.conditions, self.border)


class Workers(Protocol):
    """Others that paint rows of tiles, such as a Dask cluster's."""

    def painted_rows(  # noqa: D102
        self, job: PaintJob, missing: Sequence[int]
    ) -> Iterator[tuple[Place, NDArray[np.float32]]]: ...

    def write_rows(  # noqa: D102
        self, job: PaintJob, missing: Sequence[int], fill: Fill, parts: Sequence[Path]
    ) -> Iterator[Sequence[WrittenRow]]: ...


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
        Conditions of the density, such as its redshift, in the order that the painter's kind
        states.

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
        An array, or a dataset that can be written, of the shape that `paint` returns.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    """
    x, y, z = density.shape
    rows = cover((x, y, z), painter.tile)
    for done, (place, painted) in enumerate(painted_rows(painter, density, rows), start=1):
        counts[place] = painted
        progress(done / len(rows))


def painted_rows(
    painter: TilePainter, density: Grid, rows: Iterable[Row]
) -> Iterator[tuple[Place, NDArray[np.float32]]]:
    """Paint row by row; return the place in the box and the counts of each, with its border.

    Raises
    ------
    ModelError
        As `paint_into`.
    """
    x, y, z = density.shape
    for row in rows:
        yield joined(painter.paint_row(density, row), row, (x, y, z), painter.border)


def paint_file(
    given: Density,
    saved: SavedPainter,
    model: str,
    output: Path,
    progress: Progress = lambda fraction: None,
    workers: Workers | None = None,
    when_filled: WhenFilled = lambda partials: None,
) -> None:
    """Paint from where the density lies into a box file that tells it, in bounded memory.

    The file holds the sum of several channels. Killed half-way, the same call goes on where it
    stopped and ends with the same bits. With `workers` they paint, and into a Zarr group they write
    too. `when_filled` is called with the counts once they are all there, before the file takes its
    name.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    OutputError
        If the file cannot be written.
    """
    with painted_file(given, saved, model, output, np.float32) as partial:
        fill_files(
            given,
            saved,
            for_draws=False,
            partials=[partial],
            fill=_total,
            progress=progress,
            workers=workers,
        )
        when_filled([partial])


def _total(saved: SavedPainter, place: Place, painted: NDArray[np.float32]) -> Sequence[Filled]:
    return [{COUNTS: saved.total(painted)}]


def fill_files(
    given: Density,
    saved: SavedPainter,
    for_draws: bool,
    partials: Sequence[PartialCounts],
    fill: Fill,
    progress: Progress = lambda fraction: None,
    workers: Workers | None = None,
) -> None:
    """Paint the rows that files lack, here or by workers, and fill the files with them.

    Parameters
    ----------
    given, saved, progress, workers
        As in `paint_file`.
    for_draws
        Whether what draws expect is painted.
    partials
        The files.
    fill
        What they hold. Where workers write it is sent to them.

    Raises
    ------
    ModelError
        If the painter gives counts that are not finite.
    """
    tile = tile_shape(given.shape, LARGEST_TILE)
    conditions = box_conditions(given.header, saved)
    job = PaintJob(for_draws, conditions, given.shape, tile, saved.border(for_draws))
    missing, rows = sorted(set().union(*(one.missing for one in partials))), job.rows
    before = len(rows) - len(missing)
    if workers is not None and all(partial.shared for partial in partials):
        for partial in partials:
            partial.commit(min(missing, default=len(rows)))
        parts = [partial.path.resolve() for partial in partials]
        written = zip(missing, workers.write_rows(job, missing, fill, parts), strict=True)
        for done, (number, told) in enumerate(written, start=1):
            for partial, row in zip(partials, told, strict=True):
                partial.written[number] = row
            progress((before + done) / len(rows))
        return
    if workers is None:
        tile_painter = job.tile_painter(saved)
        painted = painted_rows(tile_painter, given.grid, [rows[number] for number in missing])
    else:
        painted = workers.painted_rows(job, missing)
    for done, (place, counts) in enumerate(painted, start=1):
        filled = fill(saved, place, counts)
        first_missing = missing[done] if done < len(missing) else len(rows)
        for partial, arrays in zip(partials, filled, strict=True):
            partial.fill(place, arrays, first_missing)
        progress((before + done) / len(rows))


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
    written = painted_header(given.header, given.hash, saved, model, **told)
    painting = (given.hash, saved.hash, LARGEST_TILE, sorted(told.items()), SOFTWARE)
    identity = hashlib.sha256(repr(painting).encode()).hexdigest()
    tile = tile_shape(given.shape, LARGEST_TILE)
    layouts = {COUNTS: Layout(given.shape, dtype, tile)}
    if bins:
        layouts[COUNTS_BY_MASS] = Layout((*given.shape, bins), np.uint8, (*tile, bins), packed=True)
    return partial_counts(output, written, layouts, identity, tile)


def painted_header(
    header: Header, hashed: str, saved: SavedPainter, model: str, **told: str | int | float
) -> Header:
    """Return what a painted file tells of itself, by the header and the hash of the density.

    `told` is added to its provenance.
    """
    provenance = {
        **header.provenance,
        **saved.provenance.selection.told,
        "model": model,
        "model_hash": saved.hash,
        "source_box_hash": hashed,
        **SOFTWARE,
        **told,
    }
    known = dict(sorted(provenance.items()))
    return Header(header.voxel_size, header.redshift, header.cosmology, known)
