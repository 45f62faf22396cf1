"""Two devices, and two workers that TF_CONFIG names, train as one device does."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from halokeras.boxes.box import Box
from halokeras.boxes.box_file import write_box
from halokeras.errors import RunError
from halokeras.params import load_params, parse_params
from halokeras.training import run as run_module
from halokeras.training.devices import parse_task_config
from halokeras.training.run import check_batches

REPOSITORY = Path(__file__).parents[2]

RUN = """
import sys
import time
from contextlib import contextmanager
from pathlib import Path
import numpy as np
import tensorflow as tf
command, devices, run, weights = sys.argv[1:]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * int(devices)
)
from halokeras.errors import RunError
from halokeras.params import load_params
from halokeras.training import run as run_module
made = []
build_gan = run_module.build_gan
run_module.build_gan = lambda *given: made.append(build_gan(*given)) or made[-1]
try:
    if command == "resume":
        run_module.resume(Path(run))
    else:
        run_module.train(load_params(Path(command)), Path(run))
except RunError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
np.savez(weights, *[np.asarray(variable) for variable in made[0].variables])
"""


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """The file of params with every loss, at a global batch of four."""
    folder = tmp_path_factory.mktemp("boxes")
    for name, seed in (("train", 1), ("held_out", 2)):
        generator = np.random.default_rng(seed)
        density = generator.gamma(0.5, 2.0, (16,) * 3).astype(np.float32)
        density /= density.mean()
        counts = generator.poisson(density * 0.5).astype(np.float32)
        provenance = {"density_scheme": "2lpt"}
        box = Box(4.0, 0.3, None, density, counts=counts, provenance=provenance)
        write_box(box, folder / f"{name}.h5")
    fields = {
        "box": {
            "train": [{"path": str(folder / "train.h5")}],
            "validate_on": [{"path": str(folder / "held_out.h5")}],
        },
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 0},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2], "sees_density": True},
        "training": {
            "seed": 3,
            "crop_size": 6,
            "batch_size": 4,
            "n_critic": 2,
            "steps": 6,
            "warm_start": {"steps": 6, "crop_size": 6, "batch_size": 4},
            "likelihood_weight": 0.5,
            "spectral_weight": 1.0,
            "moving_average": 0.9,
            # large, so that a wrong gradient shows within few steps
            "painter_optimizer": {"learning_rate": 0.01},
            "critic_optimizer": {"learning_rate": 0.01},
        },
        "run": {"name": "tiny", "checkpoint_every": 4, "log_every": 1, "validate_every": 6},
    }
    path = folder / "tiny.json"
    path.write_text(json.dumps(fields))
    return path


def start(folder, name, run, *, command, devices=1, task_config=None):
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    environment.pop("TF_CONFIG", None)
    if task_config is not None:
        environment["TF_CONFIG"] = json.dumps(task_config)
    arguments = [str(command), str(devices), str(run), str(folder / f"{name}.npz")]
    with (folder / f"{name}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments], env=environment, stdout=log, stderr=log
        )


def start_workers(folder, run, *, command):
    # both ports are held until both are known, so that they differ
    with socket.socket() as first, socket.socket() as second:
        for held in (first, second):
            held.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{held.getsockname()[1]}" for held in (first, second)]
    return [
        start(
            folder,
            f"worker{index}",
            run,
            command=command,
            task_config={"cluster": {"worker": addresses}, "task": {"index": index}},
        )
        for index in range(2)
    ]


@contextmanager
def ending(*processes):
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def finish(folder, *processes):
    with ending(*processes):
        codes = [process.wait(timeout=400) for process in processes]
    assert not any(codes), [log.read_text() for log in folder.glob("*.log")]


def weights(folder, name):
    with np.load(folder / f"{name}.npz") as arrays:
        return [arrays[key] for key in arrays.files]


def assert_close(ours, theirs):
    """Equal up to the order of float32 sums: 1e-6, where a wrong gradient gives 1e-2."""
    for our, their in zip(ours, theirs, strict=True):
        assert np.linalg.norm(our - their) <= 1e-4 * np.linalg.norm(their) + 1e-6


def losses(run):
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("painter_loss", "critic_loss", "wasserstein", "penalty")
    return np.array([[float(row[name] or 0) for name in names] for row in rows])


@pytest.fixture(scope="module")
def one(params, tmp_path_factory):
    """What one device trains, in this process."""
    folder, made = tmp_path_factory.mktemp("one"), []
    build = run_module.build_gan
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            run_module, "build_gan", lambda *given: made.append(build(*given)) or made[-1]
        )
        run_module.train(load_params(params), folder / "run")
    np.savez(folder / "one.npz", *[np.asarray(variable) for variable in made[0].variables])
    return folder


@pytest.mark.slow
def test_two_devices_train_as_one(params, one, tmp_path):
    finish(tmp_path, start(tmp_path, "two", tmp_path / "run", command=params, devices=2))
    assert_close(weights(tmp_path, "two"), weights(one, "one"))
    np.testing.assert_allclose(losses(tmp_path / "run"), losses(one / "run"), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_workers_train_as_one_and_go_on_after_one_is_lost(params, one, tmp_path):
    run = tmp_path / "run"
    chief, other = start_workers(tmp_path, run, command=params)
    with ending(chief, other):
        while not (run / "checkpoints" / "step-00000004").exists():
            assert chief.poll() is None, (tmp_path / "worker0.log").read_text()
            time.sleep(0.02)
        other.kill()
        assert chief.wait(timeout=60) == 1
    message = (tmp_path / "worker0.log").read_text().splitlines()[-1]
    assert "with a worker lost" in message
    assert "halopaint resume" in message
    finish(tmp_path, *start_workers(tmp_path, run, command="resume"))
    for ours, theirs in zip(
        weights(tmp_path, "worker0"), weights(tmp_path, "worker1"), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert_close(weights(tmp_path, "worker0"), weights(one, "one"))
    np.testing.assert_allclose(losses(run), losses(one / "run"), rtol=1e-4, atol=1e-5)
    assert (run / "finished").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Invalid JSON"),
        ("{}", "cluster is missing"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "task.type"),
        ('{"cluster": {"worker": ["a", "b"]}, "task": {"index": 0}}', "cluster.worker.0"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 2}}',
            "index 2 is beyond the 2",
        ),
    ],
)
def test_a_malformed_tf_config_is_told_in_a_sentence(text, reason):
    with pytest.raises(RunError, match=r"TF_CONFIG in the environment is not usable") as caught:
        parse_task_config(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_chief_comes_before_the_workers():
    def position(cluster, task):
        return parse_task_config(json.dumps({"cluster": cluster, "task": task})).position

    workers = {"worker": ["a:1", "b:1"]}
    assert [position(workers, {"index": i}) for i in (0, 1)] == [0, 1]
    with_chief = {"chief": ["c:1"], **workers}
    assert position(with_chief, {"type": "chief", "index": 0}) == 0
    assert position(with_chief, {"type": "worker", "index": 0}) == 1


def test_a_batch_that_the_devices_cannot_share_is_refused():
    checked = parse_params('{"training": {"batch_size": 4, "warm_start": {"steps": 1}}}', "params")
    check_batches(checked, 2)
    with pytest.raises(RunError, match=r"training\.batch_size 4 .* equally by 3"):
        check_batches(checked, 3)
