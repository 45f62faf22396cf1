"""Integer counts drawn from a painter's expected counts, many realisations of one density.

The halos of a voxel are drawn together, as the law of the counts has them exclude each other
whatever their masses. Where the painter's channels are bins of mass, each halo is then of one of
them: the first with other shares than the further ones, so that a voxel seldom holds two heavy
halos, and both number and first halo by noise that knows that of the voxels beside and around, so
that the voxels of a peak seldom hold two. The means of every voxel and bin stay those that are
expected, as corrected around peaks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binom

from halokeras.boxes.box import total_counts
from halokeras.environment import allotted_cores
from halokeras.errors import ModelError
from halokeras.fields.gridding import Shape
from halokeras.painters.count_law import VoxelLaw, draw_counts
from halokeras.painters.model_store import DrawModel, SavedPainter
from halokeras.painters.peaks import Bordered, all_halos, sum_around, without_border
from halokeras.painting.draws.noise import CountNoise, neighbor_noise
from halokeras.painting.draws.sharing import shared_alike, shared_by_rank
from halokeras.painting.expected.paint import (
    LARGEST_TILE,
    Progress,
    WhenFilled,
    Workers,
    fill_files,
    paint,
    painted_file,
)
from halokeras.painting.expected.written_rows import COUNTS, COUNTS_BY_MASS, Filled
from halokeras.painting.ids import Draw, global_index
from halokeras.painting.inputs.density import Density
from halokeras.painting.tiles import Place
from halokeras.randomness import uniform_at
from halokeras.sections import Selection
from halokeras.simulation.threads import in_parts
from halokeras.storage.grid import Grid
from halokeras.storage.open_files import allow_open_files

_OPEN_FILES = 4
"""Files of a realisation that are open at a time, those of its catalogue included."""

_DRAWN_TOGETHER = 2**18
"""Voxels that a thread draws the counts of at a time."""
_LEAST_LAYERS = 8
"""Layers of voxels that it draws at least: those on both sides are needed too."""

Drawn = NDArray[np.uint16] | NDArray[np.uint8]


def draw(
    draws: DrawModel,
    density: Grid,
    seed: int,
    realization: int = 0,
    largest_tile: int = LARGEST_TILE,
    conditions: Sequence[float] = (),
) -> Drawn:
    """Draw the halo counts of a periodic density, in memory.

    Parameters
    ----------
    draws
        What a saved painter draws with.
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
        Halos per voxel, (nx, ny, nz) uint16, or of a painter with a law of masses those in each
        of its bins, (nx, ny, nz, bins) uint8.
    """
    expected = paint(draws.painter, density, largest_tile, conditions=conditions)
    return draw_from(draws, expected, seed, realization, allotted_cores())


def draw_from(
    draws: DrawModel,
    expected: NDArray[np.float32],
    seed: int,
    realization: int,
    workers: int = 1,
) -> Drawn:
    """Draw as `draw` from the expected counts of a whole box, by some threads."""
    x, y, z = expected.shape[:3]
    border = draws.border

    def layers(first: int, last: int) -> NDArray[np.float32]:
        around = np.arange(first - border, last + border)
        return expected.take(around, axis=0, mode="wrap") if border else expected[first:last]

    whole = (slice(0, x), slice(0, y), slice(0, z))
    bordered = border > 0, False, False
    return _in_layers(draws, layers, bordered, whole, (x, y, z), Draw(seed, realization), workers)


def draw_row(
    draws: DrawModel,
    expected: NDArray[np.float32],
    place: Place,
    shape: Shape,
    seed: int,
    realization: int,
    workers: int = 1,
) -> Drawn:
    """Draw the counts of a row of tiles.

    Parameters
    ----------
    draws, seed, realization
        As in `draw`.
    expected
        (x, y, z) or (x, y, z, channels) in the voxels at `place`, and along x and y in
        ``draws.border`` more on both sides.
    place, shape
        Voxels of the row, which is as long as the box along z; and voxels of the box.
    workers
        Threads.
    """
    border = draws.border

    def layers(first: int, last: int) -> NDArray[np.float32]:
        return expected[first : last + 2 * border]

    bordered = border > 0, border > 0, False
    return _in_layers(draws, layers, bordered, place, shape, Draw(seed, realization), workers)


def _in_layers(
    draws: DrawModel,
    layers: Callable[[int, int], NDArray[np.float32]],
    bordered: Bordered,
    place: Place,
    shape: Shape,
    which: Draw,
    workers: int,
) -> Drawn:
    """Draw the counts at a place in parts along x, of which `layers` returns what is expected."""
    start, stop = place[0].start, place[0].stop
    side, layer = stop - start, prod(part.stop - part.start for part in place[1:])
    deep = max(_LEAST_LAYERS, min(_DRAWN_TOGETHER // layer, -(-side // workers)))

    def draw_part(x: slice) -> Drawn:
        part = (slice(start + x.start, start + x.stop), *place[1:])
        return _drawn_at(draws, layers(x.start, x.stop), bordered, part, shape, which)

    return np.concatenate(in_parts(draw_part, side, deep, workers))


def _expected_mass(
    masses: NDArray[np.float64], expected: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the expected halo mass of voxels, in units of the mean of the lightest channel."""
    mass = np.zeros(expected.shape[:3])
    # Channel by channel, as in `all_halos`.
    for channel, weight in enumerate(masses / masses[0]):
        mass += weight * expected[..., channel]
    return mass


