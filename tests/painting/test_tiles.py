import numpy as np
import pytest

from halokeras.painting.tiles import cover, read, write

SHAPES = [(8, 8, 8), (12, 7, 9), (3, 3, 3), (1, 5, 20), (16, 8, 4)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_voxel_is_written_by_exactly_one_tile(shape):
    written = np.zeros(shape, dtype=int)
    for tile in cover(shape, side=4):
        place = tuple(slice(a, a + n) for a, n in zip(tile.origin, tile.kept, strict=True))
        written[place] += 1
    assert (written == 1).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("margin", [0, 2, 9])
def test_reading_and_writing_the_middle_gives_the_box_back(shape, margin):
    rng = np.random.default_rng(1)
    density = rng.random(shape, dtype=np.float32)
    copy = np.full_like(density, np.nan)
    for tile in cover(shape, side=4):
        block = read(density, tile, 4, margin)
        assert block.shape == (4 + 2 * margin,) * 3
        inner = slice(margin, margin + 4)
        write(copy, tile, block[inner, inner, inner])
    np.testing.assert_array_equal(copy, density)


def test_the_margin_is_the_periodic_neighbourhood():
    density = np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7)
    wrapped = np.pad(density, 3, mode="wrap")
    first = cover(density.shape, side=4)[0]
    np.testing.assert_array_equal(read(density, first, 4, 3), wrapped[:10, :10, :10])
