"""Grids at the places of halos: planes are met exactly, and a box has no faces."""

import numpy as np
import pytest

from halokeras.painting.catalogues.interpolation import interpolated
from halokeras.painting.catalogues.piece import Piece

SHAPE = (6, 5, 4)
SPANS = [((0, 6), (0, 5)), ((-1, 2), (0, 5)), ((4, 7), (3, 6))]


def halos_of(piece, number=500):
    """Return voxels of a piece, in the box, and places in them."""
    random = np.random.default_rng(1)
    first = np.array([piece.x[0], piece.y[0], 0])[:, None]
    local = np.stack([random.integers(side, size=number) for side in piece.sides])
    return (local + first) % np.array(SHAPE)[:, None], random.random((3, number))


@pytest.mark.parametrize("spans", SPANS)
@pytest.mark.parametrize("finer", [1, 2])
def test_a_plane_is_met_exactly(spans, finer):
    piece = Piece(SHAPE, *spans)
    voxel, inside = halos_of(piece)
    centre = [(np.arange(side * finer) + 0.5) / finer for side in SHAPE]
    x, y, z = np.meshgrid(*centre, indexing="ij")
    planes = np.stack([x - 2 * y, 3 * z + 1]).astype(np.float32)
    at = voxel + inside
    # but for places between the outermost points, which are beside each other
    within = (at > 0.5).all(axis=0) & (at < np.array(SHAPE)[:, None] - 0.5).all(axis=0)
    expected = np.stack([at[0] - 2 * at[1], 3 * at[2] + 1])
    found = interpolated(piece, voxel, inside, planes)
    assert within.sum() > 50
    np.testing.assert_allclose(found[:, within], expected[:, within], atol=1e-5)


@pytest.mark.parametrize("spans", SPANS)
@pytest.mark.parametrize("workers", [1, 3])
def test_pieces_and_faces_leave_no_trace(spans, workers):
    grid = np.random.default_rng(2).random((12, 10, 8)).astype(np.float32)
    piece, whole = Piece(SHAPE, *spans), Piece(SHAPE, (0, 6), (0, 5))
    voxel, inside = halos_of(piece)
    expected = interpolated(whole, voxel, inside, grid)
    assert expected.shape == (500,)
    np.testing.assert_array_equal(interpolated(piece, voxel, inside, grid, workers), expected)
    rolled = np.roll(grid, (2, 2, 2), axis=(0, 1, 2))
    beside = (voxel + 1) % np.array(SHAPE)[:, None]
    np.testing.assert_array_equal(interpolated(whole, beside, inside, rolled), expected)
