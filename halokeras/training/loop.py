"""The training loop: stages one after another, step by step, with callbacks beside."""

import math
import time
from collections.abc import Sequence
from functools import partial

from halokeras.errors import RunError
from halokeras.params import RunParams
from halokeras.training.callback import Callback, Progress
from halokeras.training.devices import Devices
from halokeras.training.interrupts import Interrupts, StoppedAtOnce
from halokeras.training.run_folder import CHECKPOINTS, checkpoints_in
from halokeras.training.stages import Stage


def train_stages(
    stages: Sequence[Stage],
    progress: Progress,
    run: RunParams,
    devices: Devices,
    callbacks: Sequence[Callback],
) -> None:
    """Train from where `progress` is to the last step of the last stage.

    Raises
    ------
    RunError
        If a loss is not finite.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM, between two steps, or after a second one at once; and after the
        callbacks' `end`.
    """
    try:
        for callback in callbacks:
            callback.begin(progress)
        with Interrupts([callback.interrupted for callback in callbacks]) as interrupts:
            for stage in stages:
                if progress.step < stage.span.stop:
                    _train_stage(stage, progress, run, devices, callbacks, interrupts)
    except KeyboardInterrupt as interruption:
        progress.is_cut = isinstance(interruption, StoppedAtOnce)
        for callback in callbacks:
            callback.end(progress)
        raise
    for callback in callbacks:
        callback.end(progress)


def _train_stage(
    stage: Stage,
    progress: Progress,
    run: RunParams,
    devices: Devices,
    callbacks: Sequence[Callback],
    interrupts: Interrupts,
) -> None:
    progress.enter(stage.span)
    for callback in callbacks:
        callback.begin_stage(progress)
    update = devices.compiled(stage.update)
    began = time.perf_counter()
    for crops in devices.batches(partial(stage.crops, progress.step)):
        stage.set_rates(progress.step)
        logs = update(crops)
        progress.advance()
        is_saved = progress.is_due(run.checkpoint_every)
        if is_saved or progress.is_due(run.log_every):
            progress.losses = _finite(devices.mean(logs), progress)
        progress.took(time.perf_counter() - began)
        for callback in callbacks:
            callback.after_step(progress)
        if is_saved:
            for callback in callbacks:
                callback.at_checkpoint(progress)
        # workers must stop at the same step: they agree where they meet for the losses
        if (progress.losses or devices.workers == 1) and devices.any(interrupts.asked):
            raise KeyboardInterrupt
        began = time.perf_counter()


def _finite(losses: dict[str, float], progress: Progress) -> dict[str, float]:
    for name, value in losses.items():
        if not math.isfinite(value):
            folder = progress.folder / CHECKPOINTS
            steps = checkpoints_in(folder).values()
            kept = f"{folder} keeps step {max(steps)}" if steps else "no checkpoint was due before"
            raise RunError(
                f"{name} is not finite at step {progress.step}; {kept}: lower the learning rate "
                f"and start again{', with another --run folder' if steps else ''}"
            )
    return losses
