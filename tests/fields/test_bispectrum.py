import itertools
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.fields import bispectrum
from halokeras.fields.bispectrum import BispectrumEstimator, equilateral, over_angle

VOXEL = 4.0


def brute_force(field, sides):
    """Sum over every triangle of modes of a tiny grid, one by one."""
    delta = field / field.mean() - 1
    modes = np.fft.fftn(delta) * VOXEL**3
    n = field.shape[0]
    numbers = np.array(list(itertools.product(np.fft.fftfreq(n, 1 / n).astype(int), repeat=3)))
    wavenumber = 2 * np.pi / (n * VOXEL) * np.linalg.norm(numbers, axis=1)
    inside = [(wavenumber > low) & (wavenumber <= high) for low, high in sides]
    values, count = 0.0, 0
    for one in numbers[inside[0]]:
        for two in numbers[inside[1]]:
            three = -(one + two)
            length = 2 * np.pi / (n * VOXEL) * np.linalg.norm(three)
            if sides[2][0] < length <= sides[2][1]:
                values += (modes[tuple(one)] * modes[tuple(two)] * modes[tuple(three % n)]).real
                count += 1
    return values / count / (field.size * VOXEL**3), count


@pytest.mark.parametrize(
    "sides", [[(0.1, 0.3)] * 3, [(0.1, 0.2), (0.3, 0.45), (0.3, 0.5)], [(0.15, 0.4)] * 3]
)
def test_triangles_are_those_of_a_brute_force_sum(sides):
    field = np.random.default_rng(3).gamma(0.7, size=(8, 8, 8))
    expected, count = brute_force(field, sides)
    found = BispectrumEstimator(field, VOXEL).measure(sides)
    assert found.triangles == count
    assert found.bispectrum == pytest.approx(expected, rel=1e-9)


def test_a_quadratic_field_has_the_reduced_bispectrum_of_its_coefficient():
    # delta = g + b (g^2 - <g^2>) has Q = 2 b at tree level, whatever the triangle
    coefficient, amplitude = 1.5, 0.01
    total, weight = 0.0, 0.0
    generator = np.random.default_rng(5)
    for _ in range(10):
        gaussian = amplitude * generator.normal(size=(24, 24, 24))
        bispectrum, normalisation = [], []
        # the same phases with the opposite sign: what is odd in g, and not of b, drops out
        for sign in (1, -1):
            field = 1 + sign * gaussian + coefficient * (gaussian**2 - amplitude**2)
            found = BispectrumEstimator(field, VOXEL).measure([(0.2, 0.5)] * 3)
            bispectrum.append(found.bispectrum)
            normalisation.append(found.bispectrum / found.reduced)
        total += sum(bispectrum)
        weight += sum(normalisation)
    assert total / weight == pytest.approx(2 * coefficient, rel=0.05)


def test_a_third_side_is_that_of_the_angle():
    field = np.random.default_rng(6).gamma(1.0, size=(32, 32, 32))
    angles, found = over_angle(field, VOXEL)
    assert (np.diff(angles) > 0).all()
    for angle, triangles in zip(angles, found, strict=True):
        expected = np.sqrt(0.1**2 + 0.2**2 + 2 * 0.1 * 0.2 * np.cos(angle))
        assert triangles.k[2] == pytest.approx(expected, rel=0.15)
        assert triangles.triangles > 0


def test_equilateral_triangles_end_before_they_alias():
    field = np.random.default_rng(7).gamma(1.0, size=(16, 16, 16))
    found = equilateral(field, VOXEL)
    assert len(found) > 1
    assert max(triangles.k[0] for triangles in found) < 2 / 3 * np.pi / VOXEL
    with pytest.raises(BoxError, match="aliased"):
        BispectrumEstimator(field, VOXEL).measure([(0.5, 0.6)] * 3)


def test_triangles_are_those_of_pylians():
    stored = json.loads((Path(__file__).parent / "pylians_bispectrum.json").read_text())
    assert "Pylians" in stored["code"]
    white = np.random.default_rng(2024).normal(size=(32, 32, 32))
    axis = 2 * np.pi * np.fft.fftfreq(32, VOXEL)
    square = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :17] ** 2
    smooth = np.fft.irfftn(
        np.fft.rfftn(white) * np.exp(-18 * square), s=white.shape, axes=(0, 1, 2)
    )
    estimator = BispectrumEstimator(np.exp(0.6 * smooth / smooth.std()), VOXEL)
    for triangle in stored["triangles"]:
        found = estimator.measure(triangle["edges"])
        assert found.triangles == triangle["triangles"]
        assert found.bispectrum == pytest.approx(triangle["bispectrum"], rel=2e-6)
        assert found.power == pytest.approx(triangle["power"], rel=2e-6)
        assert found.reduced == pytest.approx(triangle["reduced"], rel=2e-6)


@pytest.mark.parametrize(("measure", "most"), [(equilateral, 60), (over_angle, 90)])
def test_memory_is_so_many_bytes_a_voxel_however_many_shells_a_box_has(measure, most):
    taken = []
    for side in (24, 48):
        field = np.random.default_rng(8).gamma(1.0, size=(side, side, side))
        tracemalloc.start()
        measure(field, VOXEL)
        taken.append(tracemalloc.get_traced_memory()[1] / field.size)
        tracemalloc.stop()
    assert max(taken) < most


def test_triangles_are_counted_once_for_all_fields_of_one_shape(monkeypatch):
    first, second = np.random.default_rng(9).gamma(1.0, size=(2, 16, 16, 16))
    before = [found.triangles for found in equilateral(first, VOXEL)]
    transforms, transform = [], bispectrum.scipy.fft.irfftn
    monkeypatch.setattr(
        bispectrum.scipy.fft,
        "irfftn",
        lambda *args, **named: transforms.append(args) or transform(*args, **named),
    )
    assert [found.triangles for found in equilateral(second, VOXEL)] == before
    assert len(transforms) == len(before)
