"""Which painter a run keeps."""

import numpy as np
import pytest
import tensorflow as tf

from halokeras.painters.model_store import load_painter
from halokeras.params import Params
from halokeras.training import keep
from halokeras.training.boxes import TrainingBoxes
from halokeras.training.build import build_gan
from halokeras.training.callback import Progress
from halokeras.training.data import TrainingData
from halokeras.training.schedule import schedule
from halokeras.training.validation import Validation


def params_that_keep(which):
    fields = {
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 0},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2]},
        "training": {"crop_size": 4, "steps": 50, "calibrate_mean": False},
        "run": {"validate_every": 10, "keep": which},
    }
    return Params.model_validate(fields)


@pytest.fixture
def data(tiny_provenance):
    box = np.ones((1, 8, 8, 8), np.float32)
    return TrainingData(TrainingBoxes.of(box, box), (), tiny_provenance)


def run_of_scores(params, data, folder, monkeypatch, scores):
    """Validate at each tenth step, and return the kept painter's step and the best score."""
    one = np.ones(1)
    told = iter(scores)
    monkeypatch.setattr(
        keep, "validate", lambda painter, boxes: Validation(one, one, one, 1.0, next(told))
    )
    gan = build_gan(params)
    best_score = tf.Variable(float("inf"), dtype=tf.float64)
    kept = keep.KeptPainter(params, gan, data, best_score, folder)
    progress = Progress(folder, schedule(params)[0], 0, 50)
    for step in range(1, 10 * len(scores) + 1):
        progress.advance()
        gan.averaged_painter.last.bias.assign([float(step)])
        kept.after_step(progress)
        assert (progress.validation is not None) == (step % 10 == 0)
    saved = load_painter(folder)
    assert saved.painter.last.bias.numpy()[0] == saved.provenance.step
    return saved.provenance.step, float(best_score)


@pytest.mark.parametrize(
    ("scores", "step"), [((0.3, 0.1, 0.2), 20), ((0.1, 0.2, 0.3), 10), ((0.3, 0.2, 0.1), 30)]
)
def test_the_best_painter_is_kept(data, tmp_path, monkeypatch, scores, step):
    folder = tmp_path / "best"
    found = run_of_scores(params_that_keep("best"), data, folder, monkeypatch, scores)
    assert found == (step, 0.1)


def test_the_last_painter_is_kept_if_asked_for_but_none_that_paints_nothing(
    data, tmp_path, monkeypatch
):
    scores = (0.1, 0.3, float("inf"))
    folder = tmp_path / "best"
    found = run_of_scores(params_that_keep("last"), data, folder, monkeypatch, scores)
    assert found == (20, 0.1)
