"""A training run: its folder, held by one process, and going on where it stopped."""

import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import tensorflow as tf

from halokeras.errors import ModelError, ParamsError, RunError
from halokeras.painters.folders import BEST
from halokeras.painters.model_files import check_size
from halokeras.params import Params, load_params
from halokeras.storage.files import locked, make_folder, write_text
from halokeras.training.build import build_gan
from halokeras.training.callback import Callback, Progress
from halokeras.training.checkpoints import Checkpoints
from halokeras.training.curves import Curves
from halokeras.training.data import TrainingData, load_data
from halokeras.training.devices import Devices, find_devices, first_sentence
from halokeras.training.history import History
from halokeras.training.interrupts import StoppedAtOnce
from halokeras.training.keep import KeptPainter
from halokeras.training.loop import train_stages
from halokeras.training.movie import Movie
from halokeras.training.run_folder import (
    BOXES,
    CHECKPOINTS,
    FINISHED,
    HISTORY,
    MOVIE,
    PARAMS,
    TENSORBOARD,
    check_same_boxes,
    checkpoints_in,
    unfinished_run,
)
from halokeras.training.schedule import schedule
from halokeras.training.stages import stages
from halokeras.training.tensorboard import Board, check_tensorboard
from halokeras.training.wgan import HaloPaintingGAN


class Interrupted(RunError):
    """Ctrl-C or SIGTERM: the run was saved, by a first one, and can go on."""


