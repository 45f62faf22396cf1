"""Which painter a run keeps."""

import numpy as np
import pytest
import tensorflow as tf

from halokeras.networks.painter import whole_box
from halokeras.networks.patch import Patch
from halokeras.painters.model_store import load_painter
from halokeras.params import Params
from halokeras.training import keep
from halokeras.training.boxes import TrainingBox, TrainingBoxes
from halokeras.training.build import build_gan
from halokeras.training.callback import Progress
from halokeras.training.data import TrainingData
from halokeras.training.schedule import schedule
from halokeras.training.validation import Validation


def params_that_keep(which, warm_steps=0):
    fields = {
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 0},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2]},
        "training": {
            "crop_size": 4,
            "steps": 50,
            "calibrate_mean": False,
            "warm_start": {"steps": warm_steps},
        },
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


def test_a_painter_kept_during_the_warm_start_draws_once_that_is_over(
    tiny_provenance, tmp_path, monkeypatch
):
    params = params_that_keep("best", warm_steps=20)
    rng = np.random.default_rng(3)
    density = rng.lognormal(size=(1, 12, 12, 12)).astype(np.float32)
    data = TrainingData(
        TrainingBoxes.of(density, rng.poisson(0.5 * density).astype(np.float32)),
        (),
        tiny_provenance,
    )
    one = np.ones(1)
    score = Validation(one, one, one, 1.0, 0.1)
    monkeypatch.setattr(keep, "validate", lambda painter, boxes: score)
    gan = build_gan(params)
    best_score = tf.Variable(float("inf"), dtype=tf.float64)
    folder = tmp_path / "best"
    kept = keep.KeptPainter(params, gan, data, best_score, folder)
    warm, critic, *_ = schedule(params)
    progress = Progress(folder, warm, 9, 70)
    progress.advance()
    kept.after_step(progress)
    early = load_painter(folder)
    kept.end(progress)  # as Ctrl-C would have it
    assert load_painter(folder).draws is None

    gan.expected_painter.last.bias.assign([0.25])
    progress.enter(critic)
    kept.begin_stage(progress)
    late = load_painter(folder)
    assert late.provenance == early.provenance
    for was, now in zip(early.painter.get_weights(), late.painter.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    assert late.draws.painter.last.bias.numpy() == [0.25]


def test_factors_around_peaks_leave_each_epoch_the_halos_that_are_expected_there(
    tiny_provenance, tmp_path
):
    fields = {
        "box": {"selection": {"mass_min": 2e12}},
        "painter": {
            "kind": "conditioned",
            "filters": 2,
            "head_filters": 3,
            "mass_edges": [5e12, 2e13],
        },
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2]},
        "training": {"crop_size": 4, "warm_start": {"steps": 1}, "calibrate_mean": False},
    }
    params = Params.model_validate(fields)
    rng = np.random.default_rng(2)
    told = rng.normal(size=(6, 5))
    conditions = np.column_stack([told, np.tile([-1.0, -2.0, -3.0], (6, 1)) + told[:, :1]])
    conditions = conditions.astype(np.float32)
    gan = build_gan(params, (), conditions)
    density = rng.lognormal(size=(6, 12, 12, 12)).astype(np.float32)
    painter = gan.expected_painter
    pairs = list(zip(density, conditions, strict=True))
    expected = np.stack([whole_box(painter, one, painter.margin, row) for one, row in pairs])
    crowded = expected / (1 + expected.sum(axis=-1, keepdims=True))  # fewer where they are many
    crowded *= expected.sum(axis=(1, 2, 3), keepdims=True) / crowded.sum((1, 2, 3), keepdims=True)
    counts = rng.poisson(crowded).astype(np.uint8)
    masses = rng.permutation(np.geomspace(2e12, 9e13, 5000)).astype(np.float32)
    boxes = [TrainingBox(*one, masses) for one in zip(density, counts, strict=True)]
    trained = TrainingBoxes(boxes.__getitem__, 6, 0)
    data = TrainingData(trained, (), tiny_provenance, conditions=conditions)
    best_score = tf.Variable(float("inf"), dtype=tf.float64)
    draws = keep.KeptPainter(params, gan, data, best_score, tmp_path)._draw_model
    features = np.asarray(painter.features(Patch(None, conditions)))
    assert draws.peaks.by_condition.shape == (2, features.shape[1])
    known = draws.exclusion.by_condition
    assert known.further.shape == (len(known.places), 3)
    assert features[:, known.feature].min() < known.places[0] < known.places[-1]
    assert known.places[-1] < features[:, known.feature].max()
    corrected = [
        draws.peaks.under(row).corrected_box(box)
        for row, box in zip(features, expected, strict=True)
    ]
    assert np.abs(corrected[0][..., 2] / expected[0][..., 2] - 1).max() > 0.02
    found, wanted = (np.sum(grids, axis=(1, 2, 3)) for grids in (corrected, expected))
    np.testing.assert_allclose(found, wanted, rtol=0.01)
