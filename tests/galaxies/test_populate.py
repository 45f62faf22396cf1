import numpy as np
import pytest

from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.halo_structure import radii
from halokeras.galaxies.missing import density, missing_share
from halokeras.galaxies.populate import SATELLITE, Universe, numbers, populate
from halokeras.painting.catalogues.halos import hubble_distance
from halokeras.statistics.occupation import ZHENG07

COSMOLOGY, REDSHIFT = ABACUS_COSMOS["00"], 0.3
SIDES = (40.0, 60.0, 30.0)
UNIVERSE = Universe(SIDES, COSMOLOGY, REDSHIFT, "virial")
BRIGHT = ZHENG07[-21.0]


def halos_of(mass, seed=1):
    rng = np.random.default_rng(seed)
    number = len(mass)
    position = (rng.random((number, 3)) * SIDES).astype(np.float32)
    velocity = rng.normal(scale=300, size=(number, 3)).astype(np.float32)
    ids = rng.permutation(number).astype(np.int64) * 65536 + 3
    return Halos(position=position, id=ids, velocity=velocity)


def places(galaxies):
    return np.stack([galaxies[axis] for axis in "xyz"], axis=1)


@pytest.mark.parametrize("mass", [5e12, 2e13, 1e14, 1e15])
def test_halos_hold_as_many_galaxies_as_the_occupation_says(mass):
    several = np.full(40_000, mass)
    central, satellites = numbers(np.arange(40_000), several, BRIGHT, seed=5)
    share, mean = BRIGHT.centrals(several)[0], BRIGHT.satellites(several)[0]
    assert central.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 4e4))
    assert satellites.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 4e4))
    noise = np.sqrt((mean + 2 * mean**2) / 4e4)
    assert satellites.var() == pytest.approx(mean, abs=4 * noise)  # Poisson
    both = satellites[central].mean() if central.any() else mean
    assert both == pytest.approx(mean, abs=4 * np.sqrt(mean / central.sum()))


def test_a_galaxy_knows_its_halo_and_the_seed_alone():
    mass = np.geomspace(1e13, 1e15, 500)
    halos = halos_of(mass)
    whole = populate(halos, mass, BRIGHT, 7, UNIVERSE, "y")
    order = np.random.default_rng(3).permutation(500)
    parts = [
        populate(halos[rows], mass[rows], BRIGHT, 7, UNIVERSE, "y")
        for rows in np.array_split(order, 4)
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in whole}
    assert whole.keys() == joined.keys()
    for name, column in whole.items():
        by_halo = np.argsort(whole["halo_id"], kind="stable")
        also = np.argsort(joined["halo_id"], kind="stable")
        np.testing.assert_array_equal(column[by_halo], joined[name][also])
    other = populate(halos, mass, BRIGHT, 8, UNIVERSE, "y")
    assert len(other["x"]) != len(whole["x"]) or (other["x"] != whole["x"]).any()


def test_centrals_lie_where_halos_do_and_satellites_within_their_radii():
    mass = np.full(300, 5e14)
    halos = halos_of(mass)
    galaxies = populate(halos, mass, BRIGHT, 1, UNIVERSE)
    row = np.argsort(halos.id)[np.searchsorted(np.sort(halos.id), galaxies["halo_id"])]
    away = places(galaxies).astype(np.float64) - halos.position[row]
    away -= np.round(away / SIDES) * SIDES
    distance = np.sqrt((away**2).sum(axis=1))
    orbiting = galaxies["galaxy_type"] == SATELLITE
    radius = radii(mass[:1], "virial", COSMOLOGY, REDSHIFT)[0]
    assert (distance[~orbiting] == 0).all()
    assert distance[orbiting].max() < radius * (1 + 1e-4)
    # An NFW halo has half of its mass within some 0.4 of its radius.
    assert np.median(distance[orbiting]) == pytest.approx(0.4 * radius, rel=0.15)
    assert (places(galaxies) >= 0).all()
    assert (places(galaxies) < SIDES).all()
    moving = np.stack([galaxies[f"v{axis}"] for axis in "xyz"], axis=1) - halos.velocity[row]
    assert (moving[~orbiting] == 0).all()
    assert moving[orbiting].mean() == pytest.approx(0, abs=60)
    assert 400 < moving[orbiting].std() < 1200


def test_satellites_look_the_same_along_every_axis():
    mass = np.full(3000, 5e14)
    halos = Halos(position=np.full((3000, 3), 15, np.float32), id=np.arange(3000))
    galaxies = populate(halos, mass, BRIGHT, 1, UNIVERSE)
    away = places(galaxies)[galaxies["galaxy_type"] == SATELLITE] - 15
    spread = away.std(axis=0)
    assert spread == pytest.approx(spread.mean(), rel=0.03)
    assert away.mean(axis=0) == pytest.approx(0, abs=0.03)
    assert "vx" not in galaxies


def test_redshift_space_shifts_by_velocity_over_hubble_rate_and_wraps():
    mass = np.full(200, 1e14)
    galaxies = populate(halos_of(mass), mass, BRIGHT, 1, UNIVERSE, "z")
    shift = (galaxies["z_rsd"] - galaxies["z"].astype(np.float64)) / SIDES[2]
    expected = galaxies["vz"] * hubble_distance(REDSHIFT, COSMOLOGY) / SIDES[2]
    np.testing.assert_allclose((shift - expected + 0.5) % 1 - 0.5, 0, atol=1e-5)
    assert ((galaxies["z_rsd"] >= 0) & (galaxies["z_rsd"] < SIDES[2])).all()
    assert np.abs(galaxies["z_rsd"] - galaxies["z"]).max() > SIDES[2] / 2  # one was wrapped


def test_drawn_galaxies_are_as_dense_as_the_integral_over_the_mass_function():
    from halokeras.cosmology.mass_function import expected_above

    edges = np.geomspace(1.5e12, 1e16, 4001)
    volume = 300.0**3
    above = expected_above(edges, COSMOLOGY, REDSHIFT, volume, "vir")
    ranks = np.arange(int(above[0])) + 0.5
    mass = np.exp(np.interp(-ranks, -above, np.log(edges)))
    central, satellites = numbers(np.arange(len(mass)), mass, BRIGHT, seed=2)
    drawn = central.sum() + satellites.sum()
    expected = volume * density(BRIGHT, 1.5e12, 1e16, COSMOLOGY, REDSHIFT, "virial")
    assert drawn == pytest.approx(expected, rel=0.03)


def test_galaxies_are_missing_below_a_floor():
    told = (COSMOLOGY, REDSHIFT, "virial")
    bright = missing_share(BRIGHT, 1.5e12, *told)
    faint = missing_share(ZHENG07[-19.5], 1.5e12, *told)
    assert 0 < bright < 0.05 < faint < 0.8
    assert missing_share(BRIGHT, 1e11, *told) < 1e-4
