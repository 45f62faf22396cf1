import numpy as np
import pytest
from scipy.spatial import cKDTree

from halokeras.fields.pairs import count_pairs

SIDES = (60.0, 80.0, 100.0)
EDGES = np.array([1.0, 2, 4, 8, 15])


def test_pairs_are_those_of_a_tree_and_points_thrown_anywhere_have_no_correlation():
    position = np.random.default_rng(1).random((3000, 3)) * SIDES
    found = count_pairs(position, SIDES, EDGES)
    tree = cKDTree(position, boxsize=SIDES)
    np.testing.assert_array_equal(found.pairs, np.diff(tree.count_neighbors(tree, EDGES)) // 2)
    np.testing.assert_allclose(found.correlation, 0, atol=5 / np.sqrt(found.pairs.min()))
    assert np.isnan(found.approach).all() and np.isnan(found.dispersion).all()


def test_two_halos_across_a_face_fall_towards_each_other():
    position = np.array([[1.0, 5, 5], [58.0, 5, 5]])
    velocity = np.array([[-100.0, 7, 0], [200.0, -9, 0]])
    found = count_pairs(position, SIDES, EDGES, velocity)
    np.testing.assert_array_equal(found.pairs, [0, 1, 0, 0])
    assert found.separation[1] == pytest.approx(3)
    assert found.approach[1] == pytest.approx(-300)
    assert found.dispersion[1] == 0
    assert found.separation[0] == 1.5 and np.isnan(found.approach[0])


def test_a_uniform_expansion_separates_pairs_in_proportion_and_scatter_is_told():
    rng = np.random.default_rng(2)
    position = rng.random((2000, 3)) * 20 + 30  # far from all faces
    scatter = rng.normal(0, 50, position.shape)
    found = count_pairs(position, SIDES, EDGES, 10 * position + scatter)
    np.testing.assert_allclose(found.approach, 10 * found.separation, rtol=0.1, atol=5)
    assert found.dispersion[-1] == pytest.approx(np.hypot(50 * np.sqrt(2), 10 * 1.9), rel=0.05)


def test_a_box_too_small_for_its_pairs_is_refused():
    with pytest.raises(ValueError, match="too small"):
        count_pairs(np.zeros((2, 3)), (30, 80, 80), EDGES)
