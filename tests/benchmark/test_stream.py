import pytest

from halokeras.benchmark.stream import measure
from halokeras.params import Params


@pytest.mark.slow
def test_the_stream_is_measured_beside_training():
    training = {"crop_size": 24, "n_critic": 1}
    painter = {"filters": 2, "head_layers": 1, "head_filters": 2}
    found = measure(Params.model_validate({"training": training, "painter": painter}), steps=3)
    assert found["crops_per_second"] > 1
    assert 0 <= found["waiting_share"] < 1
    assert found["step_seconds"] > 0
