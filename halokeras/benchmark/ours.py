"""Our own networks as a contender of the benchmark."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.benchmark.problem import LARGEST_TILE, Fields, Problem, benchmark_box
from halokeras.networks.critic import Critic
from halokeras.networks.painter import Painter
from halokeras.painting.expected.paint import paint_into
from halokeras.painting.expected.tile_painter import TilePainter
from halokeras.training.build import build_gan


class OurContender:
    """The painter and critic that training builds, with the problem's weights.

    Parameters
    ----------
    problem
        The networks and crops.
    """

    def __init__(self, problem: Problem) -> None:
        self.gan = gan = build_gan(problem.params)
        self._painter_layers, self._critic_layers = (
            painter_layers(gan.painter),
            critic_layers(gan.critic),
        )
        for layers, arrays in (
            (self._painter_layers, problem.painter),
            (self._critic_layers, problem.critic),
        ):
            for layer, kernel, bias in zip(layers, arrays[::2], arrays[1::2], strict=True):
                layer.kernel.assign(kernel)
                layer.bias.assign(bias)
        self._density, self._counts = tf.constant(problem.density), tf.constant(problem.counts)
        self._weight = tf.constant(problem.weights[-1])
        self._step = tf.function(gan.train_step)
        self._tiles = TilePainter(gan.painter, (LARGEST_TILE,) * 3)
        self._box = benchmark_box()
        self._painted = np.empty_like(self._box)

    def update(self) -> None:
        """Run one weight update to its end."""
        self._step((self._density, self._counts))["painter_loss"].numpy()

    def values(self) -> list[Fields]:
        """Return the painted last batch."""
        return [tf.function(self.gan.painter)(self._density[-1]).numpy()]

    def critic_gradients(self) -> list[Fields]:
        """Return the gradients of the critic's loss."""
        found = tf.function(self.gan.critic_gradients)(
            self._density[-1], self._counts[-1], self._weight
        )
        return _by_layer(found["gradients"], self.gan.critic, self._critic_layers)

    def painter_gradients(self) -> list[Fields]:
        """Return the gradients of the painter's loss."""
        found = tf.function(self.gan.painter_gradients)(self._density[-1], self._counts[-1])
        return _by_layer(found["gradients"], self.gan.painter, self._painter_layers)

    def paint_tiles(self) -> None:
        """Paint the box as `halopaint paint` does."""
        paint_into(self._painted, self._tiles, self._box)

    paint_whole = paint_tiles
    """It never paints in one pass."""


def painter_layers(painter: Painter) -> list[Any]:
    """List the published painter's convolutions in the order in which the density passes them."""
    blocks = [
        layer for block in painter.inception_blocks for branch in block.branches for layer in branch
    ]
    return [*blocks, *painter.head, painter.last]


def critic_layers(critic: Critic) -> list[Any]:
    """List a critic's layers in the order in which the counts pass them."""
    return [*critic.convolutions, critic.score]


def layer_weights(layer: keras.layers.Layer) -> list[NDArray[np.float32]]:
    """Return a copy of a layer's kernel and bias."""
    return [array.copy() for array in layer.get_weights()]


def _by_layer(gradients: list[tf.Tensor], model: keras.Model, layers: list[Any]) -> list[Fields]:
    """Order gradients in a model's variables by its layers: kernel, bias, kernel, ..."""
    known = {
        id(variable): gradient.numpy()
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
    }
    return [known[id(variable)] for layer in layers for variable in (layer.kernel, layer.bias)]
