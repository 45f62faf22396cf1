"""The published networks in stock Keras layers, written the obvious way, to compare with."""

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from halokeras.networks.conv import Conv3D
from halokeras.networks.critic import Critic
from halokeras.networks.painter import LOG_OFFSET, Painter
from halokeras.training.losses import gradient_penalty

_Tensors = list[tf.Tensor]


class StockNetworks:
    """Painter and critic of ``keras.layers.Conv3D``, with the weights of ours.

    Parameters
    ----------
    painter, critic
        Ours, built, of the published architecture.
    crop_size
        Side of the counts crops that the critic sees [voxels].
    penalty_weight
        Of the gradient penalty.
    """

    def __init__(
        self, painter: Painter, critic: Critic, crop_size: int, penalty_weight: float
    ) -> None:
        self.penalty_weight = penalty_weight
        self.painter, self.painter_layers = _painter(painter)
        self.critic, self.critic_layers = _critic(critic, crop_size)
        for ours, theirs in (
            (painter_layers(painter), self.painter_layers),
            (critic_layers(critic), self.critic_layers),
        ):
            for layer, copy in zip(ours, theirs, strict=True):
                copy.set_weights(layer_weights(layer))
        self.painter_optimizer = keras.optimizers.Adam(1e-4)
        self.critic_optimizer = keras.optimizers.Adam(1e-4)
        self.painter_optimizer.build(_variables(self.painter_layers))
        self.critic_optimizer.build(_variables(self.critic_layers))
        self._paint = tf.function(self.painter)
        self._update = tf.function(self._train_step)

    def paint(self, density: tf.Tensor) -> tf.Tensor:
        """Paint (batch, x, y, z, 1)."""
        return self._paint(density)

    def update(self, density: tf.Tensor, counts: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Update the critic on all but the last of the leading index, the painter on the last.

        `weights` (updates, batch, 1, 1, 1, 1) place the gradient penalty's samples.
        """
        return self._update(density, counts, weights)

    def critic_gradients(
        self, density: tf.Tensor, counts: tf.Tensor, weight: tf.Tensor
    ) -> _Tensors:
        """Return the gradients of the critic's loss on one batch, in the order of its layers."""
        painted = self.painter(density)
        with tf.GradientTape() as tape:
            distance = tf.reduce_mean(self.critic(counts)) - tf.reduce_mean(self.critic(painted))
            penalty = gradient_penalty(self.critic, counts, painted, weight)
            loss = -distance + self.penalty_weight * penalty
        gradients: _Tensors = tape.gradient(loss, _variables(self.critic_layers))
        return gradients

    def painter_gradients(self, density: tf.Tensor) -> _Tensors:
        """Return the gradients of the painter's loss on one batch, in the order of its layers."""
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self.critic(self.painter(density)))
        gradients: _Tensors = tape.gradient(loss, _variables(self.painter_layers))
        return gradients

    def _train_step(self, density: tf.Tensor, counts: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        for i in range(weights.shape[0]):
            gradients = self.critic_gradients(density[i], counts[i], weights[i])
            self.critic_optimizer.apply(gradients, _variables(self.critic_layers))
        gradients = self.painter_gradients(density[-1])
        self.painter_optimizer.apply(gradients, _variables(self.painter_layers))
        return tf.add_n([tf.reduce_sum(gradient) for gradient in gradients])


def painter_layers(painter: Painter) -> list[Conv3D]:
    """List a painter's convolutions in the order in which the density passes them."""
    blocks = [
        layer for block in painter.inception_blocks for branch in block.branches for layer in branch
    ]
    return [*blocks, *painter.head, painter.last]


def critic_layers(critic: Critic) -> list[keras.layers.Layer]:
    """List a critic's layers in the order in which the counts pass them."""
    return [*critic.convolutions, critic.score]


def layer_weights(layer: keras.layers.Layer) -> list[NDArray[np.float32]]:
    """Return a layer's kernel and bias."""
    return [layer.kernel.numpy(), layer.bias.numpy()]


def _variables(layers: list[keras.layers.Layer]) -> list[keras.Variable]:
    return [variable for layer in layers for variable in (layer.kernel, layer.bias)]


def _painter(ours: Painter) -> tuple[keras.Model, list[keras.layers.Layer]]:
    layers = keras.layers
    copies = [layers.Conv3D(layer.filters, layer.kernel_size) for layer in painter_layers(ours)]
    following = iter(copies)
    density = keras.Input((None, None, None, 1))
    fields = layers.Lambda(lambda field: tf.math.log(field + LOG_OFFSET))(density)
    for block in ours.inception_blocks:
        outputs = []
        for branch in block.branches:
            branch_fields = fields
            for _ in branch:
                branch_fields = next(following)(branch_fields)
            edge = block.margin - branch[-1].kernel_size // 2
            outputs.append(layers.Cropping3D(edge)(branch_fields) if edge else branch_fields)
        residual = layers.Cropping3D(block.margin)(fields)[..., :1]
        joined = layers.Concatenate()(outputs) + residual
        fields = layers.LeakyReLU(negative_slope=ours.negative_slope)(joined)
    for _ in ours.head:
        fields = layers.LeakyReLU(negative_slope=ours.negative_slope)(next(following)(fields))
    counts = layers.ReLU()(next(following)(fields))
    return keras.Model(density, counts), copies


def _critic(ours: Critic, crop_size: int) -> tuple[keras.Model, list[keras.layers.Layer]]:
    layers = keras.layers
    counts = fields = keras.Input((crop_size, crop_size, crop_size, 1))
    copies = [
        layers.Conv3D(layer.filters, layer.kernel_size, strides=layer.stride)
        for layer in ours.convolutions
    ]
    for copy in copies:
        fields = layers.LeakyReLU(negative_slope=ours.negative_slope)(copy(fields))
    score = layers.Dense(1)
    model = keras.Model(counts, score(layers.Flatten()(fields)))
    return model, [*copies, score]
