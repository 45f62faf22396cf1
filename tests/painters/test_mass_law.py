import numpy as np
import pytest

from halokeras.errors import RunError
from halokeras.painters.mass_law import fit_mass_law
from halokeras.sections import Selection

EDGES = (0.0, 2e12, 1e13)
BINS = (
    Selection(mass_max=2e12),
    Selection(mass_min=2e12, mass_max=1e13),
    Selection(mass_min=1e13),
)


def power_law(size, seed=1):
    """Return masses as halos have them: of 20 and more particles, N(>M) as 1 / M."""
    particles = np.floor(20 / np.random.default_rng(seed).random(size))
    return (8.7e10 * particles).astype(np.float32)


def channels(mass):
    return np.searchsorted(EDGES, mass, side="right") - 1


def test_masses_are_drawn_in_their_bins_as_often_as_they_are_there():
    mass = power_law(200_000)
    law = fit_mass_law(mass, BINS)
    channel = channels(mass)
    drawn = law.draw(channel, np.random.default_rng(2).random(mass.size))
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(channels(drawn), channel)
    edges = np.append(np.geomspace(1.7e12, 1e14, 10), np.inf)
    found, expected = (np.histogram(one, edges)[0] for one in (drawn, mass))
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_light_halos_have_whole_numbers_of_particles():
    mass = power_law(100_000)
    law = fit_mass_law(mass, BINS)
    drawn = law.draw(np.zeros(50_000, np.int64), np.random.default_rng(3).random(50_000))
    assert np.isin(drawn, mass).mean() > 0.97
    assert drawn.min() == mass.min()


def test_a_large_volume_has_halos_heavier_than_the_heaviest_of_training():
    rng = np.random.default_rng(4)
    mass = 1e13 + rng.exponential(1e14, 3000)
    law = fit_mass_law(mass, BINS[2:])
    drawn = law.draw(np.zeros(300_000, np.int64), rng.random(300_000)).astype(np.float64)
    beyond = drawn[drawn > mass.max()]
    assert beyond.size == pytest.approx(100, abs=60)  # 300,000 / 3,000, of one heaviest halo
    assert drawn.mean() == pytest.approx(mass.mean(), rel=0.01)
    heavy = drawn[drawn > 5e14] - 5e14  # what is left of an exponential law is one again
    assert heavy.mean() == pytest.approx(1e14, rel=0.25)


def test_chance_alone_decides_and_more_chance_is_more_mass():
    law = fit_mass_law(power_law(10_000), BINS)
    uniform = np.linspace(0, 1, 1000, endpoint=False)
    for channel in range(3):
        drawn = law.draw(np.full(1000, channel), uniform)
        assert (np.diff(drawn) >= 0).all()
        assert np.isfinite(drawn).all()


@pytest.mark.parametrize("number", [0, 1])
def test_a_bin_without_halos_is_refused(number):
    mass = np.append(power_law(1000)[:500].clip(max=1.9e12), [3e12] * number)
    with pytest.raises(RunError, match=rf"{number} halos of 2e\+12 Msun/h to 1e\+13"):
        fit_mass_law(mass, BINS)
