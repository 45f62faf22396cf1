import numpy as np
import pytest

from halokeras.simulation.lpt.along_x import REACH, RowsAlongX

PLANES = 96


def waves(number):
    """A wave along x, in two fields of 3 columns and 2 modes along z, by planes."""
    wave = np.exp(2j * np.pi * number * np.arange(PLANES) / PLANES).astype(np.complex64)
    return np.multiply.outer(np.array([1, 2j]), np.multiply.outer(wave, np.ones((3, 2))))


def rows_of(fields, at_a_time=5):
    asked = []

    def read(planes):
        asked.extend(planes)
        return fields[:, np.array(planes) % PLANES]

    return RowsAlongX(read, (2, 3, 2), at_a_time, 1), asked


@pytest.mark.parametrize("number", [0, 1, 7, -20, PLANES // 3])
def test_derivatives_are_those_of_waves_up_to_two_thirds_of_the_nyquist_frequency(number):
    fields, k = waves(number), 2 * np.pi * number / PLANES
    rows, _ = rows_of(fields)
    for x in (0, 1, PLANES - 1, 40):
        rows.go_to(x)
        np.testing.assert_allclose(rows.plane(x), fields[:, x], rtol=1e-6)
        for field, here in enumerate(fields[:, x]):
            np.testing.assert_allclose(rows.first(x, field), 1j * k * here, atol=3e-6)
            np.testing.assert_allclose(rows.second(x, field), -(k**2) * here, atol=6e-6)


def test_planes_in_order_are_read_once():
    rows, asked = rows_of(waves(3))
    for x in range(PLANES - 4, PLANES + 30):  # beyond the box too
        rows.go_to(x)
    assert asked == list(range(PLANES - 4 - REACH, max(asked) + 1))
    assert max(asked) < PLANES + 30 + REACH + 5
