"""A training run: its folder, its stages, and going on where it stopped."""

import math
import os
import platform
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from halokeras import __version__
from halokeras.errors import ModelError, ParamsError, RunError
from halokeras.networks.critic import Critic
from halokeras.networks.painter import built_painter, whole_box
from halokeras.painters.count_law import fit_count_law
from halokeras.painters.model_files import check_size
from halokeras.painters.model_store import DrawModel, save_painter
from halokeras.params import InitialWeightsParams, OptimizerParams, Params, load_params
from halokeras.randomness import fold_in
from halokeras.storage.files import (
    Held,
    held,
    make_folder,
    remove_abandoned,
    sync,
    unwritable,
    write_text,
)
from halokeras.training.calibration import calibrate_mean
from halokeras.training.checkpoints import Checkpoints
from halokeras.training.crops import CropStream
from halokeras.training.data import TrainingData, load_data
from halokeras.training.devices import Devices, find_devices, first_sentence
from halokeras.training.history import History, Row
from halokeras.training.interrupts import Interrupts
from halokeras.training.run_folder import BEST, CHECKPOINTS, FINISHED, HISTORY, PARAMS, last_written
from halokeras.training.stages import Stage, stages
from halokeras.training.tensorboard import check_tensorboard
from halokeras.training.validation import Validation, validate
from halokeras.training.watch import MOVIE, TENSORBOARD, Watch
from halokeras.training.wgan import HaloPaintingGAN


@dataclass(frozen=True)
class Progress:
    """What a run tells of itself while it goes; `rows` is its whole history so far."""

    stage: Stage
    step: int
    total: int
    losses: dict[str, float] = field(default_factory=dict)
    validation: Validation | None = None
    rows: Sequence[Row] = ()
    warnings: tuple[str, ...] = ()


Report = Callable[[Progress], None]


class Interrupted(RunError):
    """Ctrl-C or SIGTERM: the run was saved and can go on."""


def train(
    params: Params,
    folder: Path | None,
    report: Report,
    *,
    movie: bool = False,
    tensorboard: bool = False,
) -> Path:
    """Start a run in a new folder, train to its end, and give the folder of its best painter.

    Parameters
    ----------
    params, folder
        What to train and where, by default where the params say.
    report
        Called with the run's progress whenever it logs.
    movie, tensorboard
        Whether the run, also once resumed, keeps up a GIF of a slice and TensorBoard's events.

    Raises
    ------
    ParamsError
        If the painter is larger than any that could be loaded again.
    RunError
        If the folder holds a run already, boxes are missing or unfit, a loss is not finite, or
        TensorBoard is wanted but not installed.
    Interrupted
        After Ctrl-C, once the run is saved.
    """
    if tensorboard:
        check_tensorboard()
    try:
        check_size(params.painter)
    except ModelError as error:
        raise ParamsError(f"params painter: {error}; make it smaller") from None
    devices = find_devices()
    check_batches(params, devices.replicas)
    folder = folder or Path(params.run.directory) / params.run.name
    if devices.is_chief:
        _check_new(folder)
    data = load_data(params)
    with _alone(folder, devices):
        if devices.is_chief:
            _check_new(folder)  # another process may have begun one
            for name, wanted in ((MOVIE, movie), (TENSORBOARD, tensorboard)):
                if wanted:
                    make_folder(folder / name)
            write_text(folder / PARAMS, params.model_dump_json(indent=2) + "\n")
        return _Run(params, folder, data, devices).go_on(report)


def resume(folder: Path | None, report: Report, runs: Path = Path("runs")) -> Path:
    """Go on with a run, by default the newest unfinished one of the folder `runs`.

    The weights become those that an uninterrupted run has, bit for bit, on the same machine.

    Raises
    ------
    RunError
        If there is no such run, or as `train`.
    """
    devices = find_devices()
    folder = folder or newest_unfinished(runs)
    if not (folder / PARAMS).is_file():
        raise RunError(f"{folder} is not a run; give --run the folder that `train` made")
    if (folder / FINISHED).exists():
        remove_abandoned(folder)
        raise RunError(f"the run in {folder} is finished; its painter is {folder / BEST}")
    params = load_params(folder / PARAMS)
    check_batches(params, devices.replicas)
    data = load_data(params)
    with _alone(folder, devices):
        return _Run(params, folder, data, devices).go_on(report)


def newest_unfinished(runs: Path) -> Path:
    """Find the unfinished run that was written last, or raise `RunError`."""
    unfinished = [
        path.parent for path in runs.glob(f"*/{PARAMS}") if not (path.parent / FINISHED).exists()
    ]
    if not unfinished:
        raise RunError(f"no unfinished run in {runs}; start one with `halopaint train`")
    return max(unfinished, key=last_written)


def _check_new(folder: Path) -> None:
    if (folder / PARAMS).exists():
        raise RunError(
            f"{folder} holds a run already; `halopaint resume --run {folder}` goes on with it, "
            "or choose another --run folder"
        )


