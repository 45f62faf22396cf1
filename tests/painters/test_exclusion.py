import numpy as np
import pytest
from scipy.special import ndtr

from halokeras.painters.count_law import CountLaw
from halokeras.painters.exclusion import MOST_CORRELATED, Exclusion, ExclusionByCondition
from halokeras.painters.exclusion_fit import fit_exclusion
from halokeras.painters.model_store import DrawModel
from halokeras.painting.draws.counts import draw_from

FURTHER = np.array([1.0, 0.6, 0.1])
NEIGHBORS = np.array([[-0.06, -0.12], [-0.12, 0.0]])
MASSES = np.array([3e12, 8e12, 4e13])
LAW = CountLaw(
    np.array([0.0, 1.0, 3.0]),
    np.array(
        [[1.0, 0, 0, 0, 0, 0], [0.36, 0.36, 0.2, 0.08, 0, 0], [0, 0.06, 0.24, 0.4, 0.24, 0.06]]
    ),
)


def expected_halos(boxes=1):
    rng = np.random.default_rng(8)
    total = rng.uniform(0.1, 2.0, (boxes, 24, 24, 24, 1))
    heavy = rng.uniform(0.05, 0.25, total.shape)
    shares = np.concatenate([0.7 - heavy, np.full_like(heavy, 0.3), heavy], axis=-1)
    return (total * shares).astype(np.float32)


def test_first_and_further_halos_together_are_those_expected():
    means = expected_halos().reshape(-1, 3)
    total = means.sum(axis=1)
    first, further = Exclusion(FURTHER, NEIGHBORS).channel_shares(means, LAW)
    for shares in (first, further):
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
    occupied = (1 - LAW.at_most(0, total))[:, None]
    number = LAW.mean(total)[:, None]
    together = occupied * first + (number - occupied) * further
    np.testing.assert_allclose(together, number * means / total[:, None], rtol=1e-6)
    # weights that ask for more further halos of a channel than there are halos are kept within
    alone, others = Exclusion(np.array([1.0, 0, 0]), NEIGHBORS).channel_shares(
        means * [0.1, 1, 1], LAW
    )
    assert alone.min() >= 0
    np.testing.assert_allclose(others.sum(axis=1), 1)


