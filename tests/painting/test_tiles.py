import numpy as np
import pytest

from halokeras.painting.tiles import cover, read_row, tiles, write_row

SHAPES = [(8, 8, 8), (12, 7, 9), (3, 3, 3), (1, 5, 20), (16, 8, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("margin", [0, 2, 9])
def test_reading_and_writing_the_middle_gives_the_box_back(shape, margin):
    rng = np.random.default_rng(1)
    density = rng.random(shape, dtype=np.float32)
    copy = np.full_like(density, np.nan)
    inner = slice(margin, margin + 4)
    for row in cover(shape, side=4):
        cut = list(tiles(read_row(density, row, 4, margin), 4, margin))
        assert {tile.shape for tile in cut} == {(4 + 2 * margin,) * 3}
        write_row(copy, row, [tile[inner, inner, inner] for tile in cut])
    np.testing.assert_array_equal(copy, density)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_voxel_is_written_once(shape):
    class Tally(np.ndarray):
        def __setitem__(self, place, values):
            super().__setitem__(place, self[place] + values)

    tally = np.zeros(shape).view(Tally)
    for row in cover(shape, side=4):
        count = len(list(tiles(read_row(tally, row, 4, 1), 4, 1)))
        write_row(tally, row, [np.ones((4, 4, 4))] * count)
    assert (tally == 1).all()


def test_the_margin_is_the_periodic_neighbourhood():
    density = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    wrapped = np.pad(density, 3, mode="wrap")
    row = read_row(density, cover(density.shape, side=4)[0], 4, 3)
    first = next(tiles(row, 4, 3))
    np.testing.assert_array_equal(first, wrapped[:10, :10, :10])
