"""Painting by the workers of a Dask cluster, row of tiles by row of tiles, to the same bits.

The density and the painter lie on a file system that all workers see. Workers look at slabs of the
density first, and hash them. Then each reads a row with its margin and paints it: into a Zarr group
workers write their rows themselves, and only tell that they did; other files the client writes, in
order, of the counts that they send. Either file is that of a painting on one machine.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, pairwise
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.box_file import Header
from halokeras.boxes.hashes import Seen, see, see_slab
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError, ModelError
from halokeras.painters.model_store import SavedPainter, load_painter
from halokeras.painting.expected.paint import Fill, PaintJob
from halokeras.painting.expected.written_rows import WrittenRow, write_row
from halokeras.painting.tiles import Place, Row, joined
from halokeras.storage.grid import Grid, slab_ranges
from halokeras.storage.grid_file import open_numbers
from halokeras.workers import RETRIES, one_line, result_of

if TYPE_CHECKING:
    from distributed import Client

_VALUES_SEEN = 2**26
"""Values of a density that a task looks at; slabs as thin as are hashed cut through chunks."""


@dataclass(frozen=True)
class FoundPainter:
    """A painter where workers find it.

    Attributes
    ----------
    folder
        Absolute path.
    hash
        Hash that it must have, so that every worker paints with the same.
    mass_min
        The least mass of the halos that are kept [Msun/h]; None keeps all that it paints.
    cosmology, redshift
        Cosmology and redshift of the density, by which the masses of its halos are drawn.
    """

    folder: Path
    hash: str
    mass_min: float | None = None
    cosmology: Cosmology | None = None
    redshift: float = 0.0

    @lru_cache(maxsize=2)  # noqa: B019  (of a worker, which keeps what it paints with)
    def load(self) -> SavedPainter:
        """Load it, once in a process.

        Raises
        ------
        ModelError
            If it is another one than it must be, or cannot be loaded.
        """
        saved = load_painter(self.folder)
        if saved.hash != self.hash:
            raise ModelError(
                f"{self.folder} is another painter on a worker than here; copy it again"
            )
        if self.mass_min is not None:
            saved = saved.above(self.mass_min)
        return saved.under(self.cosmology, self.redshift)


@dataclass(frozen=True)
class Cluster:
    """Workers, and where they find what they paint.

    Parameters
    ----------
    client
        Connected.
    density
        Absolute path of a box file, or of a grid as `open_numbers` takes it.
    dataset
        Name of the density where the file holds several arrays.
    painter
        What paints.
    """

    client: "Client"
    density: Path
    dataset: str | None
    painter: FoundPainter

    def of(self, header: Header) -> "Cluster":
        """Return the workers that draw halos of a density that so describes itself."""
        cosmology, redshift = header.cosmology, header.redshift
        return replace(self, painter=replace(self.painter, cosmology=cosmology, redshift=redshift))

    def see(self, density: Grid) -> list[Seen]:
        """Look at every value of the density once, as `halokeras.boxes.hashes.see`.

        Raises
        ------
        ClusterError
            If workers vanish too often.
        """
        parts = _together(slab_ranges(density.shape), density.shape)
        if len(parts) == 1:
            return see(density)
        tasks = (self._submit(_see_part, part) for part in parts)
        return list(chain.from_iterable(self._results(tasks, inf)))

    def painted_rows(
        self, job: PaintJob, missing: Sequence[int]
    ) -> Iterator[tuple[Place, NDArray[np.float32]]]:
        """Paint rows, by number, and give the place and the counts of each, in order.

        Raises
        ------
        ClusterError
            If workers vanish too often or there is none.
        """
        rows = [job.rows[number] for number in missing]
        tasks = (self._submit(_paint_row, self.painter, job, row) for row in rows)
        ahead = 2 * max(1, sum(self.client.nthreads().values()))
        for row, painted in zip(rows, self._results(tasks, ahead), strict=True):
            yield joined(painted, row, job.shape, job.border)

    def write_rows(
        self, job: PaintJob, missing: Sequence[int], fill: Fill, parts: Sequence[Path]
    ) -> Iterator[Sequence[WrittenRow]]:
        """Have rows painted, by number, and written into unfinished groups.

        Parameters
        ----------
        job, missing
            What is painted, and which rows of it.
        fill
            What the groups hold of a row; it is pickled.
        parts
            The groups, where workers see them.

        Yields
        ------
        sequence of WrittenRow
            What is told of a row of each group, in the order of `missing`.

        Raises
        ------
        ClusterError
            If workers vanish too often or there is none.
        """
        rows = job.rows
        tasks = (
            self._submit(_write_row, self.painter, job, rows[number], number, fill, parts)
            for number in missing
        )
        return self._results(tasks, inf)

    def _submit(self, task: Callable[..., Any], *told: Any) -> Any:
        found = (self.density, self.dataset)
        return self.client.submit(task, *found, *told, retries=RETRIES, pure=False)

    def _results(self, tasks: Iterable[Any], ahead: float) -> Iterator[Any]:
        """Give the results of tasks in order, with so many of them submitted ahead."""
        waiting: deque[Any] = deque()
        following = iter(tasks)
        try:
            while True:
                while len(waiting) < ahead:
                    task = next(following, None)
                    if task is None:
                        break
                    waiting.append(task)
                if not waiting:
                    return
                yield result_of(waiting[0], "painting", "what is painted")
                waiting.popleft()
        finally:
            self.client.cancel(list(waiting))


def _together(ranges: Sequence[range], shape: Sequence[int]) -> list[range]:
    """Join slabs of a grid of `shape` to parts of at most `_VALUES_SEEN` values, or one slab."""
    layer = int(np.prod(shape[1:], dtype=np.int64))
    count = max(1, _VALUES_SEEN // (layer * len(ranges[0])))
    starts = [part.start for part in ranges[::count]]
    return [range(*ends) for ends in pairwise([*starts, shape[0]])]


def _see_part(density: Path, dataset: str | None, part: range) -> list[Seen]:
    """Look at some layers, a whole number of the slabs that the density is hashed in."""
    with _opened(density, dataset) as grid:
        values = np.asarray(grid[part.start : part.stop])
    return [see_slab(values[one.start : one.stop]) for one in slab_ranges(values.shape)]


def _paint_row(
    density: Path, dataset: str | None, found: FoundPainter, job: PaintJob, row: Row
) -> list[NDArray[np.float32]]:
    tile_painter = job.tile_painter(found.load())
    with _opened(density, dataset) as grid:
        return tile_painter.paint_row(grid, row)


def _write_row(  # noqa: PLR0913  (what a worker is sent, each part by itself)
    density: Path,
    dataset: str | None,
    found: FoundPainter,
    job: PaintJob,
    row: Row,
    number: int,
    fill: Fill,
    parts: Sequence[Path],
) -> list[WrittenRow]:
    painted = _paint_row(density, dataset, found, job, row)
    place, counts = joined(painted, row, job.shape, job.border)
    filled = zip(parts, fill(found.load(), place, counts), strict=True)
    return [write_row(part, number, place, arrays) for part, arrays in filled]


@contextmanager
def _opened(density: Path, dataset: str | None) -> Iterator[Grid]:
    try:
        with open_numbers(density, dataset) as grid:
            yield grid
    except BoxError as error:
        raise BoxError(
            f"a worker cannot read {density} ({one_line(error)}); put it where all workers see it"
        ) from error
