from halokeras.painters.model_store import load_painter
from halokeras.painting.cost.estimate import estimate
from halokeras.resources import shipped


def of_shape(models, shape, folder, drawn=False, files=1, size=4):
    saved = load_painter(models / "drawing")
    return estimate(shape, saved, drawn, folder / "not" / "there" / "out.h5", files, size)


def test_disk_is_what_the_files_hold(tiny_models, tmp_path):
    assert of_shape(tiny_models, (64, 32, 16), tmp_path).disk == 4 * 64 * 32 * 16
    three = of_shape(tiny_models, (64, 32, 16), tmp_path, files=3, size=2)
    assert three.disk == 6 * 64 * 32 * 16
    assert three.disk_free > 0


def test_time_grows_with_the_box_and_memory_hardly(tiny_models, tmp_path):
    small = of_shape(tiny_models, (64, 64, 64), tmp_path)
    large = of_shape(tiny_models, (1024, 1024, 1024), tmp_path)
    assert large.seconds > 100 * small.seconds
    assert large.memory < 1.5 * small.memory


def test_draws_take_the_memory_of_their_numbers_and_of_a_border(tiny_models, tmp_path):
    row = 64 * 64 * 1024
    plain, drawn = (of_shape(tiny_models, (64, 64, 1024), tmp_path, drawn) for drawn in (0, 1))
    assert 50 * row < drawn.memory - plain.memory < 200 * row
    gen = load_painter(shipped("saved_models") / "gen")
    assert gen.border(for_draws=True) == 1
    field, draws = (
        estimate((64, 64, 64), gen, drawn, tmp_path / "out.h5", 1, 4) for drawn in (False, True)
    )
    side = 64 + 2 * gen.painter.margin
    wider = ((side + 2) ** 2 - side**2) * side
    assert draws.memory - field.memory > 500 * wider + 115 * 64**3
