"""The halo-painting Wasserstein GAN: `n_critic` critic updates, then one of the painter."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from halokeras.networks.conv import has_fast_conv3d
from halokeras.networks.critic import Critic
from halokeras.networks.inception import crop
from halokeras.networks.painter import LOG_OFFSET, Painter
from halokeras.networks.patch import Patch, density_in
from halokeras.training.losses import gradient_penalty, poisson_likelihood, spectral_distance

Logs = dict[str, tf.Tensor]
Patches: TypeAlias = Patch | tf.Tensor
"""What the painter reads; a density stands for the patch where nothing else is read."""


class HaloPaintingGAN(keras.Model):
    """A painter and its critic, trained together (arXiv:1903.10524, section III).

    Parameters
    ----------
    painter, critic
        Built networks.
    n_critic
        Critic updates before each painter update.
    penalty_weight
        Weight of the critic's gradient penalty.
    likelihood_weight, spectral_weight
        Weights of a Poisson likelihood and of a spectral distance beside the critic's verdict in
        the painter's loss; 0 is the published loss.
    spectral_channels
        Channels from which on halos are compared by the spectral distance too, beside all halos.
    moving_average
        Decay of the running mean of the painter's weights, `averaged_painter`; 0 follows them.
        `expected_painter` keeps the running mean that the warm start ends with: it paints the
        expected counts, from which integers are drawn.
    seed
        Two integers that, with the step, fix the interpolation of the gradient penalty.
    """

    def __init__(  # noqa: PLR0913  (networks, optimizers and weights of one training)
        self,
        painter: Painter,
        critic: Critic,
        *,
        n_critic: int = 5,
        penalty_weight: float = 10.0,
        likelihood_weight: float = 0.0,
        spectral_weight: float = 0.0,
        spectral_channels: Sequence[int] = (),
        moving_average: float = 0.0,
        seed: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.painter = painter
        self.critic = critic
        self.n_critic = n_critic
        self.penalty_weight = penalty_weight
        self.likelihood_weight = likelihood_weight
        self.spectral_weight = spectral_weight
        self.spectral_channels = tuple(spectral_channels)
        self.moving_average = moving_average
        self.seed = seed
        self.averaged_painter = painter.twin()
        self.expected_painter = painter.twin()
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)

    def compile(
        self,
        painter_optimizer: keras.optimizers.Optimizer,
        critic_optimizer: keras.optimizers.Optimizer,
        warm_optimizer: keras.optimizers.Optimizer,
    ) -> None:
        """Take the optimizers, and build them so that checkpoints hold their state.

        `warm_optimizer` updates the painter in the warm start, `painter_optimizer` after it.
        """
        super().compile(optimizer=None)
        # XLA fuses the stacked convolutions, and does not know oneDNN's or cuDNN's
        through_xla = not has_fast_conv3d()
        # AutoGraph rewrites loops over tensors, takes seconds to look for them, and there are none
        compiled = partial(tf.function, jit_compile=through_xla, autograph=False)
        self._critic_gradients = compiled(self.critic_gradients)
        self._painter_gradients = self.painter_gradients
        if not (self.spectral_weight and _replicas() > 1):
            # replicas cannot meet within a function of their own, as the spectral distance needs
            self._painter_gradients = compiled(self.painter_gradients)
        self._likelihood_gradients = compiled(self.likelihood_gradients)
        self.painter_optimizer = painter_optimizer
        self.critic_optimizer = critic_optimizer
        self.warm_optimizer = warm_optimizer
        warm_optimizer.build(self.painter.trainable_variables)
        painter_optimizer.build(self.painter.trainable_variables)
        critic_optimizer.build(self.critic.trainable_variables)

    def call(self, patch: Patches) -> tf.Tensor:
        """Paint with the painter as it stands."""
        painted: tf.Tensor = self.painter(patch)
        return painted

    def train_step(self, data: tuple[Patches, tf.Tensor]) -> Logs:
        """Update the critic on each of `n_critic` batches, then the painter on the last.

        As any of the steps here, a replica of a `tf.distribute` strategy gives it its share of
        the batch, and takes the update that the whole batch makes.

        Parameters
        ----------
        data
            Density (n_critic + 1, batch, side + 2 margin, ..., 1), or a patch of it and of
            conditions (n_critic + 1, batch, conditions), and the counts of its inner voxels
            (n_critic + 1, batch, side, ..., channels).
        """
        patches, counts = data
        logs = self.critic_updates(_part(patches, slice(-1)), counts[:-1])
        painter_logs = self._painter_gradients(_part(patches, -1), counts[-1])
        self._apply(self.painter_optimizer, painter_logs.pop("gradients"), self.painter)
        self._finish_step()
        return {**logs, **painter_logs}

    def critic_updates(self, patches: Patches, counts: tf.Tensor) -> Logs:
        """Update the critic once for each leading index; the painter stands still."""
        logs: Logs = {}
        for i in range(counts.shape[0]):
            weight = self._interpolation(counts[i], i)
            logs = self._critic_gradients(_part(patches, i), counts[i], weight)
            self._apply(self.critic_optimizer, logs.pop("gradients"), self.critic)
        return logs

    def warm_critic_step(self, data: tuple[Patches, tf.Tensor]) -> Logs:
        """Update only the critic, so that it judges well before the painter listens to it."""
        logs = self.critic_updates(data[0], data[1])
        self.step.assign_add(1)
        return logs

    def warm_start_step(self, data: tuple[Patches, tf.Tensor]) -> Logs:
        """Update the painter by the Poisson likelihood of the counts alone."""
        logs: Logs = self._likelihood_gradients(_part(data[0], 0), data[1][0])
        self._apply(self.warm_optimizer, logs.pop("gradients"), self.painter)
        self._finish_step()
        for expected, average in zip(
            self.expected_painter.trainable_variables,
            self.averaged_painter.trainable_variables,
            strict=True,
        ):
            expected.assign(average)
        return logs

    def judged(self, counts: tf.Tensor, patch: Patches) -> tf.Tensor:
        """Return the critic's input: counts, with the inner density beside them if it sees it."""
        if not self.critic.sees_masses:
            counts = tf.reduce_sum(counts, axis=-1, keepdims=True)
        if not self.critic.sees_density:
            return counts
        inner = crop(density_in(patch), self.painter.margin)
        return tf.concat([counts, tf.math.log(inner + LOG_OFFSET)], axis=-1)

    def _critic_of(self, patch: Patches) -> Callable[[tf.Tensor], tf.Tensor]:
        """Return the critic as it judges crops under the conditions of a patch."""
        told = self.painter.features(patch) if isinstance(patch, Patch) else None
        return lambda crops: self.critic(crops, told)

    def critic_gradients(
        self, patch: Patches, counts: tf.Tensor, weight: tf.Tensor
    ) -> dict[str, Any]:
        """Return the critic's losses on one batch and their ``gradients`` in its weights."""
        real = self.judged(counts, patch)
        painted = self.judged(self.painter(patch), patch)
        critic = self._critic_of(patch)
        with tf.GradientTape() as tape:
            distance = tf.reduce_mean(critic(real)) - tf.reduce_mean(critic(painted))
            penalty = gradient_penalty(critic, real, painted, weight)
            loss = -distance + self.penalty_weight * penalty
        gradients = tape.gradient(loss, self.critic.trainable_variables)
        return {
            "gradients": gradients,
            "critic_loss": loss,
            "wasserstein": distance,
            "penalty": penalty,
        }

    def painter_gradients(self, patch: Patches, counts: tf.Tensor) -> dict[str, Any]:
        """Return the painter's loss on one batch and its ``gradients`` in the painter's weights."""
        weight = self._crop_weight(patch)
        with tf.GradientTape() as tape:
            painted = self.painter(patch)
            loss = -tf.reduce_mean(self._critic_of(patch)(self.judged(painted, patch)))
            if self.likelihood_weight:
                loss += self.likelihood_weight * poisson_likelihood(painted, counts, weight)
            if self.spectral_weight:
                loss += self.spectral_weight * spectral_distance(
                    painted, counts, weight, self.spectral_channels
                )
        gradients = tape.gradient(loss, self.painter.trainable_variables)
        return {"gradients": gradients, "painter_loss": loss}

    def likelihood_gradients(self, patch: Patches, counts: tf.Tensor) -> dict[str, Any]:
        """Return the warm start's loss on one batch and its ``gradients``."""
        weight = self._crop_weight(patch)
        with tf.GradientTape() as tape:
            loss = poisson_likelihood(self.painter(patch), counts, weight)
        gradients = tape.gradient(loss, self.painter.trainable_variables)
        return {"gradients": gradients, "painter_loss": loss}

    def _crop_weight(self, patch: Patches) -> tf.Tensor | float:
        return self.painter.crop_weight(patch) if isinstance(patch, Patch) else 1.0

    def _apply(
        self, optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor], part: keras.Model
    ) -> None:
        replicas = _replicas()
        if replicas > 1:
            # each is of means over a replica's share of the batch, and Keras sums over replicas
            gradients = [gradient / replicas for gradient in gradients]
        optimizer.apply(gradients, part.trainable_variables)

    def _interpolation(self, counts: tf.Tensor, update: int) -> tf.Tensor:
        key = tf.random.experimental.stateless_fold_in(
            tf.constant(self.seed, tf.int64), self.step * self.n_critic + update
        )
        share, replicas = counts.shape[0], _replicas()
        weight = tf.random.stateless_uniform((share * replicas, 1, 1, 1, 1), key)
        if replicas == 1:
            return weight
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return weight[replica * share : (replica + 1) * share]

    def _finish_step(self) -> None:
        """Move the averaged weights, faster at first so that the start is soon forgotten."""
        step = tf.cast(self.step, tf.float32)
        decay = tf.minimum(self.moving_average, (1.0 + step) / (10.0 + step))
        for average, weight in zip(
            self.averaged_painter.trainable_variables, self.painter.trainable_variables, strict=True
        ):
            average.assign(decay * average + (1.0 - decay) * weight)
        self.step.assign_add(1)


def _part(patches: Patches, index: int | slice) -> Patches:
    """Return what stands at an index, or a slice of them, of the leading axis."""
    part: Patches = tf.nest.map_structure(lambda values: values[index], patches)
    return part


def _replicas() -> int:
    replicas: int = tf.distribute.get_strategy().num_replicas_in_sync
    return replicas
