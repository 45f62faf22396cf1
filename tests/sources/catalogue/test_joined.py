from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns
from halokeras.sources.catalogue.density_grid import DensityGrid
from halokeras.sources.catalogue.joined import join
from halokeras.sources.catalogue.particles import ParticleDensity
from halokeras.sources.catalogue.read import HaloCatalogue

DENSITY = np.ones((8, 8, 8), np.float32)
NOTHING = {"cosmology": None, "initial_modes": None, "own_seed": None, "provenance": {}}


def catalogue(box_size=64.0, redshift=0.3, position=(1.0, 2.0, 3.0)):
    halos = Halos(np.array([position]), np.array([1e13]))
    return HaloCatalogue(halos, Columns(("x", "y", "z")), box_size, redshift, 1e9, {}, ("halos",))


def particles(box_size=64.0, redshift=0.3):
    return ParticleDensity(DENSITY, box_size, redshift, 512, ("particles",))


def test_what_files_state_is_taken_and_what_was_assumed_kept():
    found = join(catalogue(), name="h", redshift=None, grid=particles(), **NOTHING)
    assert (found.box_size, found.redshift) == (64.0, 0.3)
    assert (found.density_box_size, found.density_redshift) == (64.0, 0.3)
    assert found.assumed == ("halos", "particles")
    assert found.provenance == {"particle_mass": 1e9}


def test_the_density_tells_what_the_catalogue_does_not():
    found = join(catalogue(None, None), name="h", redshift=None, grid=particles(), **NOTHING)
    assert (found.box_size, found.redshift) == (64.0, 0.3)


def test_halos_move_with_a_grid_whose_values_lie_on_corners():
    grid = DensityGrid(DENSITY, -0.5, ())
    found = join(catalogue(), name="h", redshift=0.3, grid=grid, **NOTHING)
    np.testing.assert_allclose(found.halos.position, [[5.0, 6.0, 7.0]])


def test_halos_that_leave_the_box_with_its_corner_enter_it_again_and_strays_stay_outside():
    grid = DensityGrid(DENSITY, -0.5, ())
    moved = catalogue(position=(61.0, 64.0, 66.0))
    found = join(moved, name="h", redshift=0.3, grid=grid, **NOTHING)
    np.testing.assert_allclose(found.halos.position, [[1.0, 4.0, 70.0]])


@pytest.mark.parametrize(
    ("given", "redshift", "told"),
    [
        (catalogue(redshift=None), None, "give it with --redshift"),
        (catalogue(box_size=None), 0.3, "--box-size"),
        (catalogue(), 0.5, "at redshift 0.3 and --redshift is 0.5"),
    ],
)
def test_what_is_unknown_or_contradicts_is_named(given, redshift, told):
    grid = DensityGrid(DENSITY, 0.0, ())
    with pytest.raises(BoxError, match=told):
        join(given, name="h", redshift=redshift, grid=grid, **NOTHING)


PLANCK = Cosmology(67.26, 0.314153, 0.04912, 0.83, 0.9652)


def test_the_cosmology_of_files_is_compared_with_the_given_one_and_with_each_other():
    grid = DensityGrid(DENSITY, 0.0, ())
    told = replace(catalogue(), about={"Omega0": 0.27, "HubbleParam": 0.7})
    given = {**NOTHING, "cosmology": PLANCK}
    with pytest.raises(BoxError, match=r"says that h is 0\.7 and the cosmology given has 0\.67"):
        join(told, name="h", redshift=None, grid=grid, **given)
    join(told, name="h", redshift=None, grid=grid, **NOTHING)  # nothing to compare with
    other = replace(particles(), cosmology={"h": 0.68})
    with pytest.raises(BoxError, match=r"h is 0\.7 and its density 0\.68"):
        join(told, name="h", redshift=None, grid=other, **NOTHING)
    with pytest.raises(BoxError, match=r"given says that h is 0\.6726 and --hubble is 0\.7"):
        join(catalogue(), name="h", redshift=None, grid=grid, **given, hubble=0.7)
    same = replace(catalogue(), about={"Omega0": 0.3142})
    found = join(same, name="h", redshift=None, grid=grid, **given)
    assert "h itself tells omega_m 0.3142, as the cosmology given has." in found.assumed


def test_the_definition_that_the_mass_states_is_kept():
    named = replace(catalogue(), columns=Columns(("x", "y", "z"), "M500c"))
    grid = DensityGrid(DENSITY, 0.0, ())
    found = join(named, name="h", redshift=None, grid=grid, **NOTHING)
    assert found.provenance["mass_definition"] == "500c"
    given = {**NOTHING, "provenance": {"mass_definition": "vir"}}
    with pytest.raises(BoxError, match="500c and --mass-definition is vir"):
        join(named, name="h", redshift=None, grid=grid, **given)


def test_what_a_grid_tells_of_itself_is_kept_for_the_checks():
    grid = DensityGrid(DENSITY, 0.0, (), 128.0, 0.5)
    found = join(catalogue(), name="h", redshift=None, grid=grid, **NOTHING)
    assert (found.density_box_size, found.density_redshift) == (128.0, 0.5)
