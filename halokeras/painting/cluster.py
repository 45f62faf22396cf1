"""Painting by the workers of a Dask cluster, row of tiles by row of tiles, to the same bits.

The density and the painter lie on a file system that all workers see. A worker reads a row with
its margin, paints it and sends the counts back; the client writes them in order, so the file and
its journal are those of a painting on one machine.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import BoxError, HalopaintError, ModelError, install
from halokeras.fields.gridding import Shape
from halokeras.painters.model_store import load_painter
from halokeras.painting.paint import Place, Progress
from halokeras.painting.tile_painter import TilePainter
from halokeras.painting.tiles import Row, cover, joined
from halokeras.storage.grid_file import open_numbers

if TYPE_CHECKING:
    from distributed import Client

_ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""Of a local worker: there is one for every core. The counts do not depend on it."""

_RETRIES = 2
"""Times that a row is painted again when its worker vanishes."""


class ClusterError(HalopaintError):
    """A Dask scheduler that cannot be reached, or workers that vanish."""


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
                    _paint_row, *task, conditions, tile, row, retries=_RETRIES
                )
                waiting.append((row, painting))
            if not waiting:
                return
            row, future = waiting.popleft()
            yield joined(_result(future), row, shape)
            done += 1
            progress(done / len(rows))


@contextmanager
def connected(scheduler: str) -> "Iterator[Client]":
    """Connect to the Dask scheduler at an address, or start ``local`` workers on every core.

    Raises
    ------
    ClusterError
        If Dask is not installed or the scheduler does not answer.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ClusterError(f"painting with --scheduler needs Dask; {install('cluster')}") from error
    if scheduler == "local":
        with (
            LocalCluster(threads_per_worker=1, dashboard_address=None, env=_ONE_THREAD) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(scheduler, timeout="20s")
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {scheduler}; start one, or check the address"
        ) from error
    with client:
        if not client.nthreads():
            raise ClusterError(f"the Dask scheduler at {scheduler} has no workers; start some")
        yield client


def _result(future: Any) -> list[NDArray[np.float32]]:
    from distributed import CancelledError, KilledWorker

    try:
        painted: list[NDArray[np.float32]] = future.result()
    except (KilledWorker, CancelledError, OSError) as error:
        raise ClusterError(
            f"workers vanished while painting ({_line(error)}); what is painted is kept, the "
            "same command goes on with it"
        ) from error
    return painted


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
            f"a worker cannot read {density} ({_line(error)}); put it where all workers see it"
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


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
