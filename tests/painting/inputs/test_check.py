from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import Box
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import ModelError
from halokeras.painters.provenance import read_provenance
from halokeras.painting.inputs import check
from halokeras.painting.inputs.density import density_of
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density


def check_input(provenance, box, force=False):
    return check.check_input(provenance, density_of(box), force)


@pytest.fixture
def provenance(tiny_provenance):
    return read_provenance(tiny_provenance, "test")


@pytest.fixture(scope="module")
def of_theory():
    made = LptBox(ABACUS_COSMOS["00"], seed=3, voxels=(16, 16, 16))
    return Box(
        voxel_size=4.0,
        redshift=made.redshift,
        cosmology=made.cosmology,
        provenance={"density_scheme": "2lpt"},
        density=make_density(made).astype(np.float32),
    )


def test_the_training_box_itself_is_fine(provenance, tiny_box):
    assert check_input(provenance, tiny_box) == []


def test_a_shifted_copy_of_the_training_box_is_fine(provenance, tiny_box):
    moved = replace(tiny_box, density=np.roll(tiny_box.density, (3, 5, 7), (0, 1, 2)))
    assert check_input(provenance, moved) == []


def test_another_voxel_size_is_refused_unless_forced(provenance, tiny_box):
    finer = replace(tiny_box, voxel_size=2.0)
    with pytest.raises(ModelError, match=r"4 Mpc/h .* 2 Mpc/h.*--force"):
        check_input(provenance, finer)
    assert "mean nothing" in check_input(provenance, finer, force=True)[0]


def test_another_known_density_scheme_is_refused_unless_forced(provenance, tiny_box):
    zeldovich = replace(tiny_box, provenance={"density_scheme": "zeldovich"})
    with pytest.raises(ModelError, match="zeldovich"):
        check_input(provenance, zeldovich)
    assert len(check_input(provenance, zeldovich, force=True)) == 1
    assert check_input(provenance, replace(tiny_box, provenance={})) == []


def test_another_redshift_warns(provenance, tiny_box):
    (warning,) = check_input(provenance, replace(tiny_box, redshift=0.5))
    assert "0.3" in warning
    assert "0.5" in warning


@pytest.mark.parametrize("box_id", ["03", "04"])
def test_another_cosmology_warns_and_names_what_differs(provenance, tiny_box, box_id):
    other = replace(tiny_box, cosmology=ABACUS_COSMOS[box_id])
    (warning,) = check_input(provenance, other)
    assert f"H0 {ABACUS_COSMOS[box_id].H0:g} instead of 67.26" in warning


def test_an_unstated_cosmology_does_not_warn(provenance, tiny_box):
    assert check_input(provenance, replace(tiny_box, cosmology=None)) == []


def test_a_smoother_density_warns(provenance, tiny_box):
    smooth = (tiny_box.density + np.roll(tiny_box.density, 1, 0)) / 2
    warnings = check_input(provenance, replace(tiny_box, density=smooth))
    assert any("percentile" in warning for warning in warnings)
    assert any("power" in warning for warning in warnings)


def test_a_box_without_density_is_refused(provenance, tiny_box):
    painted = replace(tiny_box, density=None, counts=tiny_box.density)
    with pytest.raises(ModelError, match="no density"):
        check_input(provenance, painted)


def test_conditions_that_were_not_seen_are_refused_by_name_unless_forced(provenance, of_theory):
    seen = {"redshift": (0.0, 1.5), "omega_m": (0.1, 0.4), "w0": (-1.0, -1.0)}
    told = provenance.model_copy(update={"conditions_seen": seen, "cosmology": None})
    assert check_input(told, replace(of_theory, redshift=1.5)) == []
    asked = r"redshift 0 to 1\.5 and was asked for 1\.8; choose another model that .* --force"
    with pytest.raises(ModelError, match=asked):
        check_input(told, replace(of_theory, redshift=1.8))
    dark = replace(of_theory, cosmology=replace(ABACUS_COSMOS["00"], w0=-0.8))
    with pytest.raises(ModelError, match=r"w0 -1 alone and was asked for -0\.8"):
        check_input(told, dark)
    (warning,) = check_input(told, dark, force=True)
    assert "w0" in warning


def test_a_density_of_another_epoch_than_it_tells_warns_a_painter_of_any(provenance, of_theory):
    seen = {"redshift": (0.0, 9.0), "sigma8": (0.1, 4.0)}
    told = provenance.model_copy(update={"conditions_seen": seen, "cosmology": None})
    assert check_input(told, of_theory) == []
    (warning,) = check_input(told, replace(of_theory, redshift=6.0))
    assert "at z = 6: check its redshift" in warning
    strong = replace(of_theory, cosmology=replace(of_theory.cosmology, sigma8=3.0))
    (warning,) = check_input(told, strong)
    assert " below k = 0.2 h/Mpc is 0.0" in warning
    assert check_input(told, replace(of_theory, cosmology=None, redshift=6.0)) == []


def test_a_box_of_few_large_modes_is_not_judged_by_them(provenance, of_theory):
    told = provenance.model_copy(update={"conditions_seen": {"redshift": (0.0, 9.0)}})
    column = of_theory.density[:2, :2]
    narrow = replace(of_theory, density=column / column.mean(), redshift=6.0)
    assert check_input(told, narrow) == []
