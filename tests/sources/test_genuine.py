"""Catalogues below the whole headers that finders write."""

import importlib.util

import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.sources.catalogue.read import read_halos
from halokeras.sources.tables.formats import open_table
from halokeras.sources.tables.stated import stated_cosmology
from tests.sources import genuine

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)
PLANCK = {"h": pytest.approx(0.6726), "omega_m": pytest.approx(0.314153)}


def check(found, redshift=0.3, rtol=1e-6):
    np.testing.assert_allclose(found.halos.position, genuine.POSITION, rtol=rtol)
    np.testing.assert_allclose(found.halos.mass, genuine.MASS, rtol=rtol)
    assert found.redshift == pytest.approx(redshift, abs=1e-5)
    assert found.box_size == pytest.approx(256)
    told = stated_cosmology(found.about)
    assert {name: told[name] for name in PLANCK} == PLANCK


def hosts(found):
    return next(said for said in found.assumed if "subhalos" in said)


def test_rockstars_list(tmp_path):
    path = genuine.rockstar(tmp_path / "out_0.list")
    found = read_halos(path)
    check(found)
    assert found.particle_mass == 8.7189e10
    with open_table(path) as table:
        assert list(table.columns) == f"{genuine.ROCKSTAR_NAMES} PID".split()
        assert not table.unusable
        assert {column.unit for column in table.columns.values()} == {None}


def test_rockstars_ascii_list_of_one_process(tmp_path):
    path = genuine.rockstar_ascii(tmp_path / "halos_0.0.ascii")
    check(read_halos(path))
    with open_table(path) as table:
        assert list(table.columns) == genuine.ROCKSTAR_ASCII_NAMES.split()


def test_consistent_trees_list(tmp_path):
    path = genuine.hlist(tmp_path / "hlist_0.76923.list")
    found = read_halos(path)
    check(found, 1 / 0.76923 - 1)
    assert hosts(found).startswith("0 of 40")
    assert any("x in Mpc/h comoving, y in" in said for said in found.assumed)
    with open_table(path) as table:
        assert list(table.columns) == genuine.TREE_NAMES.split()
    with pytest.raises(BoxError, match="--length-unit is kpc/h"):
        read_halos(path, length_unit="kpc/h")


def test_lists_of_several_epochs_are_refused(tmp_path):
    scales = np.repeat([0.5, 0.76923], 20)
    path = genuine.hlist(tmp_path / "hlist.list")
    text = path.read_text().splitlines()
    path.write_text("\n".join([*text[:-1], text[-1].replace("0.76923", "1.00000", 1)]))
    with pytest.raises(BoxError, match=r"several epochs, of scale factor 0\.76923 and 1;"):
        read_halos(path)
    with pytest.raises(BoxError, match=r"merger trees of consistent-trees.* name the hlist"):
        read_halos(genuine.trees(tmp_path / "tree_0_0_0.dat"))
    np.save(tmp_path / "a.npy", np.rec.fromarrays(
        [scales, *genuine.POSITION.T, genuine.MASS], names="halo_scale_factor,x,y,z,mvir"
    ))  # fmt: skip
    with pytest.raises(BoxError, match=r"several epochs, of scale factor 0\.5 and 0\.76923"):
        read_halos(tmp_path / "a.npy")


UNSIGNED = 2**64 - 1 - np.arange(40, dtype=np.uint64)


@pytest.mark.parametrize(
    ("ids", "hosts_of", "subhalos"),
    [
        (np.arange(40) + 5, np.where(np.arange(40) % 4, 0, 6), 10),  # 0 is none
        (np.arange(40), np.where(np.arange(40) % 4, -1, 0), 10),  # 0 is a halo
        (UNSIGNED, np.where(np.arange(40) % 4, 0, UNSIGNED[0]), 10),  # and so is 2^64 - 1
        (UNSIGNED - 40, np.where(np.arange(40) % 4, 0, UNSIGNED[1] - 40), 10),
    ],
)
@pytest.mark.parametrize("end", ["", "\t"])
def test_ahf(tmp_path, ids, hosts_of, subhalos, end):
    path = genuine.ahf(tmp_path / "my.z0.300.AHF_halos", ids, hosts_of, end)
    found = read_halos(path, length_unit="kpc/h", box_size=256)
    np.testing.assert_allclose(found.halos.position, genuine.POSITION, rtol=1e-6)
    np.testing.assert_array_equal(found.halos.id.astype(np.uint64), ids.astype(np.uint64))
    assert found.redshift == pytest.approx(0.3)
    assert hosts(found).startswith(f"{subhalos} of 40")
    only = read_halos(path, length_unit="kpc/h", box_size=256, hosts_only=True)
    np.testing.assert_array_equal(only.halos.mass, genuine.MASS[np.arange(40) % 4 != 0])
    if ids[0]:  # without ids only the parents tell
        alone = read_halos(
            path, columns={"id": ""}, length_unit="kpc/h", box_size=256, hosts_only=True
        )
        np.testing.assert_array_equal(alone.halos.mass, only.halos.mass)


