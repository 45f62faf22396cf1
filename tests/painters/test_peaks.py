import numpy as np

from halokeras.painters.peaks import KNOTS, at_peaks, fit_peaks


def expected_halos(voxels=200_000):
    rng = np.random.default_rng(3)
    light = rng.uniform(0, 2, voxels)
    heavy = rng.exponential(0.4, voxels)
    heavier = heavy * rng.uniform(0, 0.5, voxels)
    return np.stack([light, heavy - heavier, heavier], axis=-1).astype(np.float32)


def test_a_voxel_that_holds_one_heavy_halo_at_most_is_expected_to():
    expected = expected_halos()
    above = expected[:, 1:].sum(axis=1)
    rng = np.random.default_rng(4)
    there = rng.random(above.size) < np.minimum(above, 1)  # no more than one
    heavier = there & (rng.random(above.size) < expected[:, 2] / above)
    counts = np.stack([rng.poisson(expected[:, 0]), there & ~heavier, heavier], axis=-1)
    known = at_peaks(expected, fit_peaks(expected, counts))
    for channel in (1, 2):
        mine, believed, held = (of[:, channel:].sum(axis=1) for of in (expected, known, counts))
        np.testing.assert_allclose(believed.sum(), held.sum(), rtol=0.02)
        for low, high in ((0.1, 0.4), (0.4, 0.8), (0.8, 1.2), (1.4, 2.5))[: 6 - 2 * channel]:
            some = (mine > low) & (mine < high)
            np.testing.assert_allclose(believed[some].mean(), held[some].mean(), rtol=0.06)
    assert above.max() > 4
    assert known[:, 1:].sum(axis=1).max() < 2.5


def test_all_halos_together_stay_and_no_channel_is_negative():
    expected = expected_halos()
    peaks = np.ones((3, KNOTS.size))
    np.testing.assert_allclose(at_peaks(expected, peaks), expected, rtol=1e-4, atol=1e-6)
    peaks[1], peaks[2] = 0.5, 2.0  # heavier halos more than there are of both
    grid = expected.reshape(20, 100, 100, 3)
    known = at_peaks(grid, peaks)
    assert known.shape == grid.shape and known.dtype == np.float32 and known.min() > 0
    np.testing.assert_allclose(known.sum(axis=-1), grid.sum(axis=-1), rtol=1e-5)


def test_few_halos_tell_little():
    expected = np.tile(np.array([1.0, 1.0], np.float32), (10, 1))
    few = fit_peaks(expected, np.zeros_like(expected))
    assert few[0].tolist() == [1.0] * KNOTS.size
    assert 0.8 < few[1].min() < 1 == few[1].max()