def test_further_halos_that_must_be_of_other_channels_are_light():
    means = np.array([[1.2, 0.8, 0.0, 0.6, 0.4]])  # heavy ones for as many voxels as hold any
    law = CountLaw(np.array([0.0, 3.0]), np.array([[1.0, 0, 0, 0, 0], [0, 0.1, 0.2, 0.3, 0.4]]))
    further = np.array([1.0, 0, 0, 0, 0])
    first, others = Exclusion(further, NEIGHBORS).channel_shares(means, law)
    np.testing.assert_allclose(others[0], [0.6, 0.4, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(first[0], [0, 0, 0, 0.6, 0.4], atol=1e-9)


def test_what_draws_were_made_with_is_measured_in_them():
    means = expected_halos(boxes=8)
    made = Exclusion(FURTHER, NEIGHBORS, MASSES, crowding=-0.25)
    drawn = np.stack(
        [draw_from(DrawModel(None, LAW, None, made), box, 4, n) for n, box in enumerate(means)]
    )
    found = fit_exclusion(means, drawn.astype(np.float32), LAW, MASSES)
    np.testing.assert_allclose(found.further, FURTHER, atol=0.08)
    np.testing.assert_allclose(found.neighbors, NEIGHBORS, atol=0.03)
    assert found.crowding == pytest.approx(-0.25, abs=0.03)
    np.testing.assert_array_equal(found.masses, MASSES)


def test_where_more_halos_are_lighter_the_first_are_still_those_expected():
    number, mass = np.random.default_rng(2).normal(size=(2, 100000))
    empty = np.full(number.shape, 0.7)
    occupied = ndtr(number) > empty
    given = number[occupied], mass[occupied], empty[occupied]
    ranks = Exclusion(FURTHER, NEIGHBORS, crowding=-0.6).ranks(*given)
    halos = occupied.sum()
    for share in (0.03, 0.5, 0.9):
        error = np.sqrt(share * (1 - share) / halos)
        assert (ranks < share).mean() == pytest.approx(share, abs=4 * error)
    most = given[0] > np.quantile(given[0], 0.8)
    assert ranks[most].mean() < 0.4 < 0.5 < ranks[~most].mean()
    alone = Exclusion(FURTHER, NEIGHBORS).ranks(*given)
    np.testing.assert_array_equal(alone, ndtr(given[1]))


def test_voxels_that_hold_one_halo_at_most_tell_of_no_crowding():
    means = expected_halos()
    rng = np.random.default_rng(4)
    single = (rng.uniform(size=means.shape[:-1]) < 0.3)[..., None] * np.eye(3)[2]
    single[0, 0, 0, 0], means[0, 0, 0, 0] = (1, 0, 0), 0  # where none at all is expected
    found = fit_exclusion(means, single, LAW, MASSES)
    assert found.crowding == 0
    assert np.isfinite(found.further).all() and np.isfinite(found.neighbors).all()


def test_correlations_are_no_stronger_than_noise_can_have():
    means = expected_halos()
    # a chequerboard: one voxel of a pair of neighbours always holds the halos of both
    even = (np.indices(means.shape[1:4]).sum(axis=0) % 2)[None, ..., None]
    held = np.round(2 * means.sum(axis=-1, keepdims=True)) * even * np.eye(3)[2]
    found = fit_exclusion(means, held, LAW, MASSES)
    values = np.linalg.eigvalsh(found.neighbors)
    assert values.min() == pytest.approx(-MOST_CORRELATED)
    assert values.max() <= MOST_CORRELATED + 1e-12


def test_what_halos_exclude_under_conditions_is_measured_in_groups_of_boxes():
    means = expected_halos(boxes=12)
    features = np.stack([np.zeros(12), np.linspace(1.5, -1.5, 12)], axis=1)
    weights = np.array([[1.0, 0.8, 0.3], [1.0, 0.4, 0.03]])
    known = ExclusionByCondition(1, np.array([-1.0, 1.0]), weights, np.array([-0.2, -0.4]))
    made = Exclusion(FURTHER, NEIGHBORS, MASSES, by_condition=known)
    drawn = np.stack(
        [
            draw_from(DrawModel(None, LAW, None, made.under(told)), box, 4, n)
            for n, (box, told) in enumerate(zip(means, features, strict=True))
        ]
    ).astype(np.float32)
    found = fit_exclusion(means, drawn, LAW, MASSES, features=features, feature=1)
    for place in (-1.0, 0.0, 1.0):
        there, wanted = (one.under(np.array([9.0, place])) for one in (found, made))
        np.testing.assert_allclose(there.further, wanted.further, atol=0.1)
        assert there.crowding == pytest.approx(wanted.crowding, abs=0.06)
    np.testing.assert_allclose(found.neighbors, NEIGHBORS, atol=0.03)
    assert found.under(features[0]).by_condition is None
    # one law of all conditions has neither end right
    alike = fit_exclusion(means, drawn, LAW, MASSES)
    assert 1.5 * weights[1, 2] < alike.further[2] < weights[0, 2] / 1.4


def test_exclusion_goes_on_between_conditions_and_stays_beyond_them():
    weights = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.04]])
    known = ExclusionByCondition(0, np.array([-1.0, 1.0]), weights, np.array([-0.2, -0.4]))
    made = Exclusion(FURTHER, NEIGHBORS, MASSES, by_condition=known)
    middle = made.under(np.array([0.0]))
    np.testing.assert_allclose(middle.further[:2], [1, 1])
    assert middle.crowding == pytest.approx(-0.3)
    for place, row in ((-30.0, 0), (30.0, 1)):
        there = made.under(np.array([place]))
        np.testing.assert_allclose(there.further, weights[row], atol=1e-11)
        assert there.crowding == known.crowding[row]
    alone = Exclusion(FURTHER, NEIGHBORS)
    assert alone.under(np.array([3.0])) is alone
