from itertools import pairwise

import numpy as np
import pytest

from halokeras.fields.multipoles import multipoles

SIDE = 100.0
EDGES = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def points(number=1500, seed=1):
    return np.random.default_rng(seed).random((number, 3)) * SIDE


def summed_directly(position, weight=None):
    """Return the modes and the power of weighted points, mode by mode, without any mesh."""
    weight = np.ones(len(position)) if weight is None else weight
    along = np.arange(-8, 9)
    k = np.stack(np.meshgrid(along, along, along, indexing="ij"), -1).reshape(-1, 3)
    k = k * 2 * np.pi / SIDE
    modes = (np.exp(-1j * position @ k.T).T @ weight) / weight.sum()
    noise = SIDE**3 * (weight**2).sum() / weight.sum() ** 2
    return k, SIDE**3 * np.abs(modes) ** 2 - noise


def binned(k, values):
    size = np.linalg.norm(k, axis=1)
    bins = [(size > low) & (size <= high) for low, high in pairwise(EDGES)]
    return np.array([values[inside].mean() for inside in bins])


@pytest.mark.parametrize("weighted", [False, True])
def test_power_is_that_of_a_sum_over_points(weighted):
    position = points()
    weight = np.random.default_rng(3).lognormal(size=len(position)) if weighted else None
    k, power = summed_directly(position, weight)
    found = multipoles(position, (64, 64, 64), SIDE / 64, EDGES, weight=weight)
    np.testing.assert_allclose(found.power[0], binned(k, power), atol=0.003 * SIDE**3 / 1500)
    np.testing.assert_array_equal(found.modes, binned(k, np.ones(len(k))) * found.modes)
    np.testing.assert_allclose(found.power[2], 0, atol=1e-9)


def test_multipoles_along_an_axis_are_weighted_by_legendre_polynomials():
    position = points()
    displacement = np.random.default_rng(4).normal(0, 3, position.shape)
    found = multipoles(position, (64, 64, 64), SIDE / 64, EDGES, (1,), displacement)
    k, power = summed_directly(position + displacement * [0, 1, 0])
    size = np.maximum(np.linalg.norm(k, axis=1), 1e-9)
    mu = k[:, 1] / size
    for order, weight in {
        2: 5 * (3 * mu**2 - 1) / 2,
        4: 9 * (35 * mu**4 - 30 * mu**2 + 3) / 8,
    }.items():
        expected = binned(k, weight * power)
        np.testing.assert_allclose(found.power[order], expected, atol=0.01 * SIDE**3 / 1500)


def test_a_linear_mock_has_the_multipoles_of_kaiser():
    # a lattice displaced by a few plane waves so weakly that it is linear, of growth rate beta
    beta, lattice, amplitude = 0.5, 32, 2e-3
    line = (np.arange(lattice) + 0.5) * SIDE / lattice
    q = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    rng = np.random.default_rng(5)
    shift = np.zeros_like(q)
    along = np.arange(-3, 4)
    for n in np.stack(np.meshgrid(along, along, along, indexing="ij"), -1).reshape(-1, 3):
        wave = 2 * np.pi * n / SIDE
        size = np.linalg.norm(wave)
        # one of a mode and its opposite, so that all have the same power
        if tuple(n) > (0, 0, 0) and np.linalg.norm(n) <= 3:
            # delta = A cos(k q + phase), so the displacement is -A k / k^2 sin(k q + phase)
            phase = rng.random() * 2 * np.pi
            shift -= amplitude * np.outer(np.sin(q @ wave + phase), wave) / size**2
    edges = np.array([0.0, 3.01 * 2 * np.pi / SIDE])
    noise = SIDE**3 / len(q)  # a lattice has none, and it is subtracted
    args = ((64, 64, 64), SIDE / 64, edges)
    real = multipoles(q + shift, *args).power[0] + noise
    seen = multipoles(q + shift, *args, displacement=beta * shift)
    # (1 + beta mu^2)^2 and its quadrupole over the directions that these few modes have
    mu2, mu4, mu6 = ((_directions(3) ** power).mean() for power in (2, 4, 6))
    monopole = 1 + 2 * beta * mu2 + beta**2 * mu4
    quadrupole = 5 * (3 * (mu2 + 2 * beta * mu4 + beta**2 * mu6) - monopole) / 2
    assert seen.power[0] + noise == pytest.approx(real * monopole, rel=0.02)
    assert seen.power[2] == pytest.approx(real * quadrupole, rel=0.03)


def _directions(most):
    along = np.arange(-most, most + 1)
    n = np.stack(np.meshgrid(along, along, along, indexing="ij"), -1).reshape(-1, 3)
    size = np.linalg.norm(n, axis=1)
    kept = (size > 0) & (size <= most)
    return n[kept] / size[kept, None]
