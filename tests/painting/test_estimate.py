from halokeras.painting.estimate import estimate


def of_shape(painter, shape, folder, files=1, size=4):
    return estimate(shape, painter, folder / "not" / "there" / "out.h5", files, size)


def test_disk_is_what_the_files_hold(tiny_painter, tmp_path):
    assert of_shape(tiny_painter, (64, 32, 16), tmp_path).disk == 4 * 64 * 32 * 16
    assert of_shape(tiny_painter, (64, 32, 16), tmp_path, 3, 2).disk == 6 * 64 * 32 * 16
    assert of_shape(tiny_painter, (64, 32, 16), tmp_path).disk_free > 0


def test_time_grows_with_the_box_and_memory_hardly(tiny_painter, tmp_path):
    small = of_shape(tiny_painter, (64, 64, 64), tmp_path)
    large = of_shape(tiny_painter, (1024, 1024, 1024), tmp_path)
    assert large.seconds > 100 * small.seconds
    assert large.memory < 1.5 * small.memory
