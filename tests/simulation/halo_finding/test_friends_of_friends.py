import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from halokeras.errors import BoxError
from halokeras.simulation.halo_finding.friends_of_friends import find_groups


def tree_groups(position, box_size, length, least):
    tree = cKDTree(position, boxsize=box_size)
    pairs = tree.query_pairs(length, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(position),) * 2)
    members = np.bincount(connected_components(graph)[1])
    return np.sort(members[members >= least])[::-1]


def test_a_chain_is_one_group_and_a_gap_cuts_it():
    chain = np.array([[x, 5.0, 5.0] for x in (1.0, 1.9, 2.8, 4.1, 5.0)], dtype=np.float32)
    groups = find_groups(chain, 10.0, 1.0, least=2)
    assert groups.members.tolist() == [3, 2]
    assert groups.group[np.argsort(groups.rows.order)].tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_group_across_a_face_is_whole(axis):
    pair = np.full((2, 3), 3.0, dtype=np.float32)
    pair[:, axis] = 9.8, 0.4
    groups = find_groups(pair, 10.0, 0.7, least=2)
    assert groups.members.tolist() == [2]
    assert groups.centre[0, axis] % 10 == pytest.approx(0.1, abs=1e-5)


def test_diagonal_neighbours_across_an_edge_of_the_box_are_friends():
    corner = np.array([[0.1, 9.9, 9.9], [9.9, 0.1, 0.1]], dtype=np.float32)
    assert find_groups(corner, 10.0, 0.5, least=2).members.tolist() == [2]


def test_distance_is_in_three_dimensions():
    pair = np.array([[5, 5, 5], [5.6, 5.6, 5.6]], dtype=np.float32)
    assert len(find_groups(pair, 10.0, 1.0, least=2).members) == 0
    assert len(find_groups(pair, 10.0, 1.05, least=2).members) == 1


@pytest.mark.parametrize("length", [0.15, 0.3, 2.4, 3.5])
def test_groups_are_those_of_a_tree(length):
    rng = np.random.default_rng(3)
    clumps = rng.random((40, 3)) * 10
    scattered = rng.random((1500, 3)) * 10
    bound = clumps[rng.integers(0, 40, 1500)] + rng.normal(0, 0.2, (1500, 3))
    position = (np.concatenate([scattered, bound]) % 10).astype(np.float32)
    position[position >= 10] = 0
    members = find_groups(position, 10.0, length, least=2).members
    np.testing.assert_array_equal(members, tree_groups(position, 10.0, length, 2))


def test_a_shift_of_the_box_shifts_the_centres():
    rng = np.random.default_rng(4)
    blob = rng.normal(5, 0.3, (60, 3)).astype(np.float32)
    here = find_groups(blob, 10.0, 0.4).centre
    there = find_groups((blob + 5) % 10, 10.0, 0.4).centre
    np.testing.assert_allclose((there - here) % 10, 5, atol=1e-4)


def test_the_centre_of_two_bridged_clumps_is_in_the_denser_one():
    rng = np.random.default_rng(6)
    dense, sparse = rng.normal(3, 0.1, (300, 3)), rng.normal((5, 3, 3), 0.3, (200, 3))
    bridge = np.column_stack([np.linspace(3, 5, 30), np.full((30, 2), 3)])
    position = np.concatenate([sparse, bridge, dense]).astype(np.float32)
    groups = find_groups(position, 10.0, 0.4, least=100)
    assert len(groups.members) == 1
    np.testing.assert_allclose(groups.centre[0], 3, atol=0.02)


def test_groups_across_slabs_of_rows_are_those_of_a_tree():
    rng = np.random.default_rng(7)
    position = (rng.random((20000, 3)) * 10).astype(np.float32)
    groups = find_groups(position, 10.0, 0.31, least=2)
    assert groups.rows.side == 32
    np.testing.assert_array_equal(groups.members, tree_groups(position, 10.0, 0.31, 2))
    wide = find_groups(position, 10.0, 0.101, least=2)
    assert wide.rows.side > 64
    np.testing.assert_array_equal(wide.members, tree_groups(position, 10.0, 0.101, 2))


def test_groups_below_the_least_are_dropped():
    rng = np.random.default_rng(5)
    blob = rng.normal(5, 0.01, (20, 3)).astype(np.float32)
    assert find_groups(blob, 10.0, 1.0, least=20).members.tolist() == [20]
    assert find_groups(blob[1:], 10.0, 1.0, least=20).centre.shape == (0, 3)


def test_a_linking_length_of_half_the_box_is_refused():
    with pytest.raises(BoxError, match="below half the box"):
        find_groups(np.zeros((2, 3), np.float32), 10.0, 5.0)


def test_a_small_group_beside_a_large_one_keeps_its_own_centre():
    rng = np.random.default_rng(8)
    direction = rng.normal(size=(3000, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    ball = 5 + 0.6 * direction * rng.random((3000, 1)) ** (1 / 3)
    small = np.array((6.1, 5, 5)) + rng.uniform(-0.1, 0.1, (40, 3))
    groups = find_groups(np.concatenate([ball, small]).astype(np.float32), 10.0, 0.3)
    assert groups.members.tolist() == [3000, 40]
    np.testing.assert_allclose(groups.centre[1], (6.1, 5, 5), atol=0.05)
