from halokeras.cosmology.cosmology import ABACUS_COSMOS, Cosmology
from halokeras.painting.inputs.choice import ANY, OWN, nearly_own, shipped_painter

PLANCK = ABACUS_COSMOS["00"]


def test_the_painter_of_one_epoch_paints_what_it_learned_and_what_is_not_told():
    assert shipped_painter(0.3, PLANCK) == shipped_painter(0.3, ABACUS_COSMOS["04"]) == OWN
    assert shipped_painter(None, None) == shipped_painter(0.3, None) == OWN


def test_a_cosmology_typed_as_it_is_printed_is_the_one_that_was_printed():
    printed = {name: float(f"{value:g}") for name, value in PLANCK.parameters.items()}
    assert Cosmology(**printed) != PLANCK
    assert shipped_painter(0.3, Cosmology(**printed)) == OWN
    assert shipped_painter(0.3, Cosmology(**printed), 5e12) == OWN
    assert shipped_painter(0.3, Cosmology(**(printed | {"sigma8": 0.8301}))) == ANY


def test_a_cosmology_that_was_rounded_is_nearly_the_one_that_was_learned():
    rounded = Cosmology(67.26, 0.314, 0.049, 0.83, 0.965)
    assert shipped_painter(0.3, rounded) == ANY
    assert "omega_m 0.314 instead of 0.3141" in nearly_own(rounded)
    assert nearly_own(PLANCK) == nearly_own(ABACUS_COSMOS["03"]) == ""


def test_another_epoch_or_cosmology_is_painted_by_the_one_that_is_told_them():
    assert shipped_painter(0.8, PLANCK) == ANY
    assert shipped_painter(0.3, ABACUS_COSMOS["02"]) == ANY
    assert shipped_painter(0.8, ABACUS_COSMOS["04"]) == ANY
    assert shipped_painter(None, Cosmology(67, 0.3, 0.05, 0.8, 0.96)) == ANY


def test_halos_from_a_mass_on_are_painted_by_who_knows_their_mass_in_that_cosmology():
    assert shipped_painter(0.3, PLANCK, 5e12) == OWN
    assert shipped_painter(0.3, ABACUS_COSMOS["04"], 5e12) == ANY


def test_another_epoch_of_no_known_cosmology_cannot_be_told():
    assert shipped_painter(0.8, None) == OWN
