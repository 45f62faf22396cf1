import numpy as np
import pytest

from halokeras.painting.noise import neighbor_noise

CORRELATIONS = np.array([[-0.06, -0.12], [-0.12, -0.15]])
SHAPE = (40, 36, 32)
WHOLE = tuple(slice(0, side) for side in SHAPE)


def of_neighbors(noise, other, axis):
    return (noise * np.roll(other, 1, axis)).mean()


@pytest.mark.parametrize("correlations", [CORRELATIONS, np.diag([2 / 7, -2 / 7]), np.zeros((2, 2))])
def test_numbers_are_normal_and_correlated_with_those_of_face_neighbors(correlations):
    noise = neighbor_noise(correlations, WHOLE, SHAPE, 3, "test")
    np.testing.assert_allclose(noise.mean(axis=(1, 2, 3)), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(noise.reshape(2, -1)), np.eye(2), atol=0.025)
    assert (np.abs(noise) > 2).mean() == pytest.approx(0.0455, rel=0.06)
    for axis in range(3):
        found = [[of_neighbors(one, other, axis) for other in noise] for one in noise]
        np.testing.assert_allclose(found, correlations, atol=0.02)


def test_the_numbers_of_a_voxel_do_not_depend_on_what_is_asked_beside_it():
    whole = neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 3, "test")
    for place in (
        (slice(0, 7), slice(30, 36), WHOLE[2]),
        (slice(5, 6), slice(0, 1), slice(31, 32)),
    ):
        part = neighbor_noise(CORRELATIONS, place, SHAPE, 3, "test")
        np.testing.assert_array_equal(part, whole[(slice(None), *place)])
    assert (neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 4, "test") != whole).all()
    assert (neighbor_noise(CORRELATIONS, WHOLE, SHAPE, 3, "other") != whole).all()


@pytest.mark.parametrize("shape", [(1, 1, 20000), (2, 100, 100), (1, 140, 140)])
def test_boxes_of_few_voxels_have_normal_numbers_too(shape):
    noise = neighbor_noise(
        np.diag([-2 / 7, -0.1]), tuple(map(slice, (0, 0, 0), shape)), shape, 1, "t"
    )
    np.testing.assert_allclose(noise.var(axis=(1, 2, 3)), 1, rtol=0.04)