def test_gadget_4(tmp_path):
    path = genuine.gadget4(tmp_path / "fof_subhalo_tab_004.hdf5")
    found = read_halos(path, length_unit="kpc/h", mass_unit="1e10 Msun/h")
    check(found)
    assert found.columns.mass == "GroupMass"
    check(read_halos(path, part="Subhalo", length_unit="kpc/h", mass_unit="1e10 Msun/h"))
    with pytest.raises(BoxError, match="GroupPos in kpc/h and --length-unit is Mpc/h"):
        read_halos(path)
    genuine.gadget4(path, factors=True)  # a dataset tells more of itself than the header
    with pytest.raises(BoxError, match="GroupPos in Mpc/h and --length-unit is kpc/h"):
        read_halos(path, length_unit="kpc/h", mass_unit="1e10 Msun/h")


def test_a_gadget_catalogue_that_lost_halos(tmp_path):
    import h5py

    path = genuine.gadget4(tmp_path / "fof_subhalo_tab_004.hdf5")
    with h5py.File(path, "a") as file:
        file["Header"].attrs["Ngroups_Total"] = 41
    with pytest.raises(BoxError, match="holds 40 halos and its header promises 41"):
        read_halos(path, length_unit="kpc/h", mass_unit="1e10 Msun/h")


def test_swift(tmp_path):
    path = genuine.swift(tmp_path / "snapshot_0004.hdf5")
    with open_table(path) as table:
        assert table.columns["Coordinates"].unit == "Mpc"
        assert table.columns["Masses"].unit == "1e10 Msun"
        assert table.columns["Velocities"].unit is None
    with pytest.raises(BoxError, match="Coordinates in Mpc and --length-unit is Mpc/h"):
        read_halos(path)
    found = read_halos(path, length_unit="Mpc", mass_unit="1e10 Msun")  # h is the file's own
    np.testing.assert_allclose(found.halos.position, genuine.POSITION)
    np.testing.assert_allclose(found.halos.mass, 12e10 * genuine.H)
    assert (found.redshift, found.box_size) == (pytest.approx(0.3), pytest.approx(256))


def test_soap(tmp_path):
    path = genuine.soap(tmp_path / "halo_properties_0004.hdf5")
    found = read_halos(path, length_unit="Mpc", mass_unit="1e10 Msun")
    check(found)
    assert found.columns.mass == "BoundSubhalo/TotalMass"
    assert "SO/200_crit/TotalMass could be the mass too" in found.assumed[0]
    assert hosts(found).startswith("10 of 40")
    only = read_halos(
        path,
        columns={"mass": "SO/200_crit/TotalMass"},
        length_unit="Mpc",
        mass_unit="1e10 Msun",
        drop_invalid=True,
    )
    np.testing.assert_allclose(only.halos.mass, genuine.MASS[np.arange(40) % 4 != 0])


def test_velociraptor(tmp_path):
    path = genuine.velociraptor(tmp_path / "snap.properties.hdf5")
    found = read_halos(path, mass_unit="1e10 Msun/h")
    check(found)
    assert hosts(found).startswith("10 of 40")
    genuine.velociraptor(path, comoving=0)
    with pytest.raises(BoxError, match="Xc in physical Mpc, which is physical"):
        read_halos(path, length_unit="Mpc", mass_unit="1e10 Msun")
    genuine.velociraptor(path, comoving=0, scale=1.0)  # today both are the same
    read_halos(path, length_unit="Mpc", mass_unit="1e10 Msun")