def _drawn_at(
    draws: DrawModel,
    expected: NDArray[np.float32],
    bordered: Bordered,
    place: Place,
    shape: Shape,
    which: Draw,
) -> Drawn:
    inner = without_border(expected, bordered)
    index = _global_index(place, shape)
    purpose = f"draw {which.realization}"
    if draws.exclusion is None:
        counts = draw_counts(
            draws.count_law, total_counts(inner), uniform_at(which.seed, purpose, index)
        )
        if draws.mass_law is None:
            return counts
        shared = shared_alike(counts, inner, index, which)
        return _thinned_by_shares(shared, draws.kept_shares, index, which)
    mass = None
    if draws.exclusion.masses is not None:
        # As expected, not as corrected, for which a border of two voxels would be painted: it only
        # tells how strongly voxels exclude each other.
        lacking = [(0, 0) if border else (1, 1) for border in bordered]
        mass = np.pad(_expected_mass(draws.exclusion.masses, expected), lacking, mode="wrap")
    total = all_halos(expected)
    around = sum_around(total, bordered)
    law, together = _law_of_counts(draws, without_border(total, bordered), around)
    correlations = draws.exclusion.neighbors
    noise = neighbor_noise(correlations, place, shape, which.seed, purpose, mass, together)
    whole = total_counts(inner)
    counts = draw_counts(law, whole, ndtr(noise[0]))
    occupied = np.flatnonzero(counts)
    means: NDArray[np.floating] = inner.reshape(-1, inner.shape[-1])[occupied]
    if draws.peaks is not None:
        means = draws.peaks.corrected(expected, around, bordered, occupied)
    law = law.of(occupied)
    empty = law.at_most(0, whole.ravel()[occupied])
    number, mass_of_first = noise.reshape(2, -1)[:, occupied]
    rank = draws.exclusion.ranks(number, mass_of_first, empty)
    shared = shared_by_rank(counts, means, index, which, rank, draws.exclusion, law)
    return _thinned_by_shares(shared, draws.kept_shares, index, which)


def _law_of_counts(
    draws: DrawModel, total: NDArray[np.float64], around: NDArray[np.float64]
) -> tuple[VoxelLaw, CountNoise | None]:
    """Return the law of the counts of voxels, and how their numbers go together, if it is known.

    By the halos that are expected in each, and in it and the 26 around it.
    """
    if draws.surroundings is None:
        return draws.count_law, None
    law = draws.surroundings.law_of(total, around)
    return law, CountNoise(*draws.surroundings.correlations(around))


