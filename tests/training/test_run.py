"""Runs on tiny boxes: resuming is bit-exact, and bad input is told in a sentence.

`tests/faults` resumes runs that were killed.
"""

import csv
import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from halokeras.boxes.box import Box
from halokeras.boxes.box_file import read_box, write_box
from halokeras.errors import BoxError, OutputError, ParamsError, RunError
from halokeras.inspection.inspect import inspect
from halokeras.painters.model_store import load_painter
from halokeras.params import load_params, parse_params
from halokeras.storage.files import locked
from halokeras.training.build import build_gan
from halokeras.training.callback import Callback
from halokeras.training.checkpoints import Checkpoints
from halokeras.training.history import History
from halokeras.training.keep import KeptPainter
from halokeras.training.run import Interrupted, resume, train
from halokeras.training.run_folder import newest_unfinished
from halokeras.training.wgan import HaloPaintingGAN


def write_tiny_box(path, seed, voxels=16):
    """Counts drawn from a density of white noise: enough to align and to learn."""
    generator = np.random.default_rng(seed)
    density = generator.gamma(0.5, 2.0, (voxels,) * 3).astype(np.float32)
    density /= density.mean()
    counts = generator.poisson(density * 0.5).astype(np.float32)
    box = Box(
        voxel_size=4.0,
        redshift=0.3,
        cosmology=None,
        density=density,
        counts=counts,
        provenance={"density_scheme": "2lpt"},
    )
    write_box(box, path)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes")
    for name, seed in (("train", 1), ("held_out", 2)):
        write_tiny_box(folder / f"{name}.h5", seed)
    return folder


WARM_START = {"steps": 8, "crop_size": 6, "batch_size": 2}


def tiny_params(boxes, run=None, **training):
    fields = {
        "box": {
            "train": [{"path": str(boxes / "train.h5")}],
            "validate_on": [{"path": str(boxes / "held_out.h5")}],
        },
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 1},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2], "sees_density": True},
        "training": {
            "seed": 3,
            "crop_size": 6,
            "batch_size": 2,
            "n_critic": 2,
            "steps": 12,
            "critic_warm_steps": 2,
            "warm_start": WARM_START,
            "spectral_weight": 1.0,
            "moving_average": 0.9,
            **training,
        },
        "run": {
            "name": "tiny",
            "checkpoint_every": 3,
            "log_every": 2,
            "validate_every": 5,
            **(run or {}),
        },
    }
    return parse_params(json.dumps(fields), "tiny")


def final_weights(folder, params):
    """All the state of a run's last checkpoint but its best score."""
    gan = build_gan(params)
    checkpoints = Checkpoints(gan, folder / "checkpoints")
    assert checkpoints.restore()
    return [np.asarray(v) for v in (*gan.variables, *gan.painter_optimizer.variables)]


