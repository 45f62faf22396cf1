"""A run's folder as others see it: its params, state and history, without TensorFlow."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from math import isfinite
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from halokeras.errors import RunError
from halokeras.painters.folders import BEST
from halokeras.params import Params, load_params
from halokeras.storage.files import remove_abandoned, write_text
from halokeras.training.history import Row, best_row, read_history
from halokeras.training.schedule import schedule

PARAMS, HISTORY, FINISHED, CHECKPOINTS = "params.json", "history.csv", "finished", "checkpoints"
BOXES = "boxes.json"
"""Hashes of the boxes that the run began with; runs of an older halopaint have none."""
_BOXES = TypeAdapter(list[tuple[str, str]])
MOVIE, TENSORBOARD = "movie", "tensorboard"
_CHECKPOINT = re.compile(r"step-(\d+)|ckpt-(\d+)\.index")


@dataclass(frozen=True)
class RunRecord:
    """What a run's folder tells.

    Attributes
    ----------
    folder
        Folder of the run.
    params
        What the run was started with.
    rows
        History, in the order of the steps.
    state
        Whether the run came to its end.
    started, updated
        When the params and the newest file were written [seconds since 1970].
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
        return schedule(self.params)[-1].stop

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
        """Row of the best validation, if there was one."""
        return best_row(self.rows)

    @property
    def kept(self) -> Row | None:
        """Row of the validation of the painter that the run keeps, if it keeps one."""
        if self.params.run.keep == "best":
            return self.best
        scores = [row for row in self.rows if row.validated and isfinite(row.validated.score)]
        return scores[-1] if scores else None


def check_same_boxes(folder: Path, hashes: Sequence[tuple[str, str]]) -> None:
    """Refuse other boxes than the run began with, whose names and hashes it notes then.

    Raises
    ------
    RunError
        If a box is not what it was when the run began, or the note cannot be read.
    """
    noted = folder / BOXES
    if not noted.exists():
        write_text(noted, json.dumps(hashes, indent=2) + "\n")
        return
    try:
        began_with = _BOXES.validate_json(noted.read_bytes())
    except (OSError, ValueError):
        raise RunError(
            f"{noted}, which notes the boxes that the run began with, is damaged; delete it to go "
            "on with the boxes that are there now"
        ) from None
    changed = [ours for ours, then in zip_longest(hashes, began_with) if ours != then]
    if changed:
        name = changed[0][0] if changed[0] else began_with[len(hashes)][0]
        raise RunError(
            f"{name} is not the box that the run in {folder} began with; put that one back, "
            "or start a run of another name"
        )


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
    times = [(folder / PARAMS).stat().st_mtime]
    # of a run at work folders of checkpoints go at any time: os.walk passes over them, rglob raises
    for inside, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                times.append(Path(inside, name).stat().st_mtime)
    return max(times)


def unfinished_run(folder: Path | None, runs: Path) -> Path:
    """Return the folder of a run that can go on, by default the newest such of the folder `runs`.

    Raises
    ------
    RunError
        If there is none, or it is finished.
    """
    folder = folder or newest_unfinished(runs)
    if not is_run(folder):
        raise RunError(f"{folder} is not a run; give --run the folder that `train` made")
    if (folder / FINISHED).exists():
        remove_abandoned(folder)
        raise RunError(f"the run in {folder} is finished; its painter is {folder / BEST}")
    return folder


def newest_unfinished(runs: Path) -> Path:
    """Find the unfinished run that was written last, or raise `RunError`."""
    unfinished = [
        path.parent for path in runs.glob(f"*/{PARAMS}") if not (path.parent / FINISHED).exists()
    ]
    if not unfinished:
        raise RunError(f"no unfinished run in {runs}; start one with `halopaint train`")
    return max(unfinished, key=last_written)


def checkpoint_of(folder: Path, step: int) -> Path:
    """Return where the checkpoint of a step lies in the `folder` of checkpoints."""
    return folder / f"step-{step:08d}"


def checkpoints_in(folder: Path) -> dict[Path, int]:
    """Return the step of each checkpoint in their `folder`, those to take up first last.

    Those that `tf.train.CheckpointManager` wrote, as older versions did, come first, as the common
    beginning of the names of their files; then folders, in the order of their steps.
    """
    found = []
    for path in folder.glob("*"):
        if name := _CHECKPOINT.fullmatch(path.name):
            step, older = name.groups()
            found.append((older is None, int(step or older), path))
    return {
        path if is_folder else path.with_suffix(""): step for is_folder, step, path in sorted(found)
    }
