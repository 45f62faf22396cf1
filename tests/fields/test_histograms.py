import numpy as np
import pytest

from halokeras.fields.histograms import cell_variance, count_histogram


def test_the_histogram_counts_voxels():
    counts = np.array([[0, 0, 3], [1, 0, 1]])
    np.testing.assert_array_equal(count_histogram(counts), [3, 2, 0, 1])


def test_means_are_rounded_to_the_nearest_whole_number():
    painted = np.array([0.0, 0.4, 0.6, 1.4, 2.51], dtype=np.float32)
    np.testing.assert_array_equal(count_histogram(painted), [2, 2, 0, 1])


def test_the_histogram_holds_every_voxel_and_every_halo():
    counts = np.random.default_rng(3).poisson(0.7, (9, 10, 11))
    histogram = count_histogram(counts)
    assert histogram.sum() == counts.size
    assert np.dot(histogram, np.arange(len(histogram))) == counts.sum()


def test_poisson_voids_are_exp_of_minus_the_mean():
    counts = np.random.default_rng(3).poisson(0.2, (40, 40, 40))
    expected = np.exp(-0.2)
    error = np.sqrt(expected * (1 - expected) / counts.size)
    assert abs(count_histogram(counts)[0] / counts.size - expected) < 4 * error


def test_the_variance_of_poisson_counts_falls_with_the_volume_of_the_cell():
    counts = np.random.default_rng(5).poisson(0.2, (48, 48, 48))
    for side, voxels in ((8, 8), (16, 64)):
        expected = 1 / (0.2 * voxels)
        cells = counts.size / voxels
        assert abs(cell_variance(counts, 4.0, side) / expected - 1) < 5 * np.sqrt(2 / cells)


def test_cells_of_known_totals():
    counts = np.zeros((4, 2, 2))
    counts[0, 1, 0], counts[1, 0, 1], counts[3, 1, 1] = 2, 1, 1  # cells of 3 and 1
    assert cell_variance(counts, 4.0, 8.0) == pytest.approx(1 / 4)
    assert cell_variance(np.pad(counts, ((0, 1), (0, 1), (0, 0))), 4.0, 8.0) == pytest.approx(1 / 4)
    assert cell_variance(5 * counts, 4.0, 8.0) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("voxel_size", "side"), [(3.0, 8.0), (4.0, 16.0), (4.0, 1.0)], ids=["split", "big", "small"]
)
def test_cells_that_do_not_fit_have_no_variance(voxel_size, side):
    assert cell_variance(np.ones((4, 4, 4)), voxel_size, side) is None
