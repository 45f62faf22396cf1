import numpy as np
import pytest

from halokeras.fields.gridding import cloud_in_cell, coarsened, count


def test_a_particle_at_a_voxel_centre_fills_that_voxel_alone():
    density = cloud_in_cell(np.array([[10.0, 6.0, 2.0]]), (4, 4, 4), 4.0)
    assert density[2, 1, 0] == 64
    assert density.sum() == 64


def test_a_particle_off_the_centre_is_shared_linearly_across_the_faces():
    # A quarter voxel above the centre in x of the last voxel: a quarter spills into the first.
    density = cloud_in_cell(np.array([[15.0, 6.0, 6.0]]), (4, 4, 4), 4.0) / 64
    assert density[3, 1, 1] == pytest.approx(0.75)
    assert density[0, 1, 1] == pytest.approx(0.25)


def test_a_uniform_lattice_is_uniform_and_the_mean_is_one():
    line = np.arange(12) + 0.3
    lattice = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    np.testing.assert_allclose(cloud_in_cell(lattice, (4, 4, 4), 3.0), 1, rtol=1e-6)
    random = np.random.default_rng(1).random((1000, 3)) * (6, 8, 10)
    assert cloud_in_cell(random, (3, 4, 5), 2.0).mean() == pytest.approx(1, rel=1e-6)


def test_the_centre_of_mass_of_a_deposit_is_the_particle():
    where = np.array([[5.3, 9.1, 7.7]])
    density = cloud_in_cell(where, (8, 8, 8), 2.0) / 512
    centres = (np.indices((8, 8, 8)) + 0.5) * 2.0
    np.testing.assert_allclose((centres * density).sum(axis=(1, 2, 3)), where[0], rtol=1e-6)


def test_shifting_particles_by_a_voxel_rolls_the_density():
    where = np.random.default_rng(2).integers(0, 512, (200, 3)) / 32
    shifted = (where + np.array([4.0, 0, 0])) % 16
    density = cloud_in_cell(where, (4, 4, 4), 4.0)
    np.testing.assert_array_equal(
        cloud_in_cell(shifted, (4, 4, 4), 4.0), np.roll(density, 1, axis=0)
    )


def test_halos_are_counted_in_the_voxel_that_holds_them():
    where = np.array([[0.0, 0.0, 0.0], [3.99, 4.0, 11.9], [3.0, 4.5, 8.0]], dtype=np.float32)
    counts = count(where, (2, 2, 3), 4.0)
    assert counts[0, 0, 0] == 1
    assert counts[0, 1, 2] == 2
    assert counts.sum() == 3


def test_the_last_float_below_the_upper_face_is_counted_inside():
    # In float32 this position over the voxel size rounds up to the number of voxels.
    edge = np.nextafter(np.float32(3.3), np.float32(0))
    assert count(np.full((1, 3), edge, np.float32), (3, 3, 3), 1.1)[2, 2, 2] == 1


def test_no_halos_make_no_counts():
    assert not count(np.empty((0, 3), np.float32), (2, 2, 2), 1.0).any()


@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_coarser_grid_has_the_mean_of_the_points_in_its_voxels(times):
    grid = np.random.default_rng(3).lognormal(size=(8, 12, 4)).astype(np.float32)
    shape = (8 // times, times, 12 // times, times, 4 // times, times)
    expected = grid.reshape(shape).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(coarsened(grid, times), expected, rtol=1e-6)
