import numpy as np
import pytest

from halokeras.networks.inception_painter import InceptionPainter
from halokeras.painter_params import InceptionParams
from halokeras.training.boxes import TrainingBoxes
from halokeras.training.calibration import calibrate_mean


def painter_and_density(output):
    painter = InceptionPainter(InceptionParams(filters=3, head_filters=3, output=output))
    generator = np.random.default_rng(2)
    density = generator.gamma(1.0, 1.0, (2, 12, 12, 12)).astype(np.float32)
    painter(np.ones((1, 9, 9, 9, 1), np.float32))
    painter.last.bias.assign([0.3])
    return painter, density


def paint(painter, density):
    wide = np.pad(density, [(0, 0), *[(painter.margin,) * 2] * 3], mode="wrap")
    return np.asarray(painter(wide[..., None]))[..., 0]


@pytest.mark.parametrize("output", ["relu", "softplus"])
def test_the_mean_of_the_training_boxes_is_met_and_the_painter_left_alone(output):
    painter, density = painter_and_density(output)
    before = painter.get_weights()
    painted = paint(painter, density)
    counts = np.full_like(density, 0.9 * painted.mean())
    calibrated = paint(calibrate_mean(painter, TrainingBoxes.of(density, counts)), density)
    assert calibrated.mean() == pytest.approx(counts.mean(), rel=1e-4)
    # the order of voxels by count stays: the shift is one number for all of them
    assert np.corrcoef(calibrated.ravel(), painted.ravel())[0, 1] > 0.99
    for ours, theirs in zip(painter.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_mean_out_of_reach_leaves_the_painter_as_it_was():
    painter, density = painter_and_density("relu")
    counts = np.full_like(density, 1e6)
    copy = calibrate_mean(painter, TrainingBoxes.of(density, counts))
    np.testing.assert_array_equal(paint(copy, density), paint(painter, density))
