import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import Columns
from halokeras.sources.catalogue.density_grid import DensityGrid
from halokeras.sources.catalogue.joined import join
from halokeras.sources.catalogue.particles import ParticleDensity
from halokeras.sources.catalogue.read import HaloCatalogue
from halokeras.sources.source import HaloTable

DENSITY = np.ones((8, 8, 8), np.float32)
NOTHING = {"cosmology": None, "initial_modes": None, "own_seed": None, "provenance": {}}


def catalogue(box_size=64.0, redshift=0.3, position=(1.0, 2.0, 3.0)):
    halos = HaloTable(np.array([position]), np.array([1e13]))
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