@pytest.fixture(scope="module")
def uninterrupted(boxes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    params = tiny_params(boxes)
    train(params, folder)
    return folder, params


def test_a_run_leaves_its_history_and_a_painter_that_knows_its_boxes(uninterrupted):
    folder, params = uninterrupted
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stage"] for row in rows][-1] == "adversarial"
    assert int(rows[-1]["step"]) == 22
    assert any(row["wasserstein"] for row in rows)
    saved = load_painter(folder / "best")
    assert set(saved.provenance.training_boxes) == {"train.h5"}
    assert params == load_params(folder / "params.json")


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_a_run_that_keeps_the_last_painter_keeps_it_as_it_is(boxes, tmp_path):
    short = {"steps": 1, "critic_warm_steps": 0, "warm_start": {**WARM_START, "steps": 2}}
    params = tiny_params(boxes, {"keep": "last"}, calibrate_mean=False, moving_average=0.0, **short)
    train(params, tmp_path / "run")
    saved = load_painter(tmp_path / "run" / "best")
    assert saved.provenance.step == 3
    gan = build_gan(params)
    assert Checkpoints(gan, tmp_path / "run" / "checkpoints").restore()
    for ours, theirs in zip(saved.painter.get_weights(), gan.painter.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_inspect_names_the_checkpoints_that_the_run_wrote(uninterrupted, tmp_path):
    folder, params = uninterrupted
    progress = inspect(folder).to_json()["progress"]
    assert progress["checkpoints"] == [21, 22]
    # as older versions wrote them, beside newer ones
    shutil.copytree(folder, tmp_path / "run")
    checkpoints = Checkpoints(build_gan(params), tmp_path / "run" / "checkpoints")
    manager = tf.train.CheckpointManager(
        checkpoints._checkpoint, str(tmp_path / "run" / "checkpoints"), max_to_keep=2
    )
    manager.save(checkpoint_number=18)
    assert inspect(tmp_path / "run").to_json()["progress"]["checkpoints"] == [18, 21, 22]


# step 5 is of the warm start and validated, 18 of the adversarial stage and saved: what belongs to
# a step is done before the run stops; a movie and TensorBoard only look on
@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted(uninterrupted, tmp_path):
    whole, params = uninterrupted

    class Stop(Callback):
        def __init__(self, step, number):
            self.step, self.number = step, number

        def after_step(self, progress):
            if progress.step == self.step:
                os.kill(os.getpid(), self.number)

    with pytest.raises(Interrupted, match=r"step 5 of 22.*halopaint resume"):
        train(params, tmp_path / "run", [Stop(5, signal.SIGINT)], movie=True, tensorboard=True)
    with pytest.raises(Interrupted, match=r"step 18 of 22.*halopaint resume"):
        resume(tmp_path / "run", [Stop(18, signal.SIGTERM)])
    resume(tmp_path / "run")
    for ours, theirs in zip(
        final_weights(tmp_path / "run", params), final_weights(whole, params), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert history(tmp_path / "run") == history(whole)
    for name in ("movie.gif", "tensorboard"):
        assert (tmp_path / "run" / name).exists() and not (whole / name).exists()
    frames = [int(path.stem[4:]) for path in sorted((tmp_path / "run" / "movie").iterdir())]
    assert frames == [*range(9), *range(10, 23)]  # the painter stands still at step 9


@pytest.mark.usefixtures("undrawn")
def test_a_step_that_a_second_ctrl_c_cuts_in_two_is_not_saved(uninterrupted, tmp_path):
    whole, params = uninterrupted

    class Cut(Callback):
        def after_step(self, progress):
            if progress.step == 5:  # before its row of the history, which has its validation
                for _ in range(2):
                    signal.raise_signal(signal.SIGINT)

    class Kept(KeptPainter):
        def after_step(self, progress):
            Cut().after_step(progress)
            super().after_step(progress)

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Interrupted, match="at once"):
        patched.setattr("halokeras.training.run.KeptPainter", Kept)
        train(params, tmp_path / "run")
    saved = [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]
    assert saved == ["step-00000003"]
    resume(tmp_path / "run")
    assert history(tmp_path / "run") == history(whole)


def history(folder):
    with (folder / "history.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_a_loss_that_is_not_finite_stops_with_the_last_checkpoint_kept(
    boxes, tmp_path, monkeypatch
):
    params = tiny_params(boxes)
    good = HaloPaintingGAN.warm_start_step

    def poisoned(self, data):
        logs = good(self, data)
        # the loss turns bad only after the first checkpoint at step 3
        bad = tf.where(self.step > 3, float("nan"), 1.0)
        return {"painter_loss": logs["painter_loss"] * bad}

    monkeypatch.setattr(HaloPaintingGAN, "warm_start_step", poisoned)
    with pytest.raises(RunError, match=r"not finite at step 4; .* keeps step 3: .* another --run"):
        train(params, tmp_path / "run")
    gan = build_gan(params)
    assert Checkpoints(gan, tmp_path / "run" / "checkpoints").restore()
    assert int(gan.step) == 3


@pytest.mark.usefixtures("undrawn")
@pytest.mark.slow
def test_training_lowers_the_likelihood(boxes, tmp_path):
    seldom = {"checkpoint_every": 150, "validate_every": 150}
    warm_start = {"steps": 150, "crop_size": 8, "batch_size": 4}
    params = tiny_params(boxes, seldom, steps=0, warm_start=warm_start)
    train(params, tmp_path / "run")
    losses = [float(r["painter_loss"]) for r in history(tmp_path / "run") if r["painter_loss"]]
    assert np.mean(losses[-10:]) < np.mean(losses[:3]) - 0.05


@pytest.mark.usefixtures("undrawn")
def test_a_run_that_saved_nothing_is_begun_again_in_its_folder(boxes, tmp_path, monkeypatch):
    def poisoned(self, data):
        return {"painter_loss": tf.constant(float("nan"))}

    often = {"checkpoint_every": 3, "validate_every": 3, "log_every": 1}
    warm_only = tiny_params(boxes, often, steps=0, critic_warm_steps=0)
    with monkeypatch.context() as diverging:
        diverging.setattr(HaloPaintingGAN, "warm_start_step", poisoned)
        with pytest.raises(RunError, match=r"no checkpoint was due .* and start again$"):
            train(warm_only, tmp_path / "run")
    (tmp_path / "run" / "boxes.json").write_text('[["other.h5", "00"]]')
    assert (train(warm_only, tmp_path / "run") / "provenance.json").exists()


def test_a_second_run_in_the_same_folder_is_refused(uninterrupted):
    folder, params = uninterrupted
    before = (folder / "history.csv").read_bytes()
    with pytest.raises(RunError, match="holds a run already"):
        train(params, folder)
    with pytest.raises(RunError, match="finished"):
        resume(folder)
    assert (folder / "history.csv").read_bytes() == before


def test_resume_finds_the_newest_unfinished_run(boxes, tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "params.json").write_text("{}")
    os.utime(tmp_path / "old" / "params.json", (1, 1))
    assert newest_unfinished(tmp_path) == tmp_path / "new"
    with pytest.raises(RunError, match="no unfinished run"):
        newest_unfinished(tmp_path / "nowhere")


def test_missing_boxes_are_all_named_with_the_remedy(tmp_path):
    fields = {"box": {"train": [{"id": "00", "seed": 900}, {"id": "03", "seed": 901}]}}
    params = parse_params(json.dumps(fields), "params")
    with pytest.raises(RunError, match=r"00 seed 900, 03 seed 901.*halopaint simulate"):
        train(params, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_crop_larger_than_the_box_is_refused(boxes, tmp_path):
    with pytest.raises(RunError, match=r"training.crop_size 15 .* at most 14"):
        train(tiny_params(boxes, crop_size=15), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_truncated_box_is_refused(boxes, tmp_path):
    short = tmp_path / "short.h5"
    short.write_bytes((boxes / "train.h5").read_bytes()[:3000])
    fields = json.loads(tiny_params(boxes).model_dump_json(exclude_none=True))
    fields["box"]["train"] = [{"path": str(short)}]
    with pytest.raises(BoxError, match=r"short\.h5"):
        train(parse_params(json.dumps(fields), "params"), tmp_path / "run")


def test_a_box_whose_counts_lie_off_its_density_is_refused_by_name(boxes, tmp_path):
    box = read_box(boxes / "train.h5")
    write_box(replace(box, counts=np.roll(box.counts, 3, axis=1)), tmp_path / "slipped.h5")
    fields = json.loads(tiny_params(boxes).model_dump_json(exclude_none=True))
    fields["box"]["train"] = [{"path": str(tmp_path / "slipped.h5")}]
    with pytest.raises(BoxError, match=r"slipped\.h5: .*3"):
        train(parse_params(json.dumps(fields), "params"), tmp_path / "run")


def test_held_out_boxes_may_not_train():
    fields = {"box": {"train": [{"id": "00", "seed": 1}], "validate_on": [{"id": "00", "seed": 1}]}}
    with pytest.raises(ParamsError, match="validate_on"):
        parse_params(json.dumps(fields), "params")


@pytest.mark.usefixtures("undrawn")
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken_up(uninterrupted, tmp_path):
    whole, params = uninterrupted
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "finished").unlink()
    newest = tmp_path / "run" / "checkpoints" / "step-00000022" / "state.index"
    newest.write_bytes(newest.read_bytes()[:-1] + b"?")
    told = []

    class Listen(Callback):
        def begin(self, progress):
            told.extend(progress.warnings)

    resume(tmp_path / "run", [Listen()])
    (warning,) = told
    assert "step-00000022 is passed over: state.index is damaged" in warning
    for ours, theirs in zip(
        final_weights(tmp_path / "run", params), final_weights(whole, params), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert history(tmp_path / "run") == history(whole)


def test_no_whole_checkpoint_is_told(uninterrupted, tmp_path):
    whole, _ = uninterrupted
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "finished").unlink()
    for manifest in (tmp_path / "run" / "checkpoints").glob("*/manifest.json"):
        manifest.write_text("{")
    with pytest.raises(RunError, match=r"step-00000022 .*manifest.json is damaged.*a new run"):
        resume(tmp_path / "run")


def test_a_checkpoint_of_an_older_version_is_taken_up(uninterrupted, tmp_path):
    _, params = uninterrupted
    gan = build_gan(params)
    checkpoints = Checkpoints(gan, tmp_path)
    manager = tf.train.CheckpointManager(checkpoints._checkpoint, str(tmp_path), max_to_keep=2)
    manager.save(checkpoint_number=7)
    expected = [np.asarray(v) for v in gan.variables]
    other = build_gan(params)
    for variable in other.variables:
        variable.assign(np.zeros_like(np.asarray(variable)))
    assert Checkpoints(other, tmp_path).restore()
    for ours, theirs in zip(other.variables, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_two_processes_do_not_train_the_same_run(uninterrupted, tmp_path):
    whole, _ = uninterrupted
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "finished").unlink()
    told = r"another process is at work in .*run; wait for it, or stop it first"
    with locked(tmp_path / "run"), pytest.raises(OutputError, match=told):
        resume(tmp_path / "run")


def test_half_a_row_of_the_history_is_dropped(tmp_path):
    path = tmp_path / "history.csv"
    log = History(path)
    log.forget_after(0)
    log.write(5, "adversarial", 1.0, {"painter_loss": 2.0}, None)
    with path.open("a") as file:
        file.write("12,adversarial,3.0,0.1,,,,,,,")
    assert [row.step for row in History(path).rows] == [5]


def test_a_history_at_work_is_the_one_that_is_read_again(tmp_path):
    log = History(tmp_path / "history.csv")
    log.forget_after(0)
    log.write(5, "adversarial", 1.23456789, {"painter_loss": 1 / 3}, None)
    assert log.rows == History(log.path).rows
