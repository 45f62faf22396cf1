"""Checkpoints that hold all that a run needs to go on to the same bits."""

from pathlib import Path

import tensorflow as tf

from halokeras.errors import RunError
from halokeras.training.wgan import HaloPaintingGAN

_KEPT = 2


class Checkpoints:
    """The checkpoints of one run: both networks, the averages, the optimizers, step, best score.

    All randomness is a function of the step, so there is no other state.

    Parameters
    ----------
    gan
        Compiled, so that its optimizers are built.
    folder
        Where the checkpoints lie.
    """

    def __init__(self, gan: HaloPaintingGAN, folder: Path) -> None:
        self.best_score = tf.Variable(float("inf"), dtype=tf.float64, trainable=False)
        # variables by name of their owner: TensorFlow does not look into the lists of layers that
        # Keras models keep, and would leave those weights out without a word
        owners = {
            "painter": gan.painter,
            "critic": gan.critic,
            "averaged_painter": gan.averaged_painter,
            "expected_painter": gan.expected_painter,
            "painter_optimizer": gan.painter_optimizer,
            "critic_optimizer": gan.critic_optimizer,
            "warm_optimizer": gan.warm_optimizer,
        }
        self._checkpoint = tf.train.Checkpoint(
            step=gan.step,
            best_score=self.best_score,
            **{name: [v.value for v in owner.variables] for name, owner in owners.items()},
        )
        self._gan = gan
        self._folder = folder
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=_KEPT)

    def save(self) -> None:
        """Write a checkpoint of the present step; the pointer to it is replaced last.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        try:
            self._manager.save(checkpoint_number=int(self._gan.step.numpy()))
        except (OSError, tf.errors.OpError) as error:
            raise RunError(
                f"cannot write a checkpoint to {self._folder}; free some space or make it "
                "writable, then `halopaint resume`"
            ) from error

    def restore(self) -> bool:
        """Take up the newest checkpoint that is whole; False if there is none.

        Raises
        ------
        RunError
            If there are checkpoints but none can be read.
        """
        paths = self._manager.checkpoints[::-1]
        for path in paths:
            try:
                self._checkpoint.restore(path).assert_consumed()
            except (AssertionError, ValueError, OSError, tf.errors.OpError):
                continue
            return True
        if paths:
            raise RunError(f"no checkpoint in {self._folder} can be read; start a new run")
        return False
