"""Halos and particles of two files, each with units, columns and an origin of its own."""

import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.fields.gridding import cloud_in_cell
from halokeras.listener import Listener
from halokeras.sources.catalogue.source import (
    About,
    Coordinates,
    HaloTableFile,
    ParticleFiles,
    read_catalogue,
)
from tests.sources import genuine

SIDE, VOXELS = 256.0, 8
PARTICLES = SIDE * np.random.default_rng(5).random((5000, 3))
KPC = {"UnitLength_in_cm": 3.085678e21, "UnitMass_in_g": 1.989e43, "HubbleParam": genuine.H}


def snapshot(path, position=1000 * PARTICLES, names=("Coordinates",), **header):
    """Dark matter of Gadget, in kpc/h."""
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update(
            {"BoxSize": 1000 * SIDE, "Redshift": 0.3, **header}
        )
        columns = [position] if len(names) == 1 else position.T
        for name, values in zip(names, columns, strict=True):
            file[f"PartType1/{name}"] = values
    return path


def read(halos, particles, coordinates=Coordinates(box_size=SIDE), **of_particles):  # noqa: B008
    matter = ParticleFiles(particles, **of_particles)
    table = HaloTableFile(halos)
    return read_catalogue(table, matter, coordinates, About(), VOXELS, None, Listener())


def fits(source):
    expected = cloud_in_cell(PARTICLES, (VOXELS,) * 3, SIDE / VOXELS)
    np.testing.assert_allclose(source.density, expected, rtol=1e-3)
    np.testing.assert_allclose(source.halos.position, genuine.POSITION, rtol=1e-6)
    return source


def refused(*words, **asked):
    with pytest.raises(BoxError) as caught:
        read(**asked)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture
def halos(tmp_path):
    """Of consistent-trees, which declares Mpc/h."""
    return genuine.hlist(tmp_path / "hlist_0.76923.list")


def test_each_file_is_read_in_the_unit_that_it_declares(halos, tmp_path):
    source = fits(read(halos, snapshot(tmp_path / "snap.hdf5", **KPC)))
    assert any("in kpc/h by the file's own word from the corner" in said for said in source.assumed)


def test_the_unit_of_particles_that_declare_none_can_be_another(halos, tmp_path):
    silent = snapshot(tmp_path / "snap.hdf5")
    fits(read(halos, silent, length_unit="kpc/h", table="PartType1"))
    refused("particles lie at", "check --particles-length-unit", halos=halos, particles=silent)
    in_kpc = genuine.gadget4(tmp_path / "fof_subhalo_tab_004.hdf5")
    both = HaloTableFile(in_kpc, mass_unit="1e10 Msun/h")
    coordinates = Coordinates(length_unit="kpc/h")
    matter = ParticleFiles(silent)  # which --length-unit is for too
    fits(read_catalogue(both, matter, coordinates, About(), VOXELS, None, Listener()))


def test_a_unit_of_particles_that_their_file_denies_is_refused_with_the_option(halos, tmp_path):
    path = snapshot(tmp_path / "snap.hdf5", **KPC)
    told = "--particles-length-unit is Mpc/h; give --particles-length-unit 'kpc/h'"
    refused(told, halos=halos, particles=path, length_unit="Mpc/h")


def test_particles_from_the_centre_beside_halos_from_the_corner(halos, tmp_path):
    path = snapshot(tmp_path / "snap.hdf5", 1000 * (PARTICLES - SIDE / 2), **KPC)
    refused("--particles-origin", halos=halos, particles=path)
    fits(read(halos, path, origin="centre"))
    fits(read(halos, path, origin=(-SIDE / 2,) * 3))  # in --length-unit


def test_columns_of_particles_are_named_by_an_option_that_messages_tell(halos, tmp_path):
    path = snapshot(tmp_path / "snap.hdf5", names=("px", "py", "pz"), **KPC)
    refused("name it with --particles-columns position=x,y,z", halos=halos, particles=path)
    fits(read(halos, path, columns=("position=px,py,pz",)))
    told = "--particles-columns 'id=px' does not name a column; write MEANING=NAME, each"
    refused(told, halos=halos, particles=path, columns=("id=px",))
    np.save(tmp_path / "p.npy", PARTICLES)
    refused("leave --particles-table out", halos=halos, particles=tmp_path / "p.npy", table="1")


def test_words_in_the_name_of_a_file_are_no_options(halos, tmp_path):
    path = tmp_path / "--table and --columns.npy"
    np.save(path, PARTICLES)
    refused(f"{path} holds one array", halos=halos, particles=path, table="1")


def test_a_column_of_particles_that_cannot_be_read_names_their_option(halos, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("x,y,z,mass\n1,2,3,heavy\n")
    refused("choose another with --particles-columns", halos=halos, particles=path)
    told = "p.csv has no column w; choose from x, y, z, mass with --particles-columns"
    refused(told, halos=halos, particles=path, columns=("position=x,y,w",))
    told = "--particles-length-unit 'furlong' is unknown"
    refused(told, halos=halos, particles=path, length_unit="furlong")


def test_ids_of_particles_that_differ_in_case_only_are_not_asked_for(halos, tmp_path):
    path = snapshot(tmp_path / "snap.hdf5", **KPC)
    with h5py.File(path, "a") as file:
        file["PartType1/Id"] = file["PartType1/iD"] = np.arange(5000)
    fits(read(halos, path))
