import numpy as np
import pytest
from PIL import Image

from halokeras.networks.painter import whole_box
from halokeras.training.movie import Movie, frame_steps
from halokeras.training.schedule import Span
from halokeras.training.validation import HeldOut

SPANS = [
    Span("warm start", 0, 100),
    Span("critic warm-up", 100, 120, moves_painter=False),
    Span("adversarial", 120, 400),
]


@pytest.fixture
def movie(tmp_path, tiny_box, tiny_painter):
    from halokeras.boxes.box import halo_counts

    box = HeldOut(tiny_box.density, halo_counts(tiny_box), tiny_box.voxel_size)
    return Movie(tmp_path / "movie", tmp_path / "movie.gif", box, SPANS, tiny_painter)


def test_frames_are_few_from_the_first_step_to_the_last_where_the_painter_moves():
    steps = frame_steps(SPANS)
    assert {0, 100, 120, 400} <= steps and len(steps) <= 60
    assert not steps & set(range(101, 120))
    assert frame_steps([Span("adversarial", 0, 3)]) == {0, 1, 2, 3}


def test_a_slice_is_painted_as_within_the_whole_box(movie, tiny_painter, tiny_box):
    movie.take(7)
    whole = whole_box(tiny_painter, tiny_box.density, tiny_painter.margin)
    # 20 Mpc/h of the middle of a box of 16 voxels of 4 Mpc/h
    np.testing.assert_allclose(
        np.load(movie.folder / "step000000007.npy"), whole[:, :, 5:10].sum(axis=2), rtol=1e-5
    )


def test_the_gif_has_a_frame_for_each_step_with_the_halos_beside_it(movie, tiny_painter):
    for step in (0, 1, 5):
        movie.take(step)
        tiny_painter.last.bias.assign_add([1.0])
    movie.write()
    with Image.open(movie.target) as image:
        assert image.n_frames == 3
        frames = []
        for number in range(3):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
    third = frames[0].shape[1] // 3
    left, middle, right = (slice(i * third, (i + 1) * third) for i in range(3))
    body = slice(30, -30)
    assert (frames[0][body, left] == frames[2][body, left]).all()
    assert (frames[0][body, right] == frames[2][body, right]).all()
    assert (frames[0][body, middle] != frames[2][body, middle]).any()


def test_counts_are_shown_with_x_to_the_right_and_y_upwards():
    from halokeras.training.movie import _shades

    values = np.zeros((4, 4))
    values[3, 0] = 1.0
    pixels = np.asarray(_shades(values, 0.0, 1.0))
    assert pixels[-1, -1] == pixels.max() and pixels[0, -1] == 0 and pixels[-1, 0] == 0


def test_a_resumed_run_forgets_the_frames_it_will_make_again(movie):
    for step in (0, 4, 9):
        movie.take(step)
    movie.forget_after(4)
    assert [path.name for path in sorted(movie.folder.iterdir())] == [
        "step000000000.npy",
        "step000000004.npy",
    ]


def test_no_frame_gives_no_gif(movie):
    movie.write()
    assert not movie.target.exists()
