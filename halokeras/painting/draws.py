"""Integer counts drawn from a painter's expected counts, many realisations of one density."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halokeras.errors import ModelError
from halokeras.painters.count_law import CountLaw
from halokeras.painters.model_store import DrawModel, SavedPainter
from halokeras.painting.inputs import Density
from halokeras.painting.paint import (
    LARGEST_TILE,
    Place,
    Progress,
    Whole,
    Workers,
    paint,
    painted_file,
    rows_of,
)
from halokeras.painting.tiles import Shape
from halokeras.randomness import uniform_at
from halokeras.storage.grid import Grid


def draw(
    draws: DrawModel,
    density: Grid,
    seed: int,
    realization: int = 0,
    largest_tile: int = LARGEST_TILE,
    conditions: Sequence[float] = (),
) -> NDArray[np.uint16]:
    """Draw the halo counts of a periodic density, in memory.

    Parameters
    ----------
    draws
        Of a saved painter.
    density
        rho/mean, (nx, ny, nz), of any shape, non-negative and finite, of mean 1.
    seed, realization
        With the index of a voxel in the box they fix the draw of its count, however the box is
        cut into tiles.
    largest_tile, conditions
        As in `paint`.

    Returns
    -------
    ndarray
        Halos per voxel, (nx, ny, nz) uint16, or of several channels with them last.
    """
    expected = paint(draws.painter, density, largest_tile, conditions=conditions)
    return draw_from(draws.law, expected, seed, realization)


def draw_from(
    law: CountLaw, expected: NDArray[np.float32], seed: int, realization: int
) -> NDArray[np.uint16]:
    """Draw as `draw` from the expected counts of a whole box."""
    x, y, z = expected.shape[:3]
    whole = (slice(0, x), slice(0, y), slice(0, z))
    return draw_row(law, expected, whole, (x, y, z), seed, realization)


def draw_row(
    law: CountLaw,
    expected: NDArray[np.float32],
    place: Place,
    shape: Shape,
    seed: int,
    realization: int,
) -> NDArray[np.uint16]:
    """Draw the counts of the voxels at `place` in a box of `shape` from their expected counts."""
    index = _global_index(place, shape)
    if expected.ndim > index.ndim:
        channels = expected.shape[-1]
        of_channel = np.arange(channels, dtype=np.uint64)
        index = np.multiply(index[..., None], channels, dtype=np.uint64) + of_channel
    return law.draw(expected, uniform_at(seed, f"draw {realization}", index))


def draw_files(  # noqa: PLR0913  (what `paint_file` takes, and which draws)
    given: Density,
    saved: SavedPainter,
    model: str,
    outputs: Sequence[Path],
    seed: int,
    progress: Progress = lambda fraction: None,
    workers: Workers | None = None,
    whole: Whole = lambda counts: None,
) -> None:
    """Draw realisations 0, 1, ... into as many box files, in bounded memory.

    `whole` is called with the counts of all of them once they are there, before a file takes its
    name.

    Raises
    ------
    ModelError
        If the painter has no law of counts, or gives counts that are not finite.
    OutputError
        If a file cannot be written.
    """
    draws = law_of(saved, model)
    with ExitStack() as files:
        partials = [
            files.enter_context(
                painted_file(
                    given, saved, model, output, np.uint16, draw_seed=seed, draw_realization=number
                )
            )
            for number, output in enumerate(outputs)
        ]
        first = min(partial.done for partial in partials)
        rows = rows_of(given, saved, True, progress, first, workers)
        for done, (place, expected) in enumerate(rows, start=first + 1):
            for number, partial in enumerate(partials):
                partial.counts[place] = draw_row(
                    draws.law, expected, place, given.shape, seed, number
                )
                partial.commit(done)
        whole([partial.counts for partial in partials])


def law_of(saved: SavedPainter, model: str) -> DrawModel:
    """Return what a painter draws with, or raise `ModelError` if it has no law of counts."""
    if saved.draws is None:
        raise ModelError(
            f"{model} has no law of counts to draw from: it was trained without a warm start, "
            "or by an older halopaint; leave --draw out or train again"
        )
    return saved.draws


def _global_index(place: Place, shape: Shape) -> NDArray[np.uint64]:
    x, y, z = (np.arange(part.start, part.stop, dtype=np.uint64) for part in place)
    rows = x[:, None, None] * np.uint64(shape[1]) + y[None, :, None]
    index: NDArray[np.uint64] = rows * np.uint64(shape[2]) + z
    return index
