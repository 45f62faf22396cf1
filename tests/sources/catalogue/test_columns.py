import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.columns import choose_columns, parse_columns
from halokeras.sources.tables.table import Table, TableColumn


def table(*names, wide=(), kinds=None):
    columns = {
        name: TableColumn((kinds or {}).get(name, ""), 3 if name in wide else 1) for name in names
    }
    return Table("halos.x", "", columns, 0, lambda *_: iter(()))


CONVENTIONS = {
    "halotools": (
        table("halo_id", "halo_x", "halo_y", "halo_z", "halo_vx", "halo_mvir", "halo_m200b",
              "halo_rvir", "halo_upid", "halo_pid", "halo_mpeak"),
        ("halo_x", "halo_y", "halo_z"), "halo_mvir", None, "halo_id", "halo_upid",
    ),
    "rockstar": (
        table("ID", "DescID", "Mvir", "Vmax", "Np", "X", "Y", "Z", "M200b", "M200c", "PID"),
        ("X", "Y", "Z"), "Mvir", None, "ID", "PID",
    ),
    "consistent-trees": (
        table("scale", "id", "pid", "upid", "mvir", "x", "y", "z", "M500c"),
        ("x", "y", "z"), "mvir", None, "id", "upid",
    ),
    "gadget fof": (
        table("GroupPos", "GroupMass", "GroupLen", "Group_M_Crit200", "GroupVel",
              wide=("GroupPos", "GroupVel")),
        ("GroupPos",), "GroupMass", None, None, None,
    ),
    "subfind": (table("SubhaloPos", "SubhaloMass", wide=("SubhaloPos",)),
                ("SubhaloPos",), "SubhaloMass", None, None, None),
    "gadget particles": (table("Coordinates", "ParticleIDs", wide=("Coordinates",)),
                         ("Coordinates",), None, None, "ParticleIDs", None),
    "compaso": (table("id", "N", "x_L2com", wide=("x_L2com",)),
                ("x_L2com",), None, "N", "id", None),
    "abacus cosmos": (
        table("id", "parent_id", "pos", "m", "N", "m_SO", wide=("pos",)),
        ("pos",), "m", None, "id", "parent_id",
    ),
    "fastpm": (table("Position", "Length", "ID", wide=("Position",)),
               ("Position",), None, "Length", "ID", None),
    "nbodykit": (table("CMPosition", "Mass", "Length", wide=("CMPosition",)),
                 ("CMPosition",), "Mass", None, None, None),
    "ahf": (
        table("ID", "hostHalo", "numSubStruct", "Mhalo", "npart", "Xc", "Yc", "Zc", "VXc", "VYc"),
        ("Xc", "Yc", "Zc"), "Mhalo", None, "ID", "hostHalo",
    ),
    "velociraptor": (
        table("ID", "hostHaloID", "npart", "Mvir", "Mass_200crit", "Xc", "Yc", "Zc"),
        ("Xc", "Yc", "Zc"), "Mvir", None, "ID", "hostHaloID",
    ),
    "soap": (
        table("InputHalos/HaloCentre", "InputHalos/HaloCatalogueIndex", "SOAP/HostHaloIndex",
              "BoundSubhalo/TotalMass", "SO/200_crit/TotalMass", wide=("InputHalos/HaloCentre",)),
        ("InputHalos/HaloCentre",), "BoundSubhalo/TotalMass", None,
        "InputHalos/HaloCatalogueIndex", "SOAP/HostHaloIndex",
    ),
    "ours": (table("position", "mass", wide=("position",)),
             ("position",), "mass", None, None, None),
    "painted": (table("halo_id", "halo_x", "halo_y", "halo_z"),
                ("halo_x", "halo_y", "halo_z"), None, None, "halo_id", None),
}  # fmt: skip


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_known_conventions(convention):
    given, position, mass, particles, id, parent = CONVENTIONS[convention]
    found = choose_columns(given)
    assert found.position == position
    assert (found.mass, found.particles, found.id, found.parent) == (mass, particles, id, parent)


def test_of_several_masses_the_virial_one_is_read_and_the_others_are_told():
    found = choose_columns(table("x", "y", "z", "m500c", "m200c", "m200b", "m", "mvir"))
    assert found.mass == "mvir"
    assert found.other_masses == ("m", "m200b", "m200c", "m500c")
    assert "mass = mvir" in found.sentence()
    assert "m, m200b, m200c, m500c could be the mass too" in found.sentence()
    for order, expected in (("m200c m200b m", "m"), ("m500c m200c m200b", "m200b")):
        assert choose_columns(table("x", "y", "z", *order.split())).mass == expected


