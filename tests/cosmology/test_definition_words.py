import pytest

from halokeras.boxes.masses import own_definition
from halokeras.cosmology.cosmology import Background
from halokeras.cosmology.definition_words import stated_definition
from halokeras.cosmology.mass_function import mass_definition
from halokeras.sources.catalogue.column_names import MASSES

NAMES = {
    "vir": ["mvir", "halo_mvir", "Mvir", "mbound_vir", "Group_M_TopHat200", "Mvir_all", "M_virial"],
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
    assert {stated_definition(name) for name in NAMES[definition]} == {definition}


def test_every_overdensity_that_is_known_by_name_is_known_by_its_definition():
    told = {name for names in MASSES for name in names if any(c.isdigit() for c in name)}
    assert all(stated_definition(name) for name in told)


@pytest.mark.parametrize(
    ("words", "stated", "ours", "of_the_mass_function"),
    [
        ("FoF of the Virgo Consortium", "fof", "fof", "fof"),
        ("Group_M_Crit200", "200c", "200c", "200c"),
        ("halos of every environment", None, None, None),
        ("SO 368.6 mean", "369b", None, "369m"),
        ("SO 200.0 mean", "200b", "200b", "200m"),
        ("friends of friends, nmin=20 b=0.2", "fof", "fof", "fof"),
        ("virialised", "vir", "virial", "vir"),
        ("500c of friends of friends", "500c", None, "500c"),
        ("particles of the group", "fof", "fof", "fof"),
    ],
)
def test_the_same_words_state_the_same_everywhere(words, stated, ours, of_the_mass_function):
    provenance = {"mass_definition": words}
    assert stated_definition(words) == stated
    assert own_definition(provenance) == ours
    assert mass_definition(provenance, Background(0.31), 0.3) == of_the_mass_function
