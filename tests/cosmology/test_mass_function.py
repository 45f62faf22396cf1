import importlib
from pathlib import Path

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.cosmology.cosmology import ABACUS_COSMOS, Background
from halokeras.cosmology.mass_function import (
    abundance,
    expected_above,
    expected_bias,
    mass_definition,
    mass_scale,
)
from halokeras.errors import BoxError
from halokeras.resources import shipped

PLANCK = ABACUS_COSMOS["00"]
H = PLANCK.H0 / 100

WATSON = [6888.06, 382.605]
"""Above 1e13 and 1e14 Msun/h in (256 Mpc/h)^3: eq. 12 over CAMB's power, test_shipped_boxes.py."""


@pytest.fixture(scope="module")
def masses():
    box = read_box(shipped("boxes") / "box00_seed1.h5")
    return box.halos.mass.astype(np.float64), box.provenance["particle_mass"]


def scale(mass, definition="fof", particle_mass=None):
    return mass_scale(mass, PLANCK, 0.3, 256.0**3, definition, particle_mass)


def test_masses_in_the_right_unit_are_left_alone(masses):
    found = scale(*masses[:1], particle_mass=masses[1])
    assert found.unit is None
    assert 0.85 < found.factor < 1.1


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("Msun", 1 / H),
        ("Msun/h times h", H),
        ("1e10 Msun/h", 1e-10),
        ("1e10 Msun", 1e-10 / H),
        ("Msun/h times 1e10", 1e10),
        ("kg", 1.98841e30 / H),
        ("g/h", 1.98841e33),
    ],
)
def test_a_wrong_unit_is_named(masses, unit, factor):
    found = scale(masses[0] * factor)
    assert found.unit == unit
    assert found.known == pytest.approx(1 / factor)


def test_logarithms_and_numbers_of_particles_are_named(masses):
    mass, particle_mass = masses
    assert scale(np.log10(mass)).unit == "log10 of Msun/h"
    assert scale(np.round(mass / particle_mass), particle_mass=particle_mass).known == particle_mass


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_masses_somewhat_off_tell_no_unit(masses, factor):
    assert scale(masses[0] * factor).unit is None


def test_expected_counts_are_those_of_watson_2013():
    # colossus takes the power of Eisenstein & Hu (1998)
    above = expected_above(np.array([1e13, 1e14]), PLANCK, 0.3, 256.0**3, "fof")
    np.testing.assert_allclose(above, WATSON, rtol=0.06)


def test_more_halos_are_expected_where_less_density_bounds_them():
    above = {d: expected_above(np.array([1e13]), PLANCK, 0.3, 1e6, d) for d in ("200m", "200c")}
    assert above["200m"] > 1.1 * above["200c"]
    assert above["200m"] == expected_above(np.array([1e13]), PLANCK, 0.3, 1e6, None)


@pytest.mark.parametrize("redshift", [1.1, 1.5, 3.0])
def test_virial_halos_of_early_times_are_as_many_as_those_of_200_times_the_mean(redshift):
    mass = np.array([1e12, 1e13])
    found = [expected_above(mass, PLANCK, redshift, 1e6, name) for name in ("vir", "200m")]
    np.testing.assert_array_equal(*found)
    late = [expected_above(mass, PLANCK, 0.3, 1e6, name) for name in ("vir", "200m")]
    assert (late[0] < 0.99 * late[1]).all()


def test_no_halos_are_expected_before_there_are_any():
    with pytest.raises(BoxError, match="at redshift 400"):
        expected_above(np.array([1e13]), PLANCK, 400.0, 1e6, "fof")


def test_abundance_counts_every_halo_above_the_floor_once(masses):
    edges, found, expected = abundance(masses[0], 4e12, PLANCK, 0.3, 256.0**3, "fof")
    assert found.sum() == np.count_nonzero(masses[0] >= 4e12)
    assert len(edges) == len(expected) > 4
    np.testing.assert_allclose(found / expected, 1, atol=0.3)


@pytest.mark.parametrize(
    ("provenance", "definition"),
    [
        ({"mass_definition": "200b"}, "200m"),
        ({"mass_definition": "M_200c, bound"}, "200c"),
        ({"mass_definition": "200 crit"}, "200c"),
        ({"mass_definition": "M200critical"}, "200c"),
        ({"mass_definition": "200 background"}, "200m"),
        ({"mass_definition": "bound virial"}, "vir"),
        ({"mass_definition": "500c"}, "500c"),
        ({"mass_definition": "2500c"}, None),  # denser than Tinker et al. fitted
        ({"halo_finder": "friends-of-friends b=0.2 nmin=20"}, "fof"),
        ({"mass_definition": "N (1 - N^-0.6) of 20 members", "halo_finder": "FoF"}, "fof"),
        ({"halo_finder": "Rockstar"}, "vir"),
        ({"halo_finder": "my own"}, None),
        ({}, None),
    ],
)
def test_mass_definitions_are_read(provenance, definition):
    assert mass_definition(provenance, Background(0.31), 0.3) == definition


def test_colossus_keeps_nothing_on_disk_and_its_state(tmp_path, monkeypatch):
    state = importlib.import_module("colossus.cosmology.cosmology")
    monkeypatch.setattr(state, "current_cosmo", None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected_above(np.array([1e13]), PLANCK, 0.417, 1e6, "200m")
    assert state.current_cosmo is None
    assert list(tmp_path.iterdir()) == []


def test_bias_of_the_halos_of_a_box_is_what_was_found_from_outside():
    # Tinker et al. (2010) averaged over halos of at least 20 particles, at redshift 0.3
    edges = np.geomspace(1.45e12, 1e16, 200)
    above = expected_above(edges, PLANCK, 0.3, 256.0**3, "fof")
    middle = np.sqrt(edges[1:] * edges[:-1])
    bias = expected_bias(middle, PLANCK, 0.3)
    assert 1.13 < np.average(bias, weights=above[:-1] - above[1:]) < 1.17
    assert (np.diff(bias) > 0).all()
