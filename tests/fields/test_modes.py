import numpy as np
import pytest
from scipy import fft

from halokeras.fields.modes import Moments, both_signs, integers, lattice_of, up_to


def test_integers_are_the_wavenumbers_of_a_transform():
    assert integers(6).tolist() == [0, 1, 2, -3, -2, -1]
    assert integers(5).tolist() == [0, 1, 2, -2, -1]


def test_both_signs_finds_the_same_wavenumbers_on_axes_of_any_length():
    for points in (7, 8, 12):
        found = [n for part in both_signs(3) for n in integers(points)[part]]
        assert found == [0, 1, 2, 3, -3, -2, -1]
    assert [n for part in both_signs(0) for n in integers(8)[part]] == [0]


@pytest.mark.parametrize("points", [(8, 10, 12), (9, 9, 9)], ids=["even", "odd"])
def test_a_wave_keeps_its_mode_on_a_finer_lattice(points):
    def wave(shape):
        x, y, z = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
        return np.cos(2 * np.pi * (2 * x - 3 * y + z) + 0.4) + np.sin(2 * np.pi * (x + y - 2 * z))

    coarse = fft.rfftn(wave(points), norm="forward")
    fine = fft.rfftn(wave((16, 18, 20)), norm="forward")
    resized = np.zeros_like(fine)
    for part in up_to((3, 3, 3)):
        resized[part] = coarse[part]
    assert resized == pytest.approx(fine, abs=1e-12)


def test_the_lattice_of_modes_is_even():
    assert lattice_of(np.zeros((4, 6, 5), dtype=np.complex64)) == (4, 6, 8)


def test_moments_are_those_of_the_whole_field():
    field = np.random.default_rng(2).normal(0.0, 3.0, (8, 9, 10)).astype(np.float32)
    field -= field.mean()
    found = Moments()
    for plane in field:
        found.add(plane)
    assert found.mean == pytest.approx(0, abs=1e-6)
    assert found.deviation == pytest.approx(field.std(), rel=1e-6)
    assert found.are_of_overdensity


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, 1e30])
def test_a_constant_or_infinite_field_is_no_overdensity(value):
    found = Moments()
    found.add(np.full((4, 4), value, dtype=np.float32))
    assert not found.are_of_overdensity
