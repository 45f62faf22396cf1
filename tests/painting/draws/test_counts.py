import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.errors import ModelError
from halokeras.painters.model_store import load_painter
from halokeras.painting.draws.counts import draw, draw_files
from halokeras.painting.inputs.density import density_of


def test_draws_are_whole_and_do_not_depend_on_the_tiles(tiny_draws, tiny_box):
    whole = draw(tiny_draws, tiny_box.density, seed=3)
    assert whole.dtype == np.uint16
    tiled = draw(tiny_draws, tiny_box.density, seed=3, largest_tile=5)
    assert (whole != tiled).mean() < 1e-3  # a mean that rounds otherwise may cross a draw


def test_draws_follow_the_halos_they_were_fitted_to(tiny_draws, tiny_box):
    drawn = np.mean([draw(tiny_draws, tiny_box.density, 1, r).mean() for r in range(20)])
    assert drawn == pytest.approx(len(tiny_box.halos.mass) / tiny_box.density.size, rel=0.1)


def test_seed_and_realization_each_change_the_draw(tiny_draws, tiny_box):
    first = draw(tiny_draws, tiny_box.density, seed=3)
    np.testing.assert_array_equal(first, draw(tiny_draws, tiny_box.density, seed=3))
    for seed, realization in ((4, 0), (3, 1)):
        assert (first != draw(tiny_draws, tiny_box.density, seed, realization)).any()


def test_files_hold_the_realizations_and_tell_their_seed(drawing_model, tiny_box, tmp_path):
    saved = load_painter(drawing_model)
    outputs = [tmp_path / f"{number}.h5" for number in range(2)]
    draw_files(density_of(tiny_box), saved, "drawing", outputs, seed=5)
    for realization, output in enumerate(outputs):
        box = read_box(output)
        assert box.counts.dtype == np.uint16
        expected = draw(saved.draws, tiny_box.density, 5, realization)
        np.testing.assert_array_equal(box.counts, expected)
        assert (box.provenance["draw_seed"], box.provenance["draw_realization"]) == (5, realization)
        assert box.provenance["model_hash"] == saved.hash


def test_a_painter_without_a_law_is_refused(tiny_model, tiny_box, tmp_path):
    saved = load_painter(tiny_model)
    with pytest.raises(ModelError, match="no law of counts"):
        draw_files(density_of(tiny_box), saved, "tiny", [tmp_path / "out.h5"], seed=0)
    assert not (tmp_path / "out.h5").exists()
