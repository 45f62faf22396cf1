"""Which halos give way: those that a look at all pairs tells."""

import numpy as np
import pytest

from halokeras.painting.catalogues.nearness import Distances, give_way
from halokeras.painting.catalogues.piece import Piece


def all_pairs(piece, local, inside, order, chance, distances):
    """Return which halos give way by a look at every pair."""
    place = local + inside
    away = np.abs(place[:, :, None] - place[:, None, :])
    for axis, period in enumerate(piece.periods):
        if period:
            away[axis] = np.minimum(away[axis], period - away[axis])
    distance = np.sqrt((away**2).sum(axis=0))
    apart = (distances.reach[:, None] + distances.reach) / 2
    probability = 1 - distance / apart
    probability[(local[:, :, None] == local[:, None, :]).all(axis=0)] = 0
    probability[distance < distances.exclusion] = 1
    near = (distance <= distances.furthest) & (order[:, None] > order)
    return (near & (chance[:, None] < probability)).any(axis=1)


@pytest.mark.parametrize(
    ("x", "y"), [((0, 9), (0, 8)), ((-2, 3), (0, 8)), ((7, 12), (6, 10)), ((4, 5), (3, 4))]
)
@pytest.mark.parametrize("workers", [1, 3])
def test_those_that_all_pairs_tell(x, y, workers):
    piece = Piece((9, 8, 3), x, y)
    random = np.random.default_rng(3)
    number = 600
    local = np.stack([random.integers(side, size=number) for side in piece.sides])
    voxel = local + np.array([x[0], y[0], 0])[:, None]
    voxel %= np.array(piece.shape)[:, None]
    # in parts that are exact, as separations are measured
    inside = random.integers(2**20, size=(3, number)) / 2**20
    order, chance = random.permutation(number), random.random(number)
    distances = Distances(0.11, random.uniform(0.3, 2, number), 1.25)
    found = give_way(piece, voxel, inside, order, chance, distances, workers)
    np.testing.assert_array_equal(found, all_pairs(piece, local, inside, order, chance, distances))
    assert 0.1 < found.mean() < 0.95


def test_none_where_there_are_none():
    piece, nothing = Piece((3, 3, 3), (0, 3), (0, 3)), np.zeros((3, 0))
    distances = Distances(0.1, np.zeros(0), 1.0)
    order = np.zeros(0, np.int64)
    assert not give_way(piece, nothing.astype(int), nothing, order, nothing[0], distances).size