@contextmanager
def _alone(folder: Path, devices: Devices) -> Iterator[None]:
    """Hold the run's folder, so that no other process trains the same run."""
    if not devices.is_chief:
        yield
        return
    with ExitStack() as holding:
        try:
            holding.enter_context(held(folder))
        except Held:
            raise RunError(
                f"another process trains the run in {folder}; wait for it, or stop it first"
            ) from None
        except OSError as error:
            raise unwritable(folder, error) from error
        yield


class _Run:
    def __init__(self, params: Params, folder: Path, data: TrainingData, devices: Devices) -> None:
        self.params, self.folder, self.data, self.devices = params, folder, data, devices
        with devices.scope():
            self.gan = build_gan(params)
        self.checkpoints = Checkpoints(self.gan, folder / CHECKPOINTS)
        self.checkpoints.restore()
        self.history = History(folder / HISTORY)
        self.stages = stages(params)
        self.total = self.stages[-1].stop
        self.watch = Watch(folder, self.history, data.held_out[0], self.stages)

    def go_on(self, report: Report) -> Path:
        try:
            self.devices.check_agreement(self._step, zlib.crc32(repr(self.params).encode()))
            if self.devices.is_chief:
                self.history.forget_after(self._step)
                self.watch.begin(self._step, self.gan.averaged_painter)
            self.started = time.monotonic() - self.history.seconds
            with Interrupts() as interrupts:
                for stage in self.stages:
                    if self._step < stage.stop:
                        self._train_stage(stage, report, interrupts)
            if self.devices.is_chief:
                self.watch.draw()
                write_text(self.folder / FINISHED, f"{self.total} steps\n")
            # a worker that left now would take the chief's last words for a failure
            self.devices.any(False)
        except KeyboardInterrupt:
            if self.devices.is_chief:
                self.checkpoints.save()
                self.watch.draw()
            raise Interrupted(
                f"stopped and saved at step {self._step} of {self.total}; "
                f"`halopaint resume --run {self.folder}` goes on"
            ) from None
        except tf.errors.OpError as error:
            alone = self.devices.workers == 1
            raise RunError(
                f"training stopped at step {self._step}{'' if alone else ' with a worker lost'}: "
                f"{first_sentence(error)}; `halopaint resume --run {self.folder}` "
                f"{'' if alone else 'on every worker '}goes on from the last checkpoint"
            ) from error
        return self.folder / BEST

    @property
    def _step(self) -> int:
        return int(self.gan.step.numpy())

    def _train_stage(self, stage: Stage, report: Report, interrupts: Interrupts) -> None:
        run, devices = self.params.run, self.devices
        update = devices.compiled(self._update(stage))
        first = self._step
        if devices.is_chief:
            damaged = tuple(self.checkpoints.damaged)
            report(Progress(stage, first, self.total, rows=self.history.rows, warnings=damaged))
            self.checkpoints.damaged.clear()
        for number, batch in zip(range(first, stage.stop), self._crops(stage, first), strict=True):
            self._set_learning_rates(stage, number)
            logs = update(batch)
            done = number + 1
            last = done == stage.stop
            losses: dict[str, float] = {}
            if last or any(done % n == 0 for n in (run.log_every, run.checkpoint_every)):
                losses = self._finite(devices.mean(logs), done)
            if devices.is_chief:
                self._record(stage, done, losses, report)
            # workers must stop at the same step: they agree where they meet for the losses
            if (losses or devices.workers == 1) and devices.any(interrupts.asked):
                raise KeyboardInterrupt

    def _record(self, stage: Stage, done: int, losses: dict[str, float], report: Report) -> None:
        run = self.params.run
        last = done == stage.stop
        validation = None
        if last or done % run.validate_every == 0:
            validation = self._validate(done)
        if losses or validation:
            seconds = time.monotonic() - self.started
            self.history.write(done, stage.name, seconds, losses, validation)
            self.watch.after_row()
            report(Progress(stage, done, self.total, losses, validation, self.history.rows))
        self.watch.after_step(done, self.gan.averaged_painter)
        if last or done % run.checkpoint_every == 0:
            if self.history.path.exists():
                sync(self.history.path)  # what is logged up to a checkpoint is never logged again
            self.checkpoints.save()
            self.watch.after_checkpoint()

    def _update(self, stage: Stage) -> Callable[[Any], dict[str, tf.Tensor]]:
        return {
            "warm start": self.gan.warm_start_step,
            "critic warm-up": self.gan.warm_critic_step,
            "adversarial": self.gan.train_step,
        }[stage.name]

    def _crops(self, stage: Stage, first: int) -> Iterator[Any]:
        training = self.params.training
        warm = training.warm_start
        is_warm = stage.name == "warm start"
        stream = CropStream(
            self.data.density,
            self.data.counts,
            warm.crop_size if is_warm else training.crop_size,
            self.params.painter.margin,
            training.wrap_crops,
            training.reflect_crops,
        )
        batches = {"warm start": 1, "critic warm-up": training.n_critic}
        return self.devices.batches(
            partial(
                stream.steps,
                first,
                stage.stop,
                batches.get(stage.name, training.n_critic + 1),
                warm.batch_size if is_warm else training.batch_size,
                tensor_seed(training.seed, f"crops, {stage.name}"),
            )
        )

    def _set_learning_rates(self, stage: Stage, step: int) -> None:
        training, gan = self.params.training, self.gan
        done = (step - stage.start) / (stage.stop - stage.start)
        if stage.name == "warm start":
            gan.warm_optimizer.learning_rate.assign(training.warm_start.learning_rate * (1 - done))
            return
        done = done if stage.name == "adversarial" else 0.0
        gan.painter_optimizer.learning_rate.assign(_decayed(training.painter_optimizer, done))
        gan.critic_optimizer.learning_rate.assign(_decayed(training.critic_optimizer, done))

    def _finite(self, losses: dict[str, float], step: int) -> dict[str, float]:
        bad = [name for name, value in losses.items() if not math.isfinite(value)]
        if bad:
            raise RunError(
                f"{bad[0]} is not finite at step {step}; the last good checkpoint is kept in "
                f"{self.folder / CHECKPOINTS}: lower the learning rate and start again"
            )
        return losses

    def _validate(self, step: int) -> Validation:
        painter = self.gan.averaged_painter
        if self.params.training.calibrate_mean:
            painter = calibrate_mean(painter, self.data.density, self.data.counts)
        validation = validate(painter, self.data.held_out)
        is_best = validation.score < float(self.checkpoints.best_score)
        if is_best:
            self.checkpoints.best_score.assign(validation.score)
        if is_best or (self.params.run.keep == "last" and math.isfinite(validation.score)):
            provenance = self._provenance(step, validation)
            save_painter(painter, provenance, self.folder / BEST, self._draw_model())
        return validation

    def _draw_model(self) -> DrawModel | None:
        """Measure the law of counts on the training boxes, if a warm start tells what to expect."""
        if not self.params.training.warm_start.steps:
            return None
        painter = self.gan.expected_painter.twin()
        expected = [whole_box(painter, density, painter.margin) for density in self.data.density]
        return DrawModel(painter, fit_count_law(np.stack(expected), self.data.counts))

    def _provenance(self, step: int, validation: Validation) -> dict[str, Any]:
        return {
            **self.data.provenance,
            "params": self.params.model_dump(mode="json"),
            "step": step,
            "training_seconds": round(time.monotonic() - self.started, 1),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "software": {
                "halopaint": __version__,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "numpy": np.__version__,
            },
            "validation": {
                name: np.round(value, 5).tolist() for name, value in vars(validation).items()
            },
        }


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


