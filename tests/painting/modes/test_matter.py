from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import SOFTWARE
from halokeras.boxes.box_file import Header
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.painting.modes.known import check_same, known_box
from halokeras.painting.modes.matter import matter_of
from halokeras.simulation.fine_matter.fields import FineFields
from halokeras.simulation.fine_matter.halo_motion import HaloMotion

TOLD = {"seed": 5, "density_scheme": "2lpt", **SOFTWARE}
HEADER = Header(4.0, 0.3, ABACUS_COSMOS["03"], TOLD)


def test_a_box_made_from_a_seed_is_known():
    found = known_box(HEADER, (16, 8, 8))
    assert (found.seed, found.voxels, found.cosmology) == (5, (16, 8, 8), ABACUS_COSMOS["03"])


@pytest.mark.parametrize(
    "told",
    [
        {"software": "another"},
        {"density_scheme": "zeldovich"},
        {"seed": "five"},
        {"initial_modes": "mine.npy"},
        {"initial_conditions": "zeldovich 720^3"},
    ],
)
def test_modes_of_others_are_not_known(told):
    assert known_box(replace(HEADER, provenance=TOLD | told), (16, 8, 8)) is None


def test_modes_of_no_cosmology_or_of_odd_sides_are_not_known():
    assert known_box(replace(HEADER, cosmology=None), (16, 8, 8)) is None
    assert known_box(HEADER, (1, 8, 8)) is None


def test_a_finer_density_of_another_realisation_is_refused():
    rng = np.random.default_rng(1)
    fine = rng.lognormal(size=(16, 24, 32))
    density = fine.reshape(8, 2, 12, 2, 16, 2).mean(axis=(1, 3, 5))
    check_same(density, fine)
    check_same(density + rng.normal(0, 0.1, density.shape), fine)
    with pytest.raises(BoxError, match="made again from its seed"):
        check_same(density[::-1], fine)
    check_same(density[[1, 0, 3, 2, 4, 5, 6, 7]], fine, layers=4)  # the last ones
    with pytest.raises(BoxError, match="made again from its seed"):
        check_same(density[[0, 1, 2, 3, 7, 6, 5, 4]], fine, layers=4)


def test_sharpness_and_exclusion_follow_the_side_of_a_sub_voxel():
    ones = np.ones((32, 32, 32))
    fine = FineFields(ones, ones, ones, HaloMotion(amplitude=1.0, rate=60.0, mean_density=9e10))
    of_one = matter_of(fine, (8, 8, 8), 4.0)
    of_two = matter_of(fine, (8, 8, 8), 8.0)
    assert of_one.sharpness == 2.5
    assert of_two.sharpness == pytest.approx(2.5 * 2**0.5)
    assert of_one.exclusion * 4 == pytest.approx(of_two.exclusion * 8)
    earlier = replace(fine, motion=replace(fine.motion, amplitude=0.5))
    # where matter has clustered less, less of it is anywhere but where halos are
    assert matter_of(earlier, (8, 8, 8), 4.0).sharpness > 1.5 * of_one.sharpness
