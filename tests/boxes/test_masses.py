import numpy as np
import pytest

from halokeras.boxes.box import Box, halo_counts
from halokeras.boxes.halos import Halos
from halokeras.boxes.masses import own_definition, select
from halokeras.errors import BoxError

FRIENDS = {"halo_finder": "friends-of-friends b=0.2 nmin=20"}
HALOS = Halos(
    position=np.array([[1, 1, 1], [2, 2, 2], [3, 3, 3]], np.float32),
    mass=np.array([3e13, 2e13, 1e13], np.float32),
    id=np.arange(3),
    mass_200b=np.array([1e13, 3e13, 0], np.float32),
)


@pytest.mark.parametrize(
    "provenance, definition",
    [
        (FRIENDS, "fof"),
        (FRIENDS | {"mass_definition": "particle_mass N (1 - N^-0.6) of the N members"}, "fof"),
        ({"mass_definition": "particles of the group"}, "fof"),
        ({"mass_definition": "200b", **FRIENDS}, "200b"),
        ({"mass_definition": "M200mean"}, "200b"),
        ({"mass_definition": "M_200c, bound"}, "200c"),
        ({"mass_definition": "bound virial"}, "virial"),
        ({"mass_definition": "500c", **FRIENDS}, None),
        ({"mass_definition": "1200c"}, None),
        ({"halo_finder": "rockstar"}, None),
        ({"halo_finder": "compaso", "mass_definition": "SO 200.0 mean"}, "200b"),
        ({"halo_finder": "compaso", "mass_definition": "SO 368.6 mean"}, None),
        ({}, None),
    ],
)
def test_the_definition_of_mass_is_what_the_box_states(provenance, definition):
    assert own_definition(provenance) == definition


@pytest.mark.parametrize(
    "definition, kept", [(None, [0, 1]), ("fof", [0, 1]), ("200b", [1])], ids=str
)
def test_masses_of_the_definition_that_is_asked_for_decide(definition, kept):
    assert select(HALOS, 2e13, None, definition, FRIENDS).id.tolist() == kept
    assert select(HALOS, 0.0, 2e13, definition, FRIENDS).id.tolist() == [
        row for row in range(3) if row not in kept
    ]


def test_mass_serves_where_the_box_states_that_it_is_of_the_definition():
    bare = Halos(HALOS.position, HALOS.mass, HALOS.id)
    assert select(bare, 2e13, None, "200c", {"mass_definition": "200c"}).id.tolist() == [0, 1]


@pytest.mark.parametrize(
    "definition, provenance, reason",
    [
        ("200c", FRIENDS, r"200c.*have mass \(fof\), mass_200b; .*or a box with halos/mass_200c"),
        ("virial", {}, r"have mass \(no stated definition\), mass_200b"),
        ("fof", {"mass_definition": "500c"}, r"mass \(500c\).*friends-of-friends masses"),
    ],
)
def test_masses_of_another_definition_never_serve(definition, provenance, reason):
    with pytest.raises(BoxError, match=reason):
        select(HALOS, 2e13, None, definition, provenance)


def test_counts_are_of_the_definition_and_bare_counts_have_none():
    box = Box(4.0, 0.3, None, np.ones((2, 2, 2), np.float32), HALOS, provenance=FRIENDS)
    assert halo_counts(box, 2e13, None, "200b").sum() == 1
    bare = Box(4.0, 0.3, None, counts=np.ones((2, 2, 2), np.float32))
    with pytest.raises(BoxError, match="no halo masses"):
        halo_counts(bare, mass_definition="fof")
