import numpy as np
import pytest
import tensorflow as tf

from halokeras.networks.critic import Critic
from halokeras.networks.painter import built_painter
from halokeras.networks.patch import Patch, patch_of
from halokeras.painter_params import ConditionedParams

PARAMS = ConditionedParams(filters=2, head_filters=3, mass_edges=(5e12, 2e13))
TOLD = len(PARAMS.told)


@pytest.fixture
def painter():
    painter = built_painter(PARAMS)
    rng = np.random.default_rng(1)
    for variable in painter.trainable_variables:
        variable.assign(rng.normal(0, 0.2, variable.shape).astype(np.float32))
    return painter


def density(batch=1):
    fields = np.random.default_rng(2).lognormal(size=(batch, 10, 10, 10, 1))
    return tf.constant(fields, tf.float32)


def test_counts_are_proportional_to_what_is_expected_where_halos_are_rare(painter):
    told = [0.1] * TOLD
    rare = painter(patch_of(density(), [*told, -12.0, -12.0, -14.0])).numpy()
    rarer = painter(patch_of(density(), [*told, -13.0, -12.0, -14.0])).numpy()
    np.testing.assert_allclose(rarer[..., 0] / rare[..., 0], np.exp(-1), rtol=1e-3)
    np.testing.assert_array_equal(rarer[..., 1:], rare[..., 1:])


def test_what_is_told_bends_how_counts_follow_the_density(painter):
    abundances = [-3.0, -4.0, -5.0]
    one, other = (painter(patch_of(density(), [*[x] * TOLD, *abundances])) for x in (-1.0, 1.0))
    ratio = (one / other).numpy()[..., 0]
    assert ratio.std() / ratio.mean() > 0.02


def test_each_patch_is_painted_by_what_it_is_told_alone(painter):
    rows = np.random.default_rng(3).normal(size=(2, len(PARAMS.conditions))).astype(np.float32)
    rows[:, TOLD:] -= 3
    fields = density(2)
    both = painter(Patch(fields, tf.constant(rows))).numpy()
    for one in range(2):
        alone = painter(Patch(fields[one : one + 1], tf.constant(rows[one : one + 1])))
        np.testing.assert_allclose(both[one], alone.numpy()[0], rtol=1e-4)


def test_conditions_are_told_in_deviations_of_the_training_boxes(painter):
    rows = np.random.default_rng(4).normal(3, 2, (50, len(PARAMS.conditions))).astype(np.float32)
    painter.learn_conditions(rows)
    features = np.asarray(painter.features(Patch(None, rows)))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(features.std(axis=0), 1, rtol=1e-5)
    assert np.array_equal(painter.twin().features(Patch(None, rows)), features)


def test_a_condition_that_never_changes_is_not_divided_by_nothing(painter):
    painter.learn_conditions(np.ones((3, len(PARAMS.conditions)), np.float32))
    assert np.isfinite(painter(patch_of(density(), [1.0] * len(PARAMS.conditions)))).all()


def test_a_critic_judges_a_crop_by_what_it_is_told():
    critic = Critic((2, 3), (3, 3), (1, 2), sees_density=True, features=TOLD)
    crops = tf.random.stateless_normal((1, 9, 9, 9, 2), (1, 2))
    one, other = (critic(crops, tf.fill((1, TOLD), x)).numpy() for x in (-1.0, 1.0))
    assert one != other


def test_the_likelihood_of_a_box_counts_by_the_root_of_its_halos(painter):
    rows = np.zeros((2, len(PARAMS.conditions)), np.float32)
    rows[:, TOLD:] = np.log([[0.01, 0.02, 0.01], [0.04, 0.08, 0.04]])
    weights = painter.crop_weight(Patch(None, tf.constant(rows))).numpy().ravel()
    assert weights[0] / weights[1] == pytest.approx(2, rel=1e-5)