def _thinned_by_shares(
    drawn: NDArray[np.uint8],
    shares: Sequence[float] | None,
    index: NDArray[np.uint64],
    draw: Draw,
) -> NDArray[np.uint8]:
    """Return what is left of the halos of each channel when shares of them are kept, or all."""
    if shares is None:
        return drawn
    kept: NDArray[np.uint8] = drawn * (np.array(shares) == 1).astype(np.uint8)
    for channel, share in enumerate(shares):
        if 0 < share < 1:
            uniform = uniform_at(draw.seed, f"kept {draw.realization}", index)
            # binom.ppf finds a quantile by search; few voxels hold any
            held = np.nonzero(drawn[..., channel])
            left = binom.ppf(uniform[held], drawn[..., channel][held], share)
            kept[..., channel][held] = np.maximum(left, 0).astype(np.uint8)
    return kept


def draw_files(  # noqa: PLR0913  (what `paint_file` takes, and which draws)
    given: Density,
    saved: SavedPainter,
    model: str,
    outputs: Sequence[Path],
    seed: int,
    progress: Progress = lambda fraction: None,
    workers: Workers | None = None,
    when_filled: WhenFilled = lambda partials: None,
) -> None:
    """Draw realisations 0, 1, ... into as many box files, in bounded memory.

    By a painter with a law of masses each tells the counts in its bins too. `when_filled` is called
    with the counts of all of them once they are there, before a file takes its name.

    Raises
    ------
    ModelError
        If the painter has no law of counts, or gives counts that are not finite.
    OutputError
        If a file cannot be written.
    """
    draws = draw_model_of(saved, model)
    bins: tuple[Selection, ...] = ()
    edges = {}
    if draws.mass_law is not None:
        bins = saved.bins
        edges["mass_edges"] = _edges(bins)
    remedy = "choose fewer --realizations at a time, or other seeds for the further ones"
    allow_open_files(_OPEN_FILES * len(outputs), remedy)
    with ExitStack() as files:
        partials = [
            files.enter_context(
                painted_file(
                    given,
                    saved,
                    model,
                    output,
                    np.uint16,
                    len(bins),
                    draw_seed=seed,
                    draw_realization=number,
                    **edges,
                )
            )
            for number, output in enumerate(outputs)
        ]
        threads = allotted_cores() if workers is None else 1
        fill = partial(
            _drawn, shape=given.shape, seed=seed, realizations=len(outputs), threads=threads
        )
        fill_files(
            given,
            saved,
            for_draws=True,
            partials=partials,
            fill=fill,
            progress=progress,
            workers=workers,
        )
        when_filled(partials)


def _drawn(
    saved: SavedPainter,
    place: Place,
    expected: NDArray[np.float32],
    shape: Shape,
    seed: int,
    realizations: int,
    threads: int,
) -> Iterator[Filled]:
    """Draw a row of tiles some times, one after another as memory may not hold all."""
    assert saved.draws is not None
    for number in range(realizations):
        drawn = draw_row(saved.draws, expected, place, shape, seed, number, threads)
        by_mass = {} if saved.draws.mass_law is None else {COUNTS_BY_MASS: drawn}
        yield {COUNTS: total_counts(drawn).astype(np.uint16), **by_mass}


def draw_model_of(saved: SavedPainter, model: str) -> DrawModel:
    """Return what a painter draws with, or raise `ModelError` if it has no law of counts."""
    if saved.draws is None:
        raise ModelError(
            f"{model} has no law of counts to draw from: it was trained without a warm start, or "
            "by one that has not ended, or by an older halopaint; leave --draw out, or train to "
            "the end or again"
        )
    return saved.draws


def _edges(bins: Sequence[Selection]) -> str:
    """Return the edges of bins of mass [Msun/h] as a file tells them."""
    last = bins[-1].mass_max
    edges = [*(bin.mass_min for bin in bins), np.inf if last is None else last]
    return ", ".join(f"{edge:g}" for edge in edges)


def _global_index(place: Place, shape: Shape) -> NDArray[np.uint64]:
    x, y, z = (np.arange(part.start, part.stop, dtype=np.uint64) for part in place)
    return global_index(x, y, z, shape)
