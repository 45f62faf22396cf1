import importlib.util

import pytest

from halokeras.benchmark.updates import TOLERANCE, contenders, differences, published_problem

NAMES = ["stock Keras Conv3D", "PyTorch", "PyTorch, channels last"]


@pytest.fixture(scope="module")
def found():
    problem = published_problem(crop_size=24)
    return differences(problem, contenders(problem))


@pytest.mark.parametrize("name", NAMES)
def test_everyone_computes_the_same(found, name):
    if name != NAMES[0] and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    assert set(found[name]) == {"values", "critic gradients", "painter gradients"}
    assert max(found[name].values()) < TOLERANCE


def test_another_penalty_is_noticed():
    problem = published_problem(crop_size=24)
    everyone = contenders(problem, with_torch=False)
    problem.gan.penalty_weight *= 1.01
    found = differences(problem, everyone)["stock Keras Conv3D"]
    assert found["critic gradients"] > TOLERANCE
    assert found["painter gradients"] < TOLERANCE
