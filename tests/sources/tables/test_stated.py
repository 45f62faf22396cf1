import importlib.util

import numpy as np
import pytest

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.painting.catalogues.formats import FORMATS, catalogue_file
from halokeras.sources.catalogue.columns import choose_columns
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.stated import (
    agreed_box_size,
    agreed_particle_mass,
    check_cosmology,
    check_hubble,
    stated_box_size,
    stated_cosmology,
    stated_particle_mass,
    stated_redshift,
)
from halokeras.sources.tables.unit_text import parse_unit


@pytest.mark.parametrize(
    ("about", "size"),
    [
        ({"Lbox": 250.0}, 250),
        ({"LBOX_X": 250.0, "LBOX_Y": 250.0, "LBOX_Z": 250.0}, 250),
        ({"BoxSize": np.array([75000.0] * 3)}, 75),
        ({"box_size": 64}, 64),
        ({"BoxSize": "large"}, None),
        ({"BoxSize": -1.0}, None),
        ({}, None),
    ],
)
def test_the_side_of_the_box(about, size):
    assert stated_box_size("a.h5", about, 1e-3) == size


def test_a_box_that_is_no_cube_is_refused():
    with pytest.raises(BoxError, match=r"a\.h5.*must be a cube"):
        stated_box_size("a.h5", {"Lbox": np.array([1.0, 1.0, 2.0])}, 1)


@pytest.mark.parametrize(
    ("about", "redshift"),
    [
        ({"Redshift": 0.3}, 0.3),
        ({"redshift": "0.3000"}, 0.3),
        ({"redshift": "low"}, None),
        ({"redshift": -2e-16}, 0),
        ({"scale_factor": 0.5}, 1),
        ({"Time": 0.25}, 3),
        ({"Time": 13.8}, None),
        ({"ScalingFactor": 0.5, "Redshift": 1.0}, 1.0),
        ({"Scale-factor": 0.5, "Time": 0.0137}, 1.0),
        ({}, None),
    ],
)
def test_the_redshift(about, redshift):
    assert stated_redshift(about) == redshift


def test_the_mass_of_a_particle():
    table = np.array([0, 4.0, 0, 0, 0, 0])
    assert stated_particle_mass({"ParticleMassHMsun": 2e9}, 1e10) == 2e9
    assert stated_particle_mass({"MassTable": table}, 1e10) == 4e10
    assert stated_particle_mass({"MassTable": 0 * table}, 1e10) is None


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.filterwarnings("ignore:Data type alias:DeprecationWarning")
def test_our_painted_catalogues_tell_their_box_and_units(tmp_path, format):
    if importlib.util.find_spec(FORMATS[format].package) is None:
        pytest.skip(f"{FORMATS[format].package} is not installed")
    position = (64 * np.random.default_rng(8).random((20, 3))).astype(np.float32)
    columns = {f"halo_{axis}": position[:, i] for i, axis in enumerate("xyz")}
    rows = {"halo_id": 2**40 + np.arange(20), **columns}
    path = tmp_path / f"halos{FORMATS[format].suffix}"
    about = {"Lbox": [64.0, 64.0, 64.0], "redshift": 0.3, "particle_mass": 4e10}
    with catalogue_file(path, format, list(rows), 20, about) as append:
        append(rows)
    with open_table(path) as table:
        chosen = choose_columns(table)
        chunk = next(table.chunks(chosen.position, [chosen.id]))
        assert stated_box_size(str(path), table.about, 1) == 64
        assert stated_redshift(table.about) == 0.3
        assert stated_particle_mass(table.about, 1) == 4e10
        if format != "bigfile":
            units = {parse_unit(table.columns[name].unit).name for name in chosen.position}
            assert units == {"Mpc/h"}
    parts = [chunk[name] for name in chosen.position]
    np.testing.assert_array_equal(parts[0] if len(parts) == 1 else np.stack(parts, 1), position)
    np.testing.assert_array_equal(chunk[chosen.id], rows["halo_id"])


def test_two_statements_of_one_thing_must_agree():
    with pytest.raises(BoxError, match=r"a\.h5 tells scale factor of 0\.769231.*0\.5 by scale"):
        stated_redshift({"Redshift": 0.3, "scale_factor": 0.5}, "a.h5")
    with pytest.raises(BoxError, match="tells a box of 250 Mpc/h by lbox and 100 by boxsize"):
        stated_box_size("a.h5", {"Lbox": 250.0, "BoxSize": 1e5}, 1e-3)
    assert stated_box_size("a.h5", {"Lbox": 100.0, "BoxSize": 1e5}, 1e-3) == 100


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"Omega0": 0.27, "HubbleParam": 0.7, "OmegaBaryon": 0.0}, {"omega_m": 0.27, "h": 0.7}),
        ({"Omega_M": 0.3, "h0": 0.7}, {"omega_m": 0.3, "h": 0.7}),
        ({"omega_m": 0.3, "h": 0.7}, {"omega_m": 0.3, "h": 0.7}),
        ({"H0": 67.26, "Om0": 0.31, "sigma8": 0.8}, {"h": 0.6726, "omega_m": 0.31, "sigma8": 0.8}),
        ({"Hubble": 0.1, "HubbleParam": 0.7}, {"h": 0.7}),  # 100 km/s/Mpc in units of kpc
        ({"Omega_b": 0.049, "w_0": -1.0, "n_s": 0.96}, {"omega_b": 0.049, "w0": -1.0, "n_s": 0.96}),
        ({"h": "tall", "Om": 7.0}, {}),
    ],
)
def test_the_cosmology(about, told):
    assert stated_cosmology(about) == pytest.approx(told)


PLANCK = Cosmology(67.26, 0.314153, 0.04912, 0.83, 0.9652)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"h": 0.7}, "h is 0.7 and the cosmology given has 0.6726"),
        ({"omega_m": 0.27}, "omega_m is 0.27 and the cosmology given has 0.314153"),
        ({"sigma8": 0.78}, "sigma8 is 0.78 and the cosmology given has 0.83"),
        ({"w0": -0.9}, "w0 is -0.9 and the cosmology given has -1"),
    ],
)
def test_a_cosmology_that_is_not_the_files_is_refused_with_both_values(told, words):
    with pytest.raises(BoxError, match=words):
        check_cosmology("a.list", told, PLANCK)
    agreed = check_cosmology("a.list", {"h": 0.6726, "omega_m": 0.3142}, PLANCK)
    assert agreed == "a.list itself tells h 0.6726, omega_m 0.3142, as the cosmology given has."
    assert check_cosmology("a.list", {}, PLANCK) is None


def test_h_that_is_not_the_files_is_refused_with_both_values():
    check_hubble("a.list", {"h": 0.7}, None)
    check_hubble("a.list", {"h": 0.7}, 0.7)
    check_hubble("a.list", {}, 0.7)
    with pytest.raises(BoxError, match=r"h is 0\.7 and --hubble is 0\.72"):
        check_hubble("a.list", {"h": 0.7}, 0.72)


def test_the_box_and_the_particles_are_the_files_or_the_users_but_for_rounding():
    for agreed, rounding in ((agreed_box_size, 1e-4), (agreed_particle_mass, 1e-3)):
        assert agreed("a.list", None, None) is None
        assert agreed("a.list", 500.0, None) == agreed("a.list", None, 500.0) == 500
        given = 500 * (1 + 0.9 * rounding)
        assert agreed("a.list", 500.0, given) == given
        with pytest.raises(BoxError, match=r"a\.list .* 500 M"):
            agreed("a.list", 500.0, 500 * (1 + 1.1 * rounding))
