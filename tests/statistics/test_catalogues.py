import numpy as np
import pytest

from halokeras.statistics.catalogue import MASS_EDGES, OCCUPATIONS, Catalogue
from halokeras.statistics.catalogues import CATALOGUE_STATISTICS
from halokeras.statistics.statistic import Sample

SHAPE = (32, 32, 32)
BY_NAME = {one.name: one for one in CATALOGUE_STATISTICS}
DENSITY = Sample(np.random.default_rng(0).lognormal(size=SHAPE), 4.0)


def catalogue(number=4000, seed=1, shape=SHAPE, **columns):
    rng = np.random.default_rng(seed)
    made = {
        "mass": 10 ** rng.uniform(12.2, 14.5, number),
        "velocity": rng.normal(0, 300, (number, 3)),
    }
    position = (rng.random((number, 3)) * 4 * shape[0]).astype(np.float32)
    return Catalogue(position, shape, 4.0, distance=0.011, **(made | columns))


def test_every_statistic_of_a_catalogue_against_itself_is_one_wherever_there_is_something():
    halos = catalogue()
    for statistic in CATALOGUE_STATISTICS:
        found = statistic.measure(halos, halos, DENSITY).value
        known = np.isfinite(found)
        assert known.any(), statistic.name
        np.testing.assert_allclose(found[known], 1, rtol=1e-12)
        if statistic.axis is not None:
            at = statistic.axis.places(halos)
            edges = statistic.axis.edges
            assert np.shape(found) == np.shape(at), statistic.name
            assert edges is None or np.shape(edges(halos)) == np.shape(at), statistic.name


def test_names_are_told_apart():
    assert len(BY_NAME) == len(CATALOGUE_STATISTICS)


def test_columns_tell_what_can_be_measured():
    assert catalogue().columns == {"mass", "velocity"}
    assert catalogue(mass=None).columns == {"velocity"}
    assert catalogue(velocity=None).columns == {"mass"}


def test_twice_as_fast_halos_have_twice_the_speed_and_dispersion():
    halos = catalogue()
    fast = catalogue(velocity=2 * halos.velocity)
    assert BY_NAME["halo_speed"].measure(fast, halos, DENSITY).value == pytest.approx(2)
    found = BY_NAME["pairwise_dispersion"].measure(fast, halos, DENSITY).value
    np.testing.assert_allclose(found, 2)
    found = BY_NAME["infall"].measure(fast, halos, DENSITY).value
    np.testing.assert_allclose(found, 2)


def test_halos_of_a_tenth_more_mass_move_between_bins():
    halos = catalogue()
    heavy = catalogue(mass=halos.mass * 10**0.2)
    ours = BY_NAME["mass_function"].measure(heavy, halos, DENSITY).painted
    theirs = BY_NAME["mass_function"].measure(halos, halos, DENSITY).halos
    np.testing.assert_array_equal(ours[1:], theirs[:-1])
    assert theirs.sum() == 4000


def test_bins_of_mass_without_halos_have_no_power():
    halos = catalogue()
    light = catalogue(mass=np.full(4000, MASS_EDGES[1] / 2))
    held = (halos.mass < MASS_EDGES[1]).sum()
    number = BY_NAME["mass_bin_1_number"].measure(light, halos, DENSITY)
    assert number.value == 4000 / held
    assert number.scatter == pytest.approx(4000 / held * np.sqrt(1 / 4000 + 1 / held))
    assert BY_NAME["mass_bin_4_number"].measure(light, halos, DENSITY).value == 0
    assert np.isnan(BY_NAME["mass_bin_4_power"].measure(light, halos, DENSITY).value).all()
    assert np.isnan(BY_NAME["mass_bin_4_cross_power"].measure(light, halos, DENSITY).value).all()


@pytest.mark.parametrize("side", [8, 12, 16])
def test_a_box_too_small_for_the_lowest_bin_is_compared_where_halos_of_a_bin_are_missing(side):
    # the longest mode of a box of less than 126 Mpc/h is beyond the first bin, 0.05 h/Mpc
    shape = (side, side, side)
    halos = catalogue(500, shape=shape)
    light = catalogue(500, shape=shape, mass=np.full(500, MASS_EDGES[1] / 2))
    density = Sample(np.random.default_rng(0).lognormal(size=shape), 4.0)
    for statistic in CATALOGUE_STATISTICS:
        for pair in ((light, halos), (halos, light)):
            found = statistic.measure(*pair, density).value
            if statistic.axis is not None:
                assert np.shape(found) == np.shape(statistic.axis.places(halos)), statistic.name


def test_galaxies_are_those_of_zheng_et_al():
    faint, bright = OCCUPATIONS
    # half of the halos of log_least have a central galaxy; satellites are negligible there
    least = np.array([10**bright.log_least])
    satellites = ((10**12.79 - 10**11.92) / 10**13.94) ** 1.15
    assert bright.mean(least)[0] == pytest.approx(0.5 * (1 + satellites))
    heavy = np.array([10**15.0])
    assert faint.mean(heavy)[0] == pytest.approx(1 + (1e15 / 10**13.01) ** 1.06, rel=1e-3)
    assert bright.mean(np.array([1e11]))[0] < 1e-4
    assert (faint.mean(heavy) > bright.mean(heavy)).all()


def test_the_scatter_of_a_mass_function_is_that_of_its_value():
    mass = MASS_EDGES[1] / 2
    few, many = (catalogue(number, mass=np.full(number, mass)) for number in (100, 400))
    found = BY_NAME["mass_function"].measure(few, many, DENSITY)
    held = found.halos > 0
    assert found.value[held] == pytest.approx(0.25)
    assert found.scatter[held] == pytest.approx(0.25 * np.sqrt(1 / 100 + 1 / 400))


def test_a_catalogue_without_any_halo_of_a_mass_is_not_told_to_be_uncertain():
    mass = MASS_EDGES[1] / 2
    none, many = (catalogue(400, mass=np.full(400, value)) for value in (10 * mass, mass))
    found = BY_NAME["mass_function"].measure(none, many, DENSITY)
    held = found.halos > 0
    assert found.value[held] == 0
    assert (found.scatter[held] < 0.01).all()
