import numpy as np

from halokeras.boxes.box_file import Header
from halokeras.painting.estimate import estimate
from halokeras.painting.inputs import Density


def of_shape(painter, shape, folder, files=1, size=4):
    grid = np.broadcast_to(np.float32(1), shape)
    given = Density(grid, Header(4.0, 0.3, None), "")
    return estimate(given, painter, folder / "not" / "there" / "out.h5", files, size)


def test_disk_is_what_the_files_hold(tiny_painter, tmp_path):
    assert of_shape(tiny_painter, (64, 32, 16), tmp_path).disk == 4 * 64 * 32 * 16
    assert of_shape(tiny_painter, (64, 32, 16), tmp_path, 3, 2).disk == 6 * 64 * 32 * 16
    assert of_shape(tiny_painter, (64, 32, 16), tmp_path).disk_free > 0


def test_time_grows_with_the_box_and_memory_hardly(tiny_painter, tmp_path):
    small = of_shape(tiny_painter, (64, 64, 64), tmp_path)
    large = of_shape(tiny_painter, (1024, 1024, 1024), tmp_path)
    assert large.seconds > 100 * small.seconds
    assert large.memory < 1.5 * small.memory
