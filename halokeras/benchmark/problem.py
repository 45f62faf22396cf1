"""What every contender computes: the same networks and crops, as plain arrays.

Arrays pass between processes, so that no two frameworks ever meet in one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from halokeras.painting.tiles import cover, read_row, tiles
from halokeras.params import Params
from halokeras.randomness import fold_in

Fields = NDArray[np.float32]

BOX_SIDE = 128
"""Of the box that everyone paints [voxels]."""
LARGEST_TILE = 64


@dataclass(frozen=True)
class Problem:
    """The published networks and crops for them.

    Parameters
    ----------
    params
        The architecture, and the weight of the gradient penalty.
    painter, critic
        Kernel and bias of each layer, in the order in which fields pass the layers.
    density, counts
        Crops: (updates + 1, batch, side, side, side, 1).
    weights
        Of the gradient penalty: (updates, batch, 1, 1, 1, 1).
    """

    params: Params
    painter: list[Fields]
    critic: list[Fields]
    density: Fields
    counts: Fields
    weights: Fields


class Contender(Protocol):
    """One implementation: its update, and what shows that it computes the same.

    Gradients are of the last batch: of kernel and bias of each layer, in the problem's order.
    """

    def update(self) -> None:
        """Run one weight update to its end."""

    def values(self) -> list[Fields]:
        """Return the painted last batch, (batch, x, y, z, 1)."""

    def critic_gradients(self) -> list[Fields]:
        """Return the gradients of the critic's loss."""

    def painter_gradients(self) -> list[Fields]:
        """Return the gradients of the painter's loss."""

    def paint_tiles(self) -> None:
        """Paint the box tile by tile."""

    def paint_whole(self) -> None:
        """Paint the box in one pass."""


class OtherContender:
    """What contenders other than ours share: painting the box with their forward pass.

    Parameters
    ----------
    problem
        The networks and crops.
    paint
        Paints a batch of densities, (batch, x, y, z, 1).
    """

    def __init__(self, problem: Problem, paint: Callable[[Fields], Fields]) -> None:
        self._paint, self._margin = paint, problem.params.painter.margin
        self._last = problem.density[-1]
        self._box = benchmark_box()

    def values(self) -> list[Fields]:
        """Return the painted last batch."""
        return [self._paint(self._last)]

    def paint_tiles(self) -> None:
        """Paint the box tile by tile."""
        tile = (LARGEST_TILE,) * 3
        for row in cover((BOX_SIDE,) * 3, tile):
            for density in tiles(read_row(self._box, row, tile, self._margin), tile, self._margin):
                self._paint(density[np.newaxis, ..., np.newaxis])

    def paint_whole(self) -> None:
        """Paint the box in one pass."""
        whole = np.pad(self._box, self._margin, mode="wrap")
        self._paint(whole[np.newaxis, ..., np.newaxis])


def benchmark_box() -> Fields:
    """Return the lognormal density that everyone paints."""
    drawn = fold_in(0, "benchmark box").lognormal(-0.3, 0.8, (BOX_SIDE,) * 3)
    return np.asarray(drawn, np.float32)


def published_problem(crop_size: int = 50, seed: int = 0) -> Problem:
    """Make crops of lognormal density and Poisson counts for the published networks."""
    from halokeras.benchmark.ours import critic_layers, layer_weights, painter_layers
    from halokeras.training.build import build_gan

    params = Params.model_validate({"training": {"crop_size": crop_size, "seed": seed}})
    gan = build_gan(params)
    generator = fold_in(seed, "benchmark crops")
    painter = [array for layer in painter_layers(gan.painter) for array in layer_weights(layer)]
    critic = [array for layer in critic_layers(gan.critic) for array in layer_weights(layer)]
    for bias in (*painter[1::2], *critic[1::2]):
        bias[:] = generator.normal(0, 0.1, bias.shape)  # biases too must count
    painter[-1][:] = 1.0  # or the ReLU might paint nothing and compare nothing
    training = params.training
    batches = (training.n_critic + 1, training.batch_size)
    wide = crop_size + 2 * params.painter.margin
    density = generator.lognormal(-0.3, 0.8, (*batches, *(wide,) * 3, 1)).astype(np.float32)
    counts = generator.poisson(0.2, (*batches, *(crop_size,) * 3, 1)).astype(np.float32)
    weights = generator.random((training.n_critic, training.batch_size, 1, 1, 1, 1), np.float32)
    return Problem(params, painter, critic, density, counts, weights)
