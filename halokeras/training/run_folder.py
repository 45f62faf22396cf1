"""A run's folder as others see it: its params, state and history, without TensorFlow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from halokeras.errors import RunError
from halokeras.params import Params, load_params
from halokeras.training.history import Row, best_row, read_history
from halokeras.training.stages import stages

PARAMS, HISTORY, FINISHED, CHECKPOINTS, BEST = (
    "params.json",
    "history.csv",
    "finished",
    "checkpoints",
    "best",
)


@dataclass(frozen=True)
class RunRecord:
    """What a run's folder tells.

    Attributes
    ----------
    folder
        It.
    params
        What it was started with.
    rows
        Its history, in the order of the steps.
    state
        Whether it came to its end.
    started, updated
        When its params and its newest file were written [seconds since 1970].
    """

    folder: Path
    params: Params
    rows: list[Row]
    state: Literal["finished", "unfinished"]
    started: float
    updated: float

    @property
    def total(self) -> int:
        """Steps that the params ask for."""
        return stages(self.params)[-1].stop

    @property
    def done(self) -> int:
        """Steps up to the last that was logged."""
        return self.rows[-1].step if self.rows else 0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all times that it went on."""
        return self.rows[-1].seconds if self.rows else 0.0

    @property
    def best(self) -> Row | None:
        """The row of the painter that the run keeps, if one was validated."""
        return best_row(self.rows)


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / PARAMS).is_file()


def run_folders(folder: Path) -> list[Path]:
    """List the runs directly inside `folder`, oldest first."""
    found = [path.parent for path in folder.glob(f"*/{PARAMS}")]
    return sorted(found, key=lambda run: ((run / PARAMS).stat().st_mtime, run.name))


def read_run(folder: Path) -> RunRecord:
    """Read a run.

    Raises
    ------
    RunError
        If the folder is not that of a run, or its history cannot be read.
    ParamsError
        If its params are not those of this version of halopaint.
    """
    if not is_run(folder):
        raise RunError(f"{folder} is not a run; name a folder that `halopaint train` made")
    return RunRecord(
        folder,
        load_params(folder / PARAMS),
        read_history(folder / HISTORY),
        "finished" if (folder / FINISHED).exists() else "unfinished",
        (folder / PARAMS).stat().st_mtime,
        last_written(folder),
    )


def last_written(folder: Path) -> float:
    """When the newest file of a run was written [seconds since 1970]."""
    times = []
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                times.append(path.stat().st_mtime)
        except FileNotFoundError:  # a checkpoint that a run at work replaced meanwhile
            continue
    return max(times)
