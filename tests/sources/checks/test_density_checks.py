import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.cosmology.cosmology import ABACUS_COSMOS, Cosmology, growth
from halokeras.cosmology.power import linear_power
from halokeras.fields.gridding import cloud_in_cell
from halokeras.resources import shipped
from halokeras.simulation.lpt.lpt import first_order, lattice_positions, linear_modes, second_order
from halokeras.sources.checks.density_checks import density_shape, recognise_scheme

PLANCK = ABACUS_COSMOS["00"]
SIDE, VOXEL, REDSHIFT = 32, 4.0, 0.3


def fields(seed, cosmology=PLANCK, redshift=REDSHIFT):
    """Zel'dovich and 2LPT of the same modes, with 27 particles a voxel."""
    lattice, box_size = 3 * SIDE, SIDE * VOXEL
    delta = linear_modes(seed, lattice, box_size, linear_power(cosmology, redshift))
    now = growth(1 / (1 + redshift), cosmology)
    position = lattice_positions(lattice, box_size) + first_order(delta, box_size)
    first = cloud_in_cell(position.reshape(-1, 3), (SIDE,) * 3, VOXEL)
    position += np.float32(now.second[0] / now.first[0] ** 2) * second_order(delta, box_size)
    return first, cloud_in_cell(position.reshape(-1, 3), (SIDE,) * 3, VOXEL)


@pytest.mark.parametrize("seed", [101, 102])
def test_zeldovich_and_2lpt_of_the_same_modes_are_told_apart(seed):
    first, second = fields(seed)
    assert recognise_scheme(first, VOXEL, PLANCK, REDSHIFT).name == "zeldovich"
    assert recognise_scheme(second, VOXEL, PLANCK, REDSHIFT).name == "2lpt"


def test_a_sigma8_that_is_off_is_not_taken_for_another_scheme():
    low = Cosmology(PLANCK.H0, PLANCK.omega_m, PLANCK.omega_b, 0.72, PLANCK.n_s)
    first, second = fields(103, low)
    assert recognise_scheme(first, VOXEL, PLANCK, REDSHIFT).name == "zeldovich"
    assert recognise_scheme(second, VOXEL, PLANCK, REDSHIFT).name == "2lpt"


def test_a_half_voxel_slip_is_not_taken_for_another_scheme():
    _, second = fields(104)
    slipped = 0.5 * (second + np.roll(second, 1, axis=0))
    assert recognise_scheme(slipped, VOXEL, PLANCK, REDSHIFT).name == "2lpt"


@pytest.mark.parametrize("name", ["box00_seed1.h5", "box03_seed103.h5"])
def test_shipped_boxes_are_2lpt(name):
    box = read_box(shipped("boxes") / name)
    assert recognise_scheme(box.density, box.voxel_size, box.cosmology, box.redshift).name == "2lpt"


def test_a_lognormal_field_has_no_skewness_and_no_tail():
    rng = np.random.default_rng(1)
    field = np.exp(rng.normal(scale=0.01, size=(32, 32, 32)))
    shape = density_shape(field / field.mean())
    assert abs(shape.skewness) < 0.1
    # log(density + 0.1) of small fluctuations has 1 / 1.1 of their rms
    assert abs(shape.tail + np.log(1.1)) < 0.01


def test_few_voxels_are_not_judged():
    assert recognise_scheme(np.ones((8, 8, 8)), VOXEL, PLANCK, REDSHIFT).name is None
