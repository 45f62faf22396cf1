"""A run's history as TensorBoard reads it."""

import importlib.util
import shutil
from pathlib import Path

import tensorflow as tf

from halokeras.errors import RunError, install
from halokeras.training.callback import Callback, Progress
from halokeras.training.history import Row


def check_tensorboard() -> None:
    """Raise `RunError` unless TensorBoard, which shows what is written, is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise RunError(
            f"TensorBoard is not installed; {install('tensorboard')}; or train without "
            "--tensorboard, or remove the folder tensorboard of the run that is resumed"
        )


class Board(Callback):
    """Writes the scalars of every row to `folder`.

    Raises
    ------
    RunError
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        check_tensorboard()
        self._folder = folder

    def begin(self, progress: Progress) -> None:
        """Make the folder anew, with the rows that there are, without those that were forgotten.

        Raises
        ------
        RunError
            If the folder cannot be written.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        except tf.errors.OpError as error:
            raise RunError(f"cannot write to {self._folder}; make it writable") from error
        for row in progress.rows:
            self.write(row)
        self._writer.flush()

    def after_step(self, progress: Progress) -> None:
        """Add the newest row."""
        if progress.is_logged:
            self.write(progress.rows[-1])

    def at_checkpoint(self, progress: Progress) -> None:
        """Have the disk hold what was added, for whoever looks."""
        self._writer.flush()

    def end(self, progress: Progress) -> None:
        """Have the disk hold all."""
        self._writer.flush()

    def write(self, row: Row) -> None:
        """Add a row's losses and validation."""
        with self._writer.as_default(step=row.step):
            for name, value in _scalars(row).items():
                tf.summary.scalar(name, value)


def _scalars(row: Row) -> dict[str, float]:
    scalars = {f"losses/{name}": value for name, value in row.losses.items()}
    if row.validated is not None:
        judged = row.validated
        scalars |= {"validation/score": judged.score, "validation/mean_ratio": judged.mean_ratio}
        for attribute in ("transfer_function", "cross_correlation"):
            values = getattr(judged, attribute)
            scalars |= {
                f"{attribute}/k={k:.2f}": value for k, value in zip(judged.k, values, strict=False)
            }
    return scalars
