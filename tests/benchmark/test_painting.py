import json
import subprocess
import sys

import pytest

from halokeras.painter_params import InceptionParams


def test_the_multiplications_of_a_voxel_are_those_of_the_published_weights():
    # one 5^3 convolution 1 -> 30; heads, 5^3 and 3^3 of the second block; the 1^3 convolutions
    second = 3 * 30 * 10 + 125 * 100 + 27 * 100
    assert InceptionParams().multiplications == 125 * 30 + second + 300 + 3 * 100 + 10


@pytest.mark.slow
def test_a_child_process_measures_one_box():
    command = [sys.executable, "-m", "halokeras.benchmark.painting", "box00", "40"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["side"] == 40
    assert found["voxels_per_second"] > 1e4
    assert 0 < found["loaded_memory"] < found["peak_memory"] < 2**31
    assert found["multiply_rate"] > 1e9
