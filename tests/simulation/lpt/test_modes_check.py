import numpy as np
import pytest

from halokeras.cosmology.cosmology import box_cosmology, growth, redshift_of_growth
from halokeras.cosmology.power import linear_power
from halokeras.errors import BoxError
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.lpt import linear_modes
from halokeras.simulation.lpt.modes_check import check_modes

PLANCK = box_cosmology("00")


def check(made_at, box, seed=7, factor=1.0):
    modes = linear_modes(seed, box.lattice[0], box.length, linear_power(PLANCK, made_at))
    modes *= np.sqrt(factor)
    check_modes(modes, box, linear_power(PLANCK, box.redshift))


@pytest.mark.parametrize(("made_at", "asked"), [(0.0, 0.3), (0.6, 0.3), (0.3, 0.0), (49.0, 0.3)])
def test_modes_of_another_redshift_are_refused_with_that_redshift(made_at, asked):
    box = LptBox(PLANCK, 1, (16, 16, 16), redshift=asked, modes_name="delta.npy")
    told = rf"at redshift {asked:g}, which fits about redshift ([\d.]+);"
    with pytest.raises(BoxError, match=told) as caught:
        check(made_at, box)
    fits = float(str(caught.value).split("fits about redshift ")[1].split(";")[0])
    assert fits == pytest.approx(made_at, abs=0.06 * (1 + made_at))


@pytest.mark.parametrize("voxels", [4, 6, 16])
def test_modes_of_the_redshift_itself_pass_for_every_seed(voxels):
    box = LptBox(PLANCK, 1, (voxels,) * 3)
    for seed in range(30):
        check(0.3, box, seed)


def test_few_modes_may_differ_more_but_never_by_a_factor_of_two():
    few = LptBox(PLANCK, 1, (2, 2, 2))
    check(0.3, few, seed=3, factor=1.4)
    with pytest.raises(BoxError, match=r"8\.85 times the large-scale power .* fits no redshift"):
        check(0.3, few, seed=3, factor=10)


def test_the_redshift_of_a_growth_is_that_which_gave_it():
    for redshift in (0.0, 0.3, 49.0):
        first = growth(1 / (1 + redshift), PLANCK).first[0]
        assert redshift_of_growth(first, PLANCK) == pytest.approx(redshift, abs=1e-3)
    assert redshift_of_growth(1.03, PLANCK) == 0
    assert redshift_of_growth(1.3, PLANCK) is None
