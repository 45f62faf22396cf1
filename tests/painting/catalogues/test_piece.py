"""Parts of a periodic box, and what lies around them."""

import numpy as np

from halokeras.painting.catalogues.piece import Piece

SHAPE = (4, 5, 3)
GRID = np.arange(60).reshape(SHAPE)


def test_a_piece_across_the_faces_of_a_box_is_read_around_them():
    piece = Piece(SHAPE, (-1, 1), (4, 6))
    expected = GRID[[3, 0]][:, [4, 0]]
    np.testing.assert_array_equal(piece.read(GRID), expected)
    np.testing.assert_array_equal(
        piece.index(), expected.ravel()
    )  # the value of a voxel is its index
    around = GRID[np.ix_([2, 3, 0, 1], [3, 4, 0, 1], range(3))]
    np.testing.assert_array_equal(piece.read(GRID, beyond=1), around)


def test_a_piece_knows_its_voxels_and_no_others():
    piece = Piece(SHAPE, (-1, 1), (4, 6))
    voxel = np.stack(np.unravel_index(GRID.ravel(), SHAPE))
    held = piece.holds(voxel)
    np.testing.assert_array_equal(np.flatnonzero(held), np.sort(piece.index()))
    x, y, z = piece.local(voxel[:, held])
    np.testing.assert_array_equal(piece.read(GRID)[x, y, z], np.flatnonzero(held))


def test_a_piece_widened_to_a_whole_axis_is_periodic_along_it():
    piece = Piece(SHAPE, (1, 2), (0, 1)).widened(2)
    assert (piece.x, piece.y) == ((0, 4), (0, 5))
    assert piece.periods == [4, 5, 3]
    assert Piece(SHAPE, (1, 2), (0, 1)).widened(1).periods == [0, 0, 3]
