import numpy as np
import pytest

from halokeras.fields.spectra import default_edges, measure

VOXEL = 4.0
ALL = np.array([0.0, 100.0])
SHAPES = [(16, 16, 16), (12, 16, 10), (9, 14, 11), (8, 15, 7)]


def field(shape, seed=1):
    return np.random.default_rng(seed).lognormal(sigma=0.7, size=shape)


def fourier_shift(values, voxels):
    """Shift along every axis by a number of voxels that need not be whole."""
    modes = np.fft.fftn(values)
    for axis, (n, shift) in enumerate(zip(values.shape, voxels, strict=True)):
        phase = np.exp(-2j * np.pi * np.fft.fftfreq(n) * shift)
        if n % 2 == 0:
            phase[n // 2] = np.cos(np.pi * shift)
        modes *= np.expand_dims(phase, [a for a in range(3) if a != axis])
    return np.fft.ifftn(modes).real


def full_wavevectors(shape):
    axes = [2 * np.pi * np.fft.fftfreq(n, VOXEL) for n in shape]
    return np.meshgrid(*axes, indexing="ij")


@pytest.mark.parametrize("shape", SHAPES)
def test_all_modes_together_hold_the_variance(shape):
    values = field(shape)
    spectra = measure(values, values, VOXEL, ALL)
    volume = values.size * VOXEL**3
    assert spectra.modes == [values.size - 1]
    variance = spectra.first * spectra.modes / volume
    np.testing.assert_allclose(variance, values.var() / values.mean() ** 2, rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_sum_over_the_full_transform(shape):
    first, second = field(shape), field(shape, 2)
    edges = np.array([0.1, 0.33, 0.61])
    spectra = measure(first, second, VOXEL, edges)
    k = np.sqrt(sum(component**2 for component in full_wavevectors(shape)))
    cross = np.fft.fftn(first / first.mean()) * np.fft.fftn(second / second.mean()).conj()
    for b in range(2):
        inside = (k > edges[b]) & (k <= edges[b + 1])
        assert spectra.modes[b] == inside.sum()
        np.testing.assert_allclose(spectra.k[b], k[inside].mean(), rtol=1e-12)
        expected = cross[inside].real.mean() * VOXEL**3 / first.size
        np.testing.assert_allclose(spectra.cross[b], expected, rtol=1e-10)


@pytest.mark.parametrize("shape", [(32, 32, 32), (24, 32, 40)])
def test_white_noise_is_flat_at_variance_times_voxel_volume(shape):
    rng = np.random.default_rng(4)
    spectra = measure(1 + 0.1 * rng.normal(size=shape), np.ones(shape), VOXEL)
    expected = 0.1**2 * VOXEL**3
    # half of the modes are independent; each has an exponentially distributed power
    deviations = (spectra.first / expected - 1) / np.sqrt(2 / spectra.modes)
    assert np.abs(deviations).max() < 4
    assert abs(deviations.mean()) < 4 / np.sqrt(len(deviations))


@pytest.mark.parametrize("numbers", [(1, 0, 0), (0, 0, 2), (2, 1, 1), (0, 3, 0), (1, 2, 3)])
def test_a_plane_wave_lands_in_its_bin_with_its_power(numbers):
    shape, amplitude = (16, 12, 20), 0.3
    grid = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    phase = 2 * np.pi * sum(m * x for m, x in zip(numbers, grid, strict=True))
    wave = 1 + amplitude * np.cos(phase + 0.4)
    k = 2 * np.pi / VOXEL * np.linalg.norm(np.array(numbers) / shape)
    spectra = measure(wave, wave, VOXEL, np.array([0, 0.99 * k, 1.01 * k, 10]))
    volume = wave.size * VOXEL**3
    # two modes of |delta_k|^2 / V = V amplitude^2 / 4
    bin = int(np.flatnonzero(spectra.upper == 1.01 * k)[0])
    total = spectra.first * spectra.modes
    np.testing.assert_allclose(total[bin], volume * amplitude**2 / 2, rtol=1e-12)
    assert np.delete(total, bin).max() < 1e-12 * total[bin]
    np.testing.assert_allclose(spectra.k[bin], k, rtol=0.01)


def test_a_poisson_sample_has_the_power_of_its_shot_noise():
    rng = np.random.default_rng(8)
    shape = (32, 32, 32)
    counts = rng.poisson(0.2, shape)
    spectra = measure(counts, counts, VOXEL)
    shot_noise = counts.size * VOXEL**3 / counts.sum()
    assert np.all(np.abs(spectra.first / shot_noise - 1) < 4 * np.sqrt(2 / spectra.modes))


def test_what_a_poisson_sample_adds_is_stochastic_power_of_one_over_nbar():
    rng = np.random.default_rng(2)
    mean = 0.5 * field((32, 32, 32))
    counts = rng.poisson(mean)
    spectra = measure(mean, counts, VOXEL)
    shot_noise = counts.size * VOXEL**3 / counts.sum()
    assert np.all(
        np.abs(spectra.stochastic_power / shot_noise - 1) < 4 * np.sqrt(2 / spectra.modes)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_field_correlates_with_itself_entirely(shape):
    values = field(shape)
    spectra = measure(values, values.copy(), VOXEL)
    np.testing.assert_allclose(spectra.cross_correlation, 1, rtol=1e-12)
    np.testing.assert_allclose(spectra.transfer_function, 1, rtol=1e-12)
    np.testing.assert_allclose(spectra.stochastic_power, 0, atol=1e-9)


def test_a_shifted_field_correlates_as_the_mean_cosine_of_the_phase():
    shape, shift = (16, 12, 20), (0.5, 0.0, 1.3)
    values = field(shape)
    edges = np.array([0.0, 0.3, 0.55])
    spectra = measure(fourier_shift(values, shift), values, VOXEL, edges)
    kx, ky, kz = full_wavevectors(shape)
    k = np.sqrt(kx**2 + ky**2 + kz**2)
    power = np.abs(np.fft.fftn(values)) ** 2
    cosine = np.cos(VOXEL * (kx * shift[0] + kz * shift[2]))
    for b in range(2):
        inside = (k > edges[b]) & (k <= edges[b + 1])
        expected = np.sum(power[inside] * cosine[inside]) / np.sum(power[inside])
        np.testing.assert_allclose(spectra.cross_correlation[b], expected, rtol=1e-6)
    np.testing.assert_allclose(spectra.transfer_function, 1, rtol=1e-6)


def test_the_transfer_function_is_the_ratio_of_overdensities_whatever_the_means():
    values = 1 + 0.1 * np.random.default_rng(6).normal(size=(12, 12, 12))
    doubled = 1 + 2 * (values / values.mean() - 1)
    spectra = measure(7 * doubled, 0.3 * values, VOXEL)
    np.testing.assert_allclose(spectra.transfer_function, 2, rtol=1e-12)
    np.testing.assert_allclose(spectra.cross_correlation, 1, rtol=1e-12)


def test_independent_fields_do_not_correlate():
    spectra = measure(field((32, 32, 32), 1), field((32, 32, 32), 2), VOXEL)
    assert np.all(np.abs(spectra.cross_correlation) < 4 * np.sqrt(2 / spectra.modes))


@pytest.mark.parametrize(
    "turn",
    [
        lambda a: a[::-1],
        lambda a: a.transpose(2, 0, 1),
        lambda a: np.rot90(a, axes=(0, 2)),
        lambda a: np.roll(a, (3, 5, 1), axis=(0, 1, 2)),
    ],
    ids=["reflected", "axes exchanged", "rotated", "rolled"],
)
def test_turning_both_fields_changes_nothing(turn):
    first, second = field((16, 12, 10)), field((16, 12, 10), 2)
    before, after = measure(first, second, VOXEL), measure(turn(first), turn(second), VOXEL)
    for name in ("k", "modes", "first", "second", "cross"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-9)


def test_the_default_bins_end_at_the_nyquist_frequency_and_hold_its_modes():
    edges = default_edges(4.0)
    np.testing.assert_allclose(edges[-1], np.pi / 4)
    np.testing.assert_allclose(edges[:-1], [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    x = np.arange(8)[:, None, None]
    wave = 1 + 0.1 * (-1.0) ** x * np.ones((8, 8, 8))
    spectra = measure(wave, wave, 4.0)
    assert spectra.first[-1] * spectra.modes[-1] == pytest.approx(512 * 64 * 0.1**2)


def test_empty_bins_are_left_out():
    values = field((8, 8, 8))
    spectra = measure(values, values, VOXEL, np.array([0.0, 0.05, 0.3, 0.31, 0.6]))
    assert len(spectra.upper) == len(spectra.k) == 2
    np.testing.assert_allclose(spectra.upper, [0.3, 0.6])
    assert np.isfinite(spectra.first).all()
