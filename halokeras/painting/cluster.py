"""Painting by the workers of a Dask cluster, row of tiles by row of tiles, to the same bits.

The density and the painter lie on a file system that all workers see. A worker reads a row with
its margin, paints it and sends the counts back; the client writes them in order, so the file and
its journal are those of a painting on one machine.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError, ModelError
from halokeras.fields.gridding import Shape
from halokeras.painters.model_store import load_painter
from halokeras.painting.paint import Place, Progress
from halokeras.painting.tile_painter import TilePainter
from halokeras.painting.tiles import Row, cover, joined
from halokeras.storage.grid_file import open_numbers
from halokeras.workers import RETRIES, one_line, result_of

if TYPE_CHECKING:
    from distributed import Client


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
    model
        Absolute path of the painter's folder.
    model_hash
        That it must have, so that every worker paints with the same.
    """

    client: "Client"
    density: Path
    dataset: str | None
    model: Path
    model_hash: str

    def painted_rows(
        self,
        expected: bool,
        conditions: tuple[float, ...],
        shape: Shape,
        tile: Shape,
        progress: Progress,
        first: int,
    ) -> Iterator[tuple[Place, NDArray[np.float32]]]:
        """Paint as `paint.painted_rows`: the painter's counts, or those expected of draws.

        Raises
        ------
        ClusterError
            If workers vanish too often or there is none.
        """
        rows = cover(shape, tile)
        waiting: deque[tuple[Row, Any]] = deque()
        following = iter(rows[first:])
        done = first
        while True:
            while len(waiting) < 2 * max(1, sum(self.client.nthreads().values())):
                row = next(following, None)
                if row is None:
                    break
                task = (self.density, self.dataset, self.model, self.model_hash, expected)
                painting = self.client.submit(
                    _paint_row, *task, conditions, tile, row, retries=RETRIES
                )
                waiting.append((row, painting))
            if not waiting:
                return
            row, future = waiting.popleft()
            painted = result_of(future, "painting", "what is painted")
            yield joined(painted, row, shape)
            done += 1
            progress(done / len(rows))


def _paint_row(  # noqa: PLR0913  (what a worker is sent, each part by itself)
    density: Path,
    dataset: str | None,
    model: Path,
    model_hash: str,
    expected: bool,
    conditions: tuple[float, ...],
    tile: Shape,
    row: Row,
) -> list[NDArray[np.float32]]:
    painter = _tile_painter(model, model_hash, expected, conditions, tile)
    try:
        with open_numbers(density, dataset) as grid:
            return painter.paint_row(grid, row)
    except BoxError as error:
        raise BoxError(
            f"a worker cannot read {density} ({one_line(error)}); put it where all workers see it"
        ) from error


@lru_cache(maxsize=2)
def _tile_painter(
    model: Path, model_hash: str, expected: bool, conditions: tuple[float, ...], tile: Shape
) -> TilePainter:
    saved = load_painter(model)
    if saved.hash != model_hash:
        raise ModelError(f"{model} is another painter on a worker than here; copy it again")
    painter = saved.draws.painter if expected and saved.draws else saved.painter
    return TilePainter(painter, tile, conditions)
