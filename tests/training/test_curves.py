import pytest

from halokeras.training.curves import draw_comparison, draw_run
from halokeras.training.history import Row, Validated


def rows(shift=0.0):
    k, r = (0.1, 0.2), (0.99, 0.9)
    return [
        Row(10, "warm start", 1.0, {"painter_loss": 0.3}),
        Row(20, "warm start", 2.0, {"painter_loss": 0.2}, Validated(0.3 + shift, 1.1, k, r, r)),
        Row(30, "adversarial", 3.0, {"wasserstein": 2.0}, Validated(0.2 + shift, 1.0, k, r, r)),
    ]


@pytest.mark.parametrize("held", [rows(), rows()[:1], [], [Row(1, "adversarial", 1.0)]])
def test_curves_of_a_run_at_any_time_are_a_raster_and_a_vector_image(tmp_path, held):
    png, svg = draw_run(held, "a_run", tmp_path)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()


def test_a_score_that_is_infinite_or_bins_unknown_are_drawn_too(tmp_path):
    lost = Validated(float("inf"), 0.0, (), (), ())
    old = Validated(0.3, 1.0, (), (1.0, 0.9), (1.0, 0.9))
    held = [Row(1, "adversarial", 1.0, {}, lost), Row(2, "adversarial", 2.0, {}, old)]
    draw_run(held, "odd", tmp_path)
    draw_comparison({"odd": held, "whole": rows(), "empty": []}, tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes().startswith(b"\x89PNG")


def test_equal_histories_give_equal_figures(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw_run(rows(), "run", folder)
    for name in ("curves.png", "curves.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_comparison_names_every_run(tmp_path):
    from halokeras.training import curves

    figure = curves._panels(curves._of_many_runs({"first": rows(), "second": rows(0.1)}))
    told = {text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()}
    assert {"first", "second", "first, step 30", "second, step 30"} <= told


def test_the_end_of_a_stage_is_marked():
    from halokeras.training import curves

    _, _, score, mean, *_ = curves._panels(curves._of_one_run(rows())).axes
    for axes in (score, mean):
        assert [20, 20] in [list(line.get_xdata()) for line in axes.lines]