def test_named_columns_go_before_guesses():
    given = table("x", "y", "z", "cx", "cy", "cz", "mvir", "m200c", "id", "Halo", "Np")
    named = parse_columns(["position=cx,CY,cz", "mass=m200c", "id=halo"])
    found = choose_columns(given, named)
    assert (found.position, found.mass, found.id) == (("cx", "cy", "cz"), "m200c", "Halo")
    assert found.other_masses == ("mvir",)
    found = choose_columns(given, {"particles": "Np"})
    assert (found.mass, found.particles) == (None, "Np")
    assert choose_columns(given, {"id": ""}).id is None


def test_further_columns_are_known_by_halotools_names_and_by_those_in_use():
    found = choose_columns(CONVENTIONS["rockstar"][0])
    assert found.further == {
        "mass_virial": ("Mvir",), "mass_200b": ("M200b",), "mass_200c": ("M200c",),
    }  # fmt: skip
    moving = table("x", "y", "z", "m", "halo_vx", "halo_vy", "halo_vz", "spin", "concentration")
    assert choose_columns(moving).further == {"velocity": ("halo_vx", "halo_vy", "halo_vz")}
    flat = table("x", "y", "z", "m", "vel", "vx", "vy")
    assert choose_columns(flat).further == {}
    with pytest.raises(BoxError, match="1 numbers in a row and a velocity needs 3"):
        choose_columns(flat, {"velocity": "vel"})
    assert choose_columns(moving, {"velocity": ""}).further == {}


def test_a_name_that_differs_in_case_only_is_ambiguous_where_two_do():
    given = table("X", "y", "z", "Mass", "MASS")
    named = {"position": "x,Y,z", "mass": "MASS"}
    assert choose_columns(given, named).position == ("X", "y", "z")
    with pytest.raises(BoxError, match=r"columns Mass and MASS.*--columns mass=Mass"):
        choose_columns(given)
    with pytest.raises(BoxError, match="no column mass"):
        choose_columns(given, {"mass": "mass"})
    assert choose_columns(given, {"mass": "MASS"}).mass == "MASS"


def test_ids_may_be_real_numbers_by_type():
    found = choose_columns(table("x", "y", "z", "id", "pid", kinds={"id": "f", "pid": "f"}))
    assert (found.id, found.parent) == ("id", "pid")


@pytest.mark.parametrize(
    ("names", "position"),
    [
        ("Z x y z mvir", "x,y,z"),  # Z is the redshift, or the place in redshift space
        ("X Y Z z mvir", "X,Y,Z"),  # z is the redshift
        ("x y Z mvir", "x,y,Z"),
        ("X Y Z x y z", "x,y,z"),
        ("Pos_x Pos_y Pos_z", "Pos_x,Pos_y,Pos_z"),
    ],
)
def test_axes_are_of_one_case_and_an_exact_name_goes_first(names, position):
    assert ",".join(choose_columns(table(*names.split())).position) == position


def test_axes_that_fit_in_two_ways_are_asked_for():
    with pytest.raises(BoxError, match="columns Z and z, which differ in case only; choose with"):
        choose_columns(table("X", "y", "Z", "z"))


def test_other_positions_are_told():
    given = table("x_L2com", "x_com", "N", wide=("x_L2com", "x_com"))
    found = choose_columns(given)
    assert found.position == ("x_L2com",)
    assert "x_com could be the position too" in found.sentence()


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"mass": "m"}, "no column m;"),
        ({"position": "a,b"}, "names 2 columns"),
        ({"position": "a"}, "1 numbers in a row and a position needs 3"),
        ({"mass": "v"}, "3 numbers in a row and a mass needs 1"),
        ({}, "known to be a position; name it with --columns position=x,y,z (there are a, v)"),
    ],
)
def test_what_is_not_there_is_told(named, words):
    with pytest.raises(BoxError) as caught:
        choose_columns(table("a", "v", wide=("v",)), named)
    assert words in str(caught.value)
    assert "halos.x" in str(caught.value) or "--columns" in str(caught.value)


@pytest.mark.parametrize("given", [["mass"], ["colour=red"], ["mass=a", "mass=b"]])
def test_columns_that_name_no_meaning_are_refused(given):
    with pytest.raises(BoxError, match="--columns"):
        parse_columns(given)
