import numpy as np
import pytest

from halokeras.networks.inception_painter import InceptionPainter
from halokeras.painter_params import InceptionParams
from halokeras.training.validation import HeldOut, validate


def painter_and_box(scale=1.0):
    """A painter, and a box whose reference is `scale` times what it paints."""
    painter = InceptionPainter(InceptionParams(filters=3, head_filters=3, output="softplus"))
    generator = np.random.default_rng(1)
    density = generator.gamma(1.0, 1.0, (12, 12, 12)).astype(np.float32)
    padded = np.pad(density, painter.margin, mode="wrap")[None, ..., None]
    painted = np.asarray(painter(padded))[0, ..., 0]
    return painter, HeldOut(density, scale * painted, 4.0)


def test_a_painter_of_the_reference_itself_is_perfect():
    painter, box = painter_and_box()
    validation = validate(painter, [box])
    assert validation.score == pytest.approx(0, abs=1e-5)
    assert validation.mean_ratio == pytest.approx(1)


def test_a_wrong_mean_is_scored_and_leaves_the_shape_alone():
    painter, box = painter_and_box(scale=2.0)
    validation = validate(painter, [box])
    assert validation.mean_ratio == pytest.approx(0.5)
    assert validation.score == pytest.approx(np.log(2), rel=1e-4)


def test_a_painter_that_paints_nothing_has_no_score():
    painter = InceptionPainter(InceptionParams(filters=3, head_filters=3))
    _, box = painter_and_box()
    painter(np.ones((1, 9, 9, 9, 1), np.float32))
    painter.last.bias.assign([-1e6])
    assert validate(painter, [box]).score == float("inf")
