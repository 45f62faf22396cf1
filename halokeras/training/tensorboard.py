"""A run's history as TensorBoard reads it."""

import importlib.util
import shutil
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from halokeras.errors import RunError, install
from halokeras.training.history import Row


def check_tensorboard() -> None:
    """Raise `RunError` unless TensorBoard, which shows what is written, is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise RunError(
            f"TensorBoard is not installed; {install('tensorboard')}; or train "
            "without --tensorboard"
        )


class Board:
    """Writes scalars to `folder`, beginning with the rows that there are.

    The folder is made anew: a resumed run's history is told once, without the steps that it
    forgot.

    Raises
    ------
    RunError
        If TensorBoard is not installed, or the folder cannot be written.
    """

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        check_tensorboard()
        shutil.rmtree(folder, ignore_errors=True)
        try:
            self._writer = tf.summary.create_file_writer(str(folder))
        except tf.errors.OpError as error:
            raise RunError(f"cannot write to {folder}; make it writable") from error
        for row in rows:
            self.write(row)
        self.flush()

    def write(self, row: Row) -> None:
        """Add a row's losses and validation."""
        with self._writer.as_default(step=row.step):
            for name, value in _scalars(row).items():
                tf.summary.scalar(name, value)

    def flush(self) -> None:
        """Have the disk hold what was added, for whoever looks."""
        self._writer.flush()


def _scalars(row: Row) -> dict[str, float]:
    scalars = {f"losses/{name}": value for name, value in row.losses.items()}
    if row.validated is not None:
        held = row.validated
        scalars |= {"validation/score": held.score, "validation/mean_ratio": held.mean_ratio}
        for attribute in ("transfer_function", "cross_correlation"):
            values = getattr(held, attribute)
            scalars |= {
                f"{attribute}/k={k:.2f}": value for k, value in zip(held.k, values, strict=False)
            }
    return scalars
