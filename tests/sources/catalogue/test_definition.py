import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import _MASSES
from halokeras.sources.catalogue.definition import defined_by, named_definition

NAMES = {
    "vir": ["mvir", "halo_mvir", "Mvir", "mbound_vir", "Group_M_TopHat200"],
    "200b": ["M200b", "m_200b", "mass_200b", "Group_M_Mean200", "m200m", "SO/200_mean/TotalMass",
             "Mass_200mean"],
    "200c": ["M200c", "mass_200cr", "Group_M_Crit200", "SO/200_crit/TotalMass", "Mass_200crit"],
    "500c": ["M500c", "halo_m500c", "Group_M_Crit500"],
    "2500c": ["M2500c"],
    "fof": ["GroupMass", "fofmass", "Mfof"],
    None: ["mass", "m", "Mass", "SubhaloMass", "mpeak", "BoundSubhalo/TotalMass", "m1e10", None],
}  # fmt: skip


@pytest.mark.parametrize("definition", NAMES)
def test_names_of_columns_state_definitions(definition):
    assert {named_definition(name) for name in NAMES[definition]} == {definition}


def test_every_overdensity_that_is_known_by_name_is_known_by_its_definition():
    told = {name for names in _MASSES for name in names if any(c.isdigit() for c in name)}
    assert all(named_definition(name) for name in told)


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
