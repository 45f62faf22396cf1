import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.definition import defined_by


def test_the_name_says_what_the_user_does_not():
    found, said = defined_by("a.csv", "M500c", {})
    assert found == {"mass_definition": "500c"}
    assert said == ("Masses are defined as 500c, by the name of M500c.",)
    assert defined_by("a.csv", "mass", {}) == ({}, ())
    assert defined_by("a.csv", None, {}) == ({}, ())


def test_a_definition_that_is_not_that_of_the_name_is_refused_with_both():
    with pytest.raises(BoxError, match="M500c states masses of 500c and --mass-definition is 200b"):
        defined_by("a.csv", "M500c", {"mass_definition": "200b"})
    found, said = defined_by("a.csv", "M500c", {"mass_definition": "SO 500c"})
    assert found == {} and "states its definition 500c" in said[0]
    found, said = defined_by("a.csv", "halo_mvir", {"mass_definition": "fof"})
    assert found == {} and "fof, as stated, though the name of halo_mvir says vir" in said[0]