def train(
    params: Params,
    folder: Path | None = None,
    callbacks: Sequence[Callback] = (),
    *,
    movie: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Start a run in a new folder, train to its end, and return the folder of its painter.

    Parameters
    ----------
    params, folder
        What to train and where, by default where the params say.
    callbacks
        What looks on, such as a display; `halokeras.training.callback` tells in which order.
    movie, tensorboard
        Whether the run, also once resumed, keeps up a GIF of a slice and TensorBoard's events.

    Raises
    ------
    ParamsError
        If the painter is larger than any that could be loaded again, or a field is of no use.
    RunError
        If the folder holds a run already, boxes are missing or unfit, a loss is not finite, or
        TensorBoard is wanted but not installed.
    OutputError
        If the folder cannot be written, or another process is at work in it.
    Interrupted
        After Ctrl-C, once the run is saved; after a second one at once.
    """
    if tensorboard:
        check_tensorboard()
    if params.training.spectral_mass_mins and not params.training.spectral_weight:
        raise ParamsError(
            "params training.spectral_mass_mins is of the spectral distance, and "
            "training.spectral_weight is 0; set a weight or leave it out"
        )
    try:
        check_size(params.painter)
    except ModelError as error:
        raise ParamsError(f"params painter: {error}; make it smaller") from None
    devices = find_devices()
    check_batches(params, devices.replicas)
    folder = folder or Path(params.run.directory) / params.run.name
    if devices.is_chief:
        _check_new(folder)
    data = _load(params, devices, callbacks)
    with _holding_folder(folder, devices):
        if devices.is_chief:
            _check_new(folder)  # another process may have begun one
            (folder / BOXES).unlink(missing_ok=True)  # of a run that saved nothing
            for name, wanted in ((MOVIE, movie), (TENSORBOARD, tensorboard)):
                if wanted:
                    make_folder(folder / name)
            write_text(folder / PARAMS, params.model_dump_json(indent=2) + "\n")
        return _train_from_checkpoint(params, folder, data, devices, callbacks)


def resume(
    folder: Path | None = None, callbacks: Sequence[Callback] = (), runs: Path = Path("runs")
) -> Path:
    """Go on with a run, by default the newest unfinished one of the folder `runs`.

    The weights become those that an uninterrupted run has, bit for bit, on the same machine.

    Raises
    ------
    RunError
        If there is no such run, or as `train`.
    OutputError
        As `train`.
    """
    devices = find_devices()
    folder = unfinished_run(folder, runs)
    params = load_params(folder / PARAMS)
    check_batches(params, devices.replicas)
    data = _load(params, devices, callbacks)
    with _holding_folder(folder, devices):
        return _train_from_checkpoint(params, folder, data, devices, callbacks)


def check_batches(params: Params, replicas: int) -> None:
    """Raise `RunError` unless every batch can be shared equally by `replicas`."""
    training = params.training
    sizes = {"training.batch_size": training.batch_size if training.steps else 0}
    if training.warm_start.steps:
        sizes["training.warm_start.batch_size"] = training.warm_start.batch_size
    for name, size in sizes.items():
        if size % replicas:
            raise RunError(
                f"{name} {size} cannot be shared equally by {replicas} devices; make it a "
                "multiple of that, or hide GPUs with CUDA_VISIBLE_DEVICES"
            )


def _check_new(folder: Path) -> None:
    """Refuse a folder whose run could go on; of one that saved nothing, nothing is lost."""
    if (folder / PARAMS).exists() and (
        checkpoints_in(folder / CHECKPOINTS) or (folder / BEST).exists()
    ):
        raise RunError(
            f"{folder} holds a run already; `halopaint resume --run {folder}` goes on with it, "
            "or choose another --run folder"
        )


def _holding_folder(folder: Path, devices: Devices) -> AbstractContextManager[None]:
    """Hold the run's folder, so that no other process trains the same run."""
    return locked(folder) if devices.is_chief else nullcontext()


def _load(params: Params, devices: Devices, callbacks: Sequence[Callback]) -> TrainingData:
    named = (*params.box.train, *params.box.validate_on)
    single = sum(name.suite is None for name in named)
    suites = sorted({name.suite for name in named if name.suite is not None})
    told = [f"{single} boxes"] if single else []
    told += [f"the boxes of {suite}" for suite in suites]
    _announce_preparing(f"reading {' and '.join(told)}", devices, callbacks)
    return load_data(params)


def _announce_preparing(what: str, devices: Devices, callbacks: Sequence[Callback]) -> None:
    if devices.is_chief:
        for callback in callbacks:
            callback.preparing(what)


def _train_from_checkpoint(
    params: Params,
    folder: Path,
    data: TrainingData,
    devices: Devices,
    callbacks: Sequence[Callback],
) -> Path:
    """Train from the newest whole checkpoint, or from the start, to the end."""
    if devices.is_chief:
        check_same_boxes(folder, data.hashes)
        for callback in callbacks:
            callback.planned(data.plan)
    _announce_preparing("building the networks", devices, callbacks)
    with devices.scope():
        gan = build_gan(params, data.mean_counts, data.conditions)
    checkpoints = Checkpoints(gan, folder / CHECKPOINTS)
    checkpoints.restore()
    planned = stages(params, gan, data)
    step, total = checkpoints.step, planned[-1].span.stop
    stage = next((stage for stage in planned if step < stage.span.stop), planned[-1])
    progress = Progress(folder, stage.span, step, total, warnings=tuple(checkpoints.damaged))
    looking_on: list[Callback] = []
    if devices.is_chief:
        looking_on = _all_callbacks(params, folder, data, gan, checkpoints, callbacks)
    try:
        devices.check_agreement(step, zlib.crc32(repr(params).encode()))
        train_stages(planned, progress, params.run, devices, looking_on)
        if devices.is_chief:
            write_text(folder / FINISHED, f"{total} steps\n")
        # a worker that left now would take the chief's last words for a failure
        devices.any(False)
    except StoppedAtOnce:
        raise Interrupted(
            f"stopped at once, nothing saved; `halopaint resume --run {folder}` goes on from the "
            "last checkpoint, if there is one"
        ) from None
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped and saved at step {checkpoints.step} of {total}; "
            f"`halopaint resume --run {folder}` goes on"
        ) from None
    except tf.errors.OpError as error:
        alone = devices.workers == 1
        raise RunError(
            f"training stopped at step {checkpoints.step}{'' if alone else ' with a worker lost'}: "
            f"{first_sentence(error)}; `halopaint resume --run {folder}` "
            f"{'' if alone else 'on every worker '}goes on from the last checkpoint"
        ) from error
    return folder / BEST


def _all_callbacks(
    params: Params,
    folder: Path,
    data: TrainingData,
    gan: HaloPaintingGAN,
    checkpoints: Checkpoints,
    given: Sequence[Callback],
) -> list[Callback]:
    """List what looks on, in the order that `Callback` explains.

    A movie and TensorBoard are kept up where their folders are: `train` makes them, and a resumed
    run goes on with what it finds.
    """
    found: list[Callback] = [
        KeptPainter(params, gan, data, checkpoints.best_score, folder / BEST),
        History(folder / HISTORY),
    ]
    if (folder / TENSORBOARD).is_dir():
        found.append(Board(folder / TENSORBOARD))
    found += [*given, checkpoints]
    frames = folder / MOVIE
    if frames.is_dir():
        target, box = frames.with_suffix(".gif"), data.held_out[0]
        found.append(Movie(frames, target, box, schedule(params), gan.averaged_painter))
    return [*found, Curves()]
