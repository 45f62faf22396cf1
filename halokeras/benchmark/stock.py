"""The published networks in stock Keras layers, written the obvious way, to compare with."""

from collections.abc import Callable

import keras
import tensorflow as tf

from halokeras.benchmark.problem import Fields, OtherContender, Problem
from halokeras.networks.painter import LOG_OFFSET
from halokeras.painter_params import InceptionParams
from halokeras.params import CriticParams

_Tensors = list[tf.Tensor]


class StockContender(OtherContender):
    """Painter and critic of ``keras.layers.Conv3D``, with a gradient penalty of its own.

    Parameters
    ----------
    problem
        The networks and crops.
    """

    def __init__(self, problem: Problem) -> None:
        params = problem.params
        assert isinstance(params.painter, InceptionParams)  # the published one
        self.penalty_weight = params.training.gradient_penalty
        self.painter, self._painter_layers = _painter(params.painter)
        self.critic, self._critic_layers = _critic(params.critic, problem.counts.shape[2])
        for layers, arrays in (
            (self._painter_layers, problem.painter),
            (self._critic_layers, problem.critic),
        ):
            for layer, kernel, bias in zip(layers, arrays[::2], arrays[1::2], strict=True):
                layer.set_weights([kernel, bias])
        self._painter_optimizer = keras.optimizers.Adam(1e-4)
        self._critic_optimizer = keras.optimizers.Adam(1e-4)
        self._painter_optimizer.build(_variables(self._painter_layers))
        self._critic_optimizer.build(_variables(self._critic_layers))
        self._density, self._counts = tf.constant(problem.density), tf.constant(problem.counts)
        self._weights = tf.constant(problem.weights)
        self._update = tf.function(self._train_step)
        forward = tf.function(self.painter)
        super().__init__(problem, lambda density: forward(tf.constant(density)).numpy())

    def update(self) -> None:
        """Run one weight update to its end."""
        self._update(self._density, self._counts, self._weights).numpy()

    def critic_gradients(self) -> list[Fields]:
        """Return the gradients of the critic's loss."""
        gradients = tf.function(self._critic_gradients)
        found = gradients(self._density[-1], self._counts[-1], self._weights[-1])
        return [gradient.numpy() for gradient in found]

    def painter_gradients(self) -> list[Fields]:
        """Return the gradients of the painter's loss."""
        found = tf.function(self._painter_gradients)(self._density[-1])
        return [gradient.numpy() for gradient in found]

    def _critic_gradients(
        self, density: tf.Tensor, counts: tf.Tensor, weight: tf.Tensor
    ) -> _Tensors:
        painted = self.painter(density)
        with tf.GradientTape() as tape:
            distance = tf.reduce_mean(self.critic(counts)) - tf.reduce_mean(self.critic(painted))
            penalty = gradient_penalty(self.critic, counts, painted, weight)
            loss = -distance + self.penalty_weight * penalty
        gradients: _Tensors = tape.gradient(loss, _variables(self._critic_layers))
        return gradients

    def _painter_gradients(self, density: tf.Tensor) -> _Tensors:
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(self.critic(self.painter(density)))
        gradients: _Tensors = tape.gradient(loss, _variables(self._painter_layers))
        return gradients

    def _train_step(self, density: tf.Tensor, counts: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        for i in range(weights.shape[0]):
            gradients = self._critic_gradients(density[i], counts[i], weights[i])
            self._critic_optimizer.apply(gradients, _variables(self._critic_layers))
        gradients = self._painter_gradients(density[-1])
        self._painter_optimizer.apply(gradients, _variables(self._painter_layers))
        return tf.add_n([tf.reduce_sum(gradient) for gradient in gradients])


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, painted: tf.Tensor, weight: tf.Tensor
) -> tf.Tensor:
    """Gulrajani et al. 2017, equation 3 without lambda, apart from the one that trains."""
    between = painted + weight * (real - painted)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(between)
        scores = critic(between)
    slopes = tape.gradient(scores, between)
    norms = tf.norm(tf.reshape(slopes, (tf.shape(slopes)[0], -1)), axis=1)
    return tf.reduce_mean((norms - 1.0) ** 2)


def _variables(layers: list[keras.layers.Layer]) -> list[keras.Variable]:
    return [variable for layer in layers for variable in (layer.kernel, layer.bias)]


def _painter(params: InceptionParams) -> tuple[keras.Model, list[keras.layers.Layer]]:
    layers, made = keras.layers, []

    def convolved(fields: keras.KerasTensor, filters: int, side: int) -> keras.KerasTensor:
        made.append(layers.Conv3D(filters, side))
        return made[-1](fields)

    density = keras.Input((None, None, None, 1))
    fields = layers.Lambda(lambda field: tf.math.log(field + LOG_OFFSET))(density)
    margin = max(params.kernel_sizes) // 2
    for _ in range(params.blocks):
        outputs = []
        for side in params.kernel_sizes:
            branch = convolved(fields, params.filters, 1)
            if side > 1:
                branch = convolved(branch, params.filters, side)
            edge = margin - side // 2
            outputs.append(layers.Cropping3D(edge)(branch) if edge else branch)
        residual = layers.Cropping3D(margin)(fields)[..., :1]
        joined = layers.Concatenate()(outputs) + residual
        fields = layers.LeakyReLU(negative_slope=params.negative_slope)(joined)
    for _ in range(params.head_layers):
        fields = convolved(fields, params.head_filters, 1)
        fields = layers.LeakyReLU(negative_slope=params.negative_slope)(fields)
    counts = layers.ReLU()(convolved(fields, 1, 1))
    return keras.Model(density, counts), made


def _critic(params: CriticParams, crop_size: int) -> tuple[keras.Model, list[keras.layers.Layer]]:
    layers = keras.layers
    counts = fields = keras.Input((crop_size, crop_size, crop_size, 1))
    made = [
        layers.Conv3D(filters, side, strides=stride)
        for filters, side, stride in zip(
            params.filters, params.kernel_sizes, params.strides, strict=True
        )
    ]
    for layer in made:
        fields = layers.LeakyReLU(negative_slope=params.negative_slope)(layer(fields))
    score = layers.Dense(1)
    return keras.Model(counts, score(layers.Flatten()(fields))), [*made, score]
