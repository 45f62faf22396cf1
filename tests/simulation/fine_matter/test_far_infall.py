import numpy as np
import pytest

from halokeras.simulation.fine_matter.far_infall import add_on_points


@pytest.mark.parametrize("voxels", [(9, 12, 14), (3, 2, 5)], ids=["even", "fewer than are read"])
def test_a_constant_field_is_the_same_between_voxels(voxels):
    points = np.ones((2 * voxels[1], 2 * voxels[2]), np.float32)
    for plane in range(-3, 5):
        add_on_points(np.full(voxels, 2, np.float32), plane, points)
    np.testing.assert_allclose(points, 17, rtol=1e-5)


def test_long_waves_are_interpolated_to_the_points_of_voxels():
    def wave(sides, finer):
        places = [(np.arange(side * finer) + 0.5) / finer / side for side in sides]
        x, y, z = np.meshgrid(*places, indexing="ij")
        return np.sin(2 * np.pi * (x + 2 * y + z) + 0.3).astype(np.float32)

    sides = (16, 32, 20)
    voxels, expected = wave(sides, 1), wave(sides, 2)
    for plane in (0, 1, 17, 31, 32, 35):  # planes wrap
        points = np.zeros(expected.shape[1:], np.float32)
        add_on_points(voxels, plane, points)
        np.testing.assert_allclose(points, expected[plane % 32], atol=2e-3)
