"""The devices that train one painter together: one, those of a machine, or several machines'.

Each device holds a replica of both networks and takes an equal share of every batch. Means over
the shares are averaged over the replicas, so that any number of them does what one would do with
the whole batch, to rounding.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Annotated, Any, Literal, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError, model_validator

from halokeras.errors import RunError, first_problem

_EXAMPLE = '{"cluster": {"worker": ["host1:9911", "host2:9911"]}, "task": {"index": 0}}'

Step = Callable[[Any], Any]
Address = Annotated[str, Field(pattern=r"^\S+:\d+$")]


class Cluster(BaseModel):
    """The addresses of the workers; a chief, if there is one, is the first of them."""

    chief: list[Address] = []
    worker: list[Address] = []


class Task(BaseModel):
    """Which of them this process is."""

    type: Literal["chief", "worker"] = "worker"
    index: Annotated[int, Field(ge=0)]


class TaskConfig(BaseModel):
    """What the environment's ``TF_CONFIG`` says: https://www.tensorflow.org/guide/distributed_training."""

    cluster: Cluster
    task: Task

    @model_validator(mode="after")
    def _names_this_process(self) -> Self:
        workers = getattr(self.cluster, self.task.type)
        if self.task.index >= len(workers):
            raise ValueError(
                f"task.index {self.task.index} is beyond the {len(workers)} "
                f"addresses of cluster.{self.task.type}"
            )
        return self

    @property
    def workers(self) -> list[str]:
        """Addresses in the order of their shares."""
        return [*self.cluster.chief, *self.cluster.worker]

    @property
    def position(self) -> int:
        """Which of `workers` this process is; the first is the chief, the one that writes."""
        before = len(self.cluster.chief) if self.task.type == "worker" else 0
        return before + self.task.index


class Devices:
    """What `tf.distribute` does for a run; on one device it does nothing.

    Parameters
    ----------
    strategy
        Strategy of `tf.distribute`; None for one device.
    workers
        Processes that train together.
    is_chief
        Whether this one writes the run's files.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy | None = None,
        workers: int = 1,
        is_chief: bool = True,
    ) -> None:
        self._strategy = strategy
        self.workers = workers
        self.is_chief = is_chief
        self.replicas: int = 1 if strategy is None else strategy.num_replicas_in_sync
        # once compiled it is quick, while the strategy's own reductions are traced at each call
        self._gather = self.compiled(
            lambda value: tf.distribute.get_replica_context().all_gather(value[None], axis=0)
        )

    def scope(self) -> AbstractContextManager[Any]:
        """Where networks and optimizers are built, so that each device holds them."""
        return nullcontext() if self._strategy is None else self._strategy.scope()

    def compiled(self, step: Step) -> Step:
        """Compile `step` to run on every device, each with its share of the batch."""
        strategy = self._strategy
        everywhere = step if strategy is None else lambda share: strategy.run(step, args=(share,))
        compiled: Step = tf.function(everywhere, autograph=False)
        return compiled

    def batches(self, shares: Callable[[int, int], Iterable[Any]]) -> Iterator[Any]:
        """Iterate over batches, of which `shares(replica, replicas)` gives a replica's part."""
        strategy = self._strategy
        if strategy is None:
            yield from shares(0, 1)
            return
        streams: dict[int, Iterator[Any]] = {}

        def next_share(context: tf.distribute.experimental.ValueContext) -> Any:
            replica = context.replica_id_in_sync_group
            if replica not in streams:
                streams[replica] = iter(shares(replica, self.replicas))
            return next(streams[replica], None)

        while True:
            batch = strategy.experimental_distribute_values_from_function(next_share)
            if strategy.experimental_local_results(batch)[0] is None:
                return
            yield batch

    def mean(self, logs: dict[str, tf.Tensor]) -> dict[str, float]:
        """Average what a `compiled` step gave over all replicas; every worker must ask."""
        if self._strategy is None:
            return {name: float(value) for name, value in logs.items()}
        return {name: float(self._of_replicas(value).mean()) for name, value in logs.items()}

    def any(self, flag: bool) -> bool:
        """Whether any worker's `flag` is set; every worker must ask, and waits for the others."""
        return bool(self._of_workers(int(flag)).any())

    def check_agreement(self, *values: int) -> None:
        """Raise `RunError` unless every worker gives the same values."""
        if any(np.ptp(self._of_workers(value)) for value in values):
            raise RunError(
                "the workers of TF_CONFIG do not go on with the same run; start them all with the "
                "same params and a --run folder that all of them share"
            )

    def _of_workers(self, value: int) -> NDArray[Any]:
        if self._strategy is None or self.workers == 1:
            return np.array([value])
        own = tf.constant(value, tf.int64)
        return self._of_replicas(
            self._strategy.experimental_distribute_values_from_function(lambda _: own)
        )

    def _of_replicas(self, value: Any) -> NDArray[Any]:
        assert self._strategy is not None
        return np.asarray(self._strategy.experimental_local_results(self._gather(value))[0])


def find_devices() -> Devices:
    """Join the workers that ``TF_CONFIG`` names; without it take this machine's GPUs, or its CPU.

    It must come before anything else that TensorFlow does.

    Raises
    ------
    RunError
        If ``TF_CONFIG`` is malformed, or the workers cannot be joined.
    """
    text = os.environ.get("TF_CONFIG")
    config = None if text is None else parse_task_config(text)
    if config is not None and len(config.workers) > 1:
        try:
            with _ctrl_c_ends_the_process():  # it waits for the others in C++
                strategy = tf.distribute.MultiWorkerMirroredStrategy(
                    tf.distribute.cluster_resolver.SimpleClusterResolver(
                        tf.train.ClusterSpec({"worker": config.workers}),
                        task_type="worker",
                        task_id=config.position,
                        rpc_layer="grpc",
                    )
                )
        except (tf.errors.OpError, RuntimeError) as error:
            raise RunError(
                f"cannot join the workers of TF_CONFIG: {first_sentence(error)}; check that "
                "its addresses are free and can be reached"
            ) from error
        return Devices(strategy, len(config.workers), is_chief=config.position == 0)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return Devices()
    return Devices(tf.distribute.MirroredStrategy([device.name for device in devices]))


@contextmanager
def _ctrl_c_ends_the_process() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def first_sentence(error: Exception) -> str:
    """Return what TensorFlow says went wrong, without the names of its graph's nodes."""
    return str(error).splitlines()[0].split("}} ")[-1]


def parse_task_config(text: str) -> TaskConfig:
    """Validate the text of ``TF_CONFIG``, or raise `RunError`."""
    try:
        return TaskConfig.model_validate_json(text)
    except ValidationError as error:
        raise RunError(
            f"TF_CONFIG in the environment is not usable ({first_problem(error)}); "
            f"give every worker one as {_EXAMPLE} with its own index, or unset it"
        ) from None
