import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.mass_function import expected_above
from halokeras.errors import RunError
from halokeras.painters.mass_law import expected_mass_law, fit_mass_law
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


def test_the_share_above_a_mass_is_that_of_the_halos_there():
    mass = power_law(200_000)
    law = fit_mass_law(mass, BINS)
    for threshold in (3e12, 8e12, 4e13, 3e14):
        held = np.array([(mass[channels(mass) == c] >= threshold).mean() for c in range(3)])
        np.testing.assert_allclose(law.shares_above(threshold), held, atol=0.01)


def test_the_law_above_a_mass_draws_what_the_whole_law_has_there():
    law = fit_mass_law(power_law(200_000), BINS)
    uniform = np.random.default_rng(3).random(1_000_000)
    for threshold, channel in ((4e12, 1), (5e13, 2), (4e14, 2)):
        whole = np.full(uniform.shape, channel)
        drawn = law.above(threshold).draw(whole, uniform)
        assert drawn.min() >= threshold * (1 - 1e-6)
        kept = law.draw(whole, uniform)
        kept = kept[kept >= threshold]
        quantiles = (0.1, 0.5, 0.9)
        expected = np.quantile(kept, quantiles)
        np.testing.assert_allclose(np.quantile(drawn, quantiles), expected, rtol=0.05)


def test_an_expected_law_is_the_mass_function_within_each_bin():
    law = expected_mass_law(BINS[1:], ABACUS_COSMOS["00"], 0.3)
    drawn = law.draw(np.full(400_000, 0), np.random.default_rng(4).random(400_000))
    edges = np.array([2e12, 3e12, 5e12, 1e13])
    found = np.histogram(drawn, edges)[0]
    expected = -np.diff(expected_above(edges, ABACUS_COSMOS["00"], 0.3, 1.0, "fof"))
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), rtol=0.01)
    assert law.shares_above(1e14)[1] == pytest.approx(
        np.divide(*expected_above(np.array([1e14, 1e13]), ABACUS_COSMOS["00"], 0.3, 1.0, "fof")),
        rel=0.02,
    )


@pytest.mark.parametrize("redshift", [0.0, 1.0])
def test_the_heaviest_halos_of_an_expected_law_are_no_heavier_than_the_mass_function_has_them(
    redshift,
):
    """Mean and mean square, which galaxies and their shot noise go with, of the open bin."""
    least, size = 1e14, 400_000
    law = expected_mass_law([Selection(mass_min=least)], ABACUS_COSMOS["00"], redshift)
    evenly = (np.arange(size) + 0.5) / size
    drawn = law.draw(np.zeros(size, np.int64), evenly).astype(np.float64)
    masses = np.geomspace(least, 1e16, 4000)
    above = expected_above(masses, ABACUS_COSMOS["00"], redshift, 1.0, "fof")
    there, middle = -np.diff(above), np.sqrt(masses[1:] * masses[:-1])
    for power in (1, 2):
        wanted = there @ middle**power / there.sum()
        assert (drawn**power).mean() == pytest.approx(wanted, rel=0.005)
    heaviest = np.quantile(drawn, 1 - 1 / 5000)
    assert heaviest == pytest.approx(np.interp(-above[0] / 5000, -above, masses), rel=0.05)
