import numpy as np
import pytest

from halokeras.painting.tiles import cover, joined, read_row, tile_shape, tiles

TILE = (4, 5, 3)
SHAPES = [(8, 8, 8), (12, 7, 9), (3, 3, 3), (1, 5, 20), (16, 8, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("margin", [0, 2, 9])
def test_reading_and_writing_the_middle_gives_the_box_back(shape, margin):
    rng = np.random.default_rng(1)
    density = rng.random(shape, dtype=np.float32)
    copy = np.full_like(density, np.nan)
    inner = tuple(slice(margin, margin + side) for side in TILE)
    wide = tuple(side + 2 * margin for side in TILE)
    for row in cover(shape, tile=TILE):
        cut = list(tiles(read_row(density, row, TILE, margin), TILE, margin))
        assert {tile.shape for tile in cut} == {wide}
        place, kept = joined([tile[inner] for tile in cut], row, shape)
        copy[place] = kept
    np.testing.assert_array_equal(copy, density)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_voxel_is_written_once(shape):
    tally = np.zeros(shape)
    for row in cover(shape, tile=TILE):
        count = len(list(tiles(read_row(tally, row, TILE, 1), TILE, 1)))
        place, ones = joined([np.ones(TILE)] * count, row, shape)
        tally[place] += ones
    assert (tally == 1).all()


def test_the_margin_is_the_periodic_neighbourhood():
    density = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    wrapped = np.pad(density, 3, mode="wrap")
    row = read_row(density, cover(density.shape, tile=TILE)[0], TILE, 3)
    first = next(tiles(row, TILE, 3))
    np.testing.assert_array_equal(first, wrapped[:10, :11, :9])


@pytest.mark.parametrize(("length", "side"), [(3, 3), (64, 64), (65, 33), (128, 64), (200, 50)])
def test_tiles_are_equal_and_no_larger_than_asked(length, side):
    assert tile_shape((length, 64, 1), largest=64) == (side, 64, 1)
