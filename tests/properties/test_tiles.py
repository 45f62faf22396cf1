import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halokeras.painting.expected.paint import paint_into
from halokeras.painting.expected.tile_painter import TilePainter
from halokeras.painting.tiles import cover, joined, read_row, tile_shape, tiles

sides = st.tuples(*[st.integers(1, 9)] * 3)


@given(shape=sides, tile=sides, margin=st.integers(0, 12))
def test_tiles_cover_every_voxel_once_and_see_its_periodic_neighbourhood(shape, tile, margin):
    density = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    around = np.pad(density, [(margin, margin + side) for side in tile], mode="wrap")
    tally = np.zeros(shape, dtype=int)
    for row in cover(shape, tile):
        cut = list(tiles(read_row(density, row, tile, margin), tile, margin))
        for number, piece in enumerate(cut):
            start = (row.x, row.y, number * tile[2])
            within = tuple(
                slice(first, first + side + 2 * margin)
                for first, side in zip(start, tile, strict=True)
            )
            np.testing.assert_array_equal(piece, around[within])
        place, ones = joined([np.ones(tile, dtype=int)] * len(cut), row, shape)
        tally[place] += ones
    assert (tally == 1).all()


@given(shape=st.tuples(*[st.integers(1, 500)] * 3), largest=st.integers(1, 64))
def test_tiles_are_no_larger_than_asked_and_as_few_as_that_allows(shape, largest):
    for length, side in zip(shape, tile_shape(shape, largest), strict=True):
        assert 1 <= side <= min(length, largest)
        assert -(-length // side) == -(-length // largest)


@pytest.fixture(scope="module")
def painter():
    from halokeras.networks.painter import built_painter
    from halokeras.painter_params import InceptionParams

    painter = built_painter(
        InceptionParams(
            blocks=1, filters=2, kernel_sizes=(3,), head_layers=1, head_filters=2, output="softplus"
        )
    )
    rng = np.random.default_rng(1)
    for variable in painter.weights:
        variable.assign(rng.normal(0, 0.5, variable.shape).astype(np.float32))
    return painter


@settings(max_examples=12)
@given(shape=st.tuples(*[st.integers(2, 7)] * 3), tile=st.tuples(*[st.integers(2, 5)] * 3))
def test_painted_by_tiles_is_painted_whole(painter, shape, tile):
    rng = np.random.default_rng(2)
    density = rng.lognormal(size=shape).astype(np.float32)
    whole, by_tiles = np.empty(shape, np.float32), np.empty(shape, np.float32)
    paint_into(whole, TilePainter(painter, shape), density)
    paint_into(by_tiles, TilePainter(painter, tile), density)
    np.testing.assert_allclose(by_tiles, whole, rtol=2e-5)