def build_gan(params: Params) -> HaloPaintingGAN:
    """Build the networks with the weights that the seed gives them, and compile."""
    training = params.training
    painter = built_painter(**params.painter.model_dump())
    critic = Critic(**params.critic.model_dump())
    channels = 2 if params.critic.sees_density else 1
    critic(tf.ones((1, *(training.crop_size,) * 3, channels)))
    initial = training.initial_weights
    _draw_weights(painter, initial, fold_in(training.seed, "painter weights"))
    _draw_weights(critic, initial, fold_in(training.seed, "critic weights"))
    if params.painter.output == "relu":
        # a ReLU that starts below zero everywhere has no gradient to come back by
        painter.last.bias.assign([max(initial.bias, 0.1)])
    gan = HaloPaintingGAN(
        painter,
        critic,
        n_critic=training.n_critic,
        penalty_weight=training.gradient_penalty,
        likelihood_weight=training.likelihood_weight,
        spectral_weight=training.spectral_weight,
        moving_average=training.moving_average,
        seed=tensor_seed(training.seed, "gradient penalty"),
    )
    gan.compile(
        painter_optimizer=_adam(training.painter_optimizer),
        critic_optimizer=_adam(training.critic_optimizer),
        warm_optimizer=keras.optimizers.Adam(training.warm_start.learning_rate),
    )
    return gan


def tensor_seed(seed: int, purpose: str) -> tuple[int, int]:
    """Return TensorFlow's stateless functions the two integers of `purpose` under `seed`."""
    first, second = fold_in(seed, purpose).integers(2**31, size=2)
    return int(first), int(second)


def _draw_weights(
    model: keras.Model, initial: InitialWeightsParams, generator: np.random.Generator
) -> None:
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        if len(shape) == 1:
            weights = np.full(shape, initial.bias)
        elif initial.distribution == "normal":
            weights = generator.normal(0, initial.deviation, shape)
        else:
            receptive = int(np.prod(shape[:-2]))
            limit = math.sqrt(6 / (receptive * (shape[-2] + shape[-1])))  # Glorot & Bengio 2010
            weights = generator.uniform(-limit, limit, shape)
        variable.assign(weights.astype(np.float32))


def _adam(optimizer: OptimizerParams) -> keras.optimizers.Adam:
    return keras.optimizers.Adam(
        optimizer.learning_rate,
        beta_1=optimizer.beta_1,
        beta_2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
    )


def _decayed(optimizer: OptimizerParams, done: float) -> float:
    if optimizer.final_learning_rate is None:
        return optimizer.learning_rate
    start, end = optimizer.learning_rate, optimizer.final_learning_rate
    return start + (end - start) * done
