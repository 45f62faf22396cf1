"""Checkpoints that hold all that a run needs to go on to the same bits.

Each is a folder, written whole, of TensorFlow's files and a manifest of their SHA-256, so that a
flipped bit is noticed and the checkpoint before it taken up.
"""

import hashlib
import json
import shutil
from pathlib import Path

import tensorflow as tf

from halokeras.errors import OutputError, RunError
from halokeras.storage.files import whole_folder
from halokeras.training.callback import Callback, Progress
from halokeras.training.run_folder import checkpoint_of, checkpoints_in
from halokeras.training.wgan import HaloPaintingGAN

_KEPT = 2
_MANIFEST, _STATE = "manifest.json", "state"

_UNREADABLE = (
    *(AssertionError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    tf.errors.OpError,
)
"""What TensorFlow raises for files that are damaged or of other networks."""


class Checkpoints(Callback):
    """The checkpoints of one run: both networks, the averages, the optimizers, step, best score.

    All randomness is a function of the step, so there is no other state.

    Parameters
    ----------
    gan
        Compiled, so that its optimizers are built.
    folder
        Where the checkpoints lie.

    Attributes
    ----------
    damaged
        A sentence for each checkpoint that `restore` passed over.
    """

    def __init__(self, gan: HaloPaintingGAN, folder: Path) -> None:
        self.best_score = tf.Variable(float("inf"), dtype=tf.float64, trainable=False)
        self.damaged: list[str] = []
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

    @property
    def step(self) -> int:
        """Updates that the networks have had."""
        return int(self._gan.step.numpy())

    def at_checkpoint(self, progress: Progress) -> None:
        """Save."""
        self.save()

    def end(self, progress: Progress) -> None:
        """Save where the run was interrupted, between two steps, if it is not saved."""
        if not progress.is_cut and self.step not in checkpoints_in(self._folder).values():
            self.save()

    def save(self) -> None:
        """Write a checkpoint of the present step, then remove all but the newest two.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        target = checkpoint_of(self._folder, self.step)
        try:
            with whole_folder(target, _MANIFEST, "checkpoint") as temporary:
                self._checkpoint.write(str(temporary / _STATE))
                sums = {path.name: _sha256(path) for path in sorted(temporary.iterdir())}
                (temporary / _MANIFEST).write_text(json.dumps({"sha256": sums}, indent=1) + "\n")
        except (OutputError, tf.errors.OpError) as error:
            raise RunError(
                f"cannot write a checkpoint to {self._folder}; free some space or make it "
                "writable, then `halopaint resume`"
            ) from error
        saved = [path for path in checkpoints_in(self._folder) if path.is_dir()]
        for older in saved[:-_KEPT]:
            shutil.rmtree(older, ignore_errors=True)

    def restore(self) -> bool:
        """Take up the newest checkpoint that is whole; False if there is none.

        Raises
        ------
        RunError
            If there are checkpoints but none can be read.
        """
        for path in reversed(checkpoints_in(self._folder)):
            try:
                if path.is_dir():
                    _check(path)
                    self._checkpoint.read(str(path / _STATE)).assert_consumed()
                else:
                    self._checkpoint.restore(str(path)).assert_consumed()
            except _UNREADABLE as error:
                reason = str(error) if isinstance(error, ValueError) else "it cannot be read"
                self.damaged.append(f"checkpoint {path} is passed over: {reason}")
                continue
            return True
        if self.damaged:
            raise RunError(f"{self.damaged[0]}; no checkpoint before it is whole: start a new run")
        return False


def _check(path: Path) -> None:
    """Raise `ValueError` that names the file of a checkpoint that is not what was written."""
    try:
        sums = json.loads((path / _MANIFEST).read_bytes())["sha256"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{_MANIFEST} is damaged") from error
    for name, stated in sums:
        if Path(name).name != name or _sha256(path / name) != stated:
            raise ValueError(f"{name} is damaged, its checksum is not the one in {_MANIFEST}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
