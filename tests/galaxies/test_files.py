import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import Box
from halokeras.boxes.box_file import write_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS, Cosmology
from halokeras.cosmology.halo_structure import CONCENTRATIONS, radii
from halokeras.errors import BoxError, OutputError, ParamsError
from halokeras.galaxies.files import populate_file
from halokeras.galaxies.request import GalaxyRequest
from halokeras.inspection.catalogues import inspect_catalogue
from halokeras.listener import Listener
from halokeras.painting.catalogues.formats import catalogue_file
from halokeras.sources.tables.formats import open_table

SIDES = [40.0, 60.0, 20.0]


def halos_of(number=4000, seed=2):
    rng = np.random.default_rng(seed)
    return Halos(
        position=(rng.random((number, 3)) * SIDES).astype(np.float32),
        mass=(2e12 * rng.random(number) ** -1.0).clip(max=1e15).astype(np.float32),
        id=np.arange(number) * 7,
        parent=np.where(rng.random(number) < 0.1, 0, -1),
        velocity=rng.normal(scale=200, size=(number, 3)).astype(np.float32),
    )


def box_file(path, halos, cosmology=ABACUS_COSMOS["00"], **provenance):
    density = np.ones((10, 15, 5), np.float32)
    write_box(Box(4.0, 0.3, cosmology, density, halos, provenance=provenance), path)
    return path


def painted_file(path, halos, format, **about):
    """Write halos as `paint --draw --catalogue` lists those that have masses."""
    columns = {"halo_id": halos.id, "halo_upid": halos.parent, "halo_mass": halos.mass}
    columns |= {f"halo_{axis}": halos.position[:, row] for row, axis in enumerate("xyz")}
    columns |= {f"halo_v{axis}": halos.velocity[:, row] for row, axis in enumerate("xyz")}
    told = {"Lbox": SIDES, "redshift": 0.3, "placed": "x", "mass_definition": "fof"}
    told |= ABACUS_COSMOS["00"].parameters | about
    with catalogue_file(path, format, list(columns), len(halos), told) as append:
        append(columns)
    return path


def columns_of(path):
    with open_table(path) as table:
        chunks = list(table.chunks(list(table.columns)))
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


@pytest.mark.parametrize("format", ["hdf5", "fits", "ecsv", "parquet"])
def test_a_catalogue_and_a_box_of_the_same_halos_hold_the_same_galaxies(tmp_path, format):
    halos = halos_of()
    box = box_file(tmp_path / "box.h5", halos, mass_definition="fof", software="other")
    listed = painted_file(tmp_path / f"halos.{format}", halos, format)
    found = [
        columns_of(
            populate_file(GalaxyRequest(source, -21.0, seed=3, seen_along="x", output=out)).path
        )
        for source, out in ((box, tmp_path / "a.hdf5"), (listed, tmp_path / "b.hdf5"))
    ]
    assert found[0].keys() == found[1].keys()
    assert {"halo_mass", "galaxy_type", "x_rsd", "vz"} <= found[0].keys()
    for name in found[0]:
        # text has fewer digits than float32 where a velocity is a sum
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-5, atol=1e-4)
    hosts = set(halos.id[halos.parent < 0])
    assert set(found[0]["halo_id"]) <= hosts  # none in a halo within another


@pytest.mark.parametrize("format", ["hdf5", "fits", "ecsv", "parquet"])
def test_every_format_tells_the_galaxies_and_how_they_were_made(tmp_path, format):
    source = box_file(tmp_path / "box.h5", halos_of(), mass_definition="fof")
    request = GalaxyRequest(source, -21.0, format=format, output=tmp_path / f"galaxies.{format}")
    found = populate_file(request)
    first = request.target.read_bytes()
    assert len(columns_of(request.target)["x"]) == found.galaxies
    populate_file(request)  # the same thing made again
    assert request.target.read_bytes() == first
    inspected = inspect_catalogue(request.target)
    assert inspected is not None
    assert inspected.headline == f"catalogue of {found.galaxies:,} galaxies"
    with pytest.raises(OutputError, match="--overwrite"):
        populate_file(GalaxyRequest(source, -21.0, seed=2, format=format, output=request.target))
    other = "fits" if format == "hdf5" else "hdf5"
    with pytest.raises(OutputError, match=f"a {format} file and would be {other}"):
        populate_file(replace(request, format=other, overwrite=True))
    assert request.target.read_bytes() == first


def test_galaxies_seen_along_another_axis_do_not_replace_those_there(tmp_path):
    source = box_file(tmp_path / "box.h5", halos_of(), mass_definition="fof")
    request = GalaxyRequest(source, -21.0, seen_along="z", output=tmp_path / "galaxies.hdf5")
    populate_file(request)
    populate_file(request)
    for axis in ("x", None):
        with pytest.raises(OutputError, match=f"redshift_space z instead of {axis or 'none'}"):
            populate_file(replace(request, seen_along=axis))
    assert "z_rsd" in columns_of(request.target)


def test_galaxies_that_are_damaged_are_made_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = painted_file(tmp_path / "halos.hdf5", halos_of(), "hdf5")
    request = GalaxyRequest(source, -21.0)
    path = populate_file(request).path
    whole = path.read_bytes()
    with h5py.File(path, "r+") as file:
        file["x"][3] += 1
    for damaged in (path.read_bytes(), whole[: len(whole) // 2]):
        warned = []
        path.write_bytes(damaged)
        populate_file(request, Listener(warn=warned.append))
        assert f"{path} is damaged, and is made again" in warned
        assert path.read_bytes() == whole
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OutputError, match=r"is damaged, and does not tell what it was.*--overwri"):
        populate_file(replace(request, output=path))


def test_the_file_tells_occupation_seed_masses_and_radii(tmp_path):
    source = box_file(tmp_path / "box.h5", halos_of(), mass_definition="fof", seed=9)
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"alpha": 1.0, "logMmin": 12.9}))
    found = populate_file(
        GalaxyRequest(source, -21.0, params=other, seed=4, output=tmp_path / "galaxies.hdf5")
    )
    with h5py.File(found.path) as file:
        about = dict(file.attrs)
        assert file["x"].attrs["unit"] == "Mpc/h"
        assert file["vx"].attrs["unit"] == "km/s"
        assert (file["halo_mass"][:] >= found.least_mass).all()
    assert (about["hod"], about["threshold"], about["galaxy_seed"]) == ("zheng07", -21, 4)
    assert (about["alpha"], about["logMmin"], about["logM1"]) == (1.0, 12.9, 13.94)
    assert (about["seed"], about["mass_definition"]) == (9, "fof")
    assert about["radius_definition"] == "friends-of-friends masses taken as virial"
    assert about["concentration_relation"] == CONCENTRATIONS
    assert not {"radii", "concentrations"} & {*about}


@pytest.mark.parametrize("format", ["hdf5", "fits", "ecsv", "parquet"])
def test_satellites_lie_within_the_radii_that_a_catalogue_lists(tmp_path, format):
    halos = halos_of()
    radius = {}
    for listed in ("none", "200c", "200b"):
        source = painted_file(tmp_path / f"halos.{format}", halos, format, radii=listed)
        request = GalaxyRequest(source, -21.0, output=tmp_path / f"{listed}.hdf5")
        found = columns_of(populate_file(request).path)
        host = np.searchsorted(halos.id, found["halo_id"])
        away = np.stack([found[axis] for axis in "xyz"], axis=1) - halos.position[host]
        away = np.linalg.norm(away - SIDES * np.round(away / SIDES), axis=1)
        sphere = "virial" if listed == "none" else listed
        told = radii(halos.mass[host], sphere, ABACUS_COSMOS["00"], 0.3)
        radius[sphere] = (away / told).max()
        with h5py.File(request.target) as file:
            taken = f"friends-of-friends masses taken as {sphere}"
            assert file.attrs["radius_definition"] == taken
    assert all(0.95 < largest < 1.001 for largest in radius.values()), radius


def test_faint_galaxies_below_the_lightest_halo_are_told(tmp_path):
    source = box_file(tmp_path / "box.h5", halos_of(), mass_definition="fof")
    warnings = []
    found = populate_file(
        GalaxyRequest(source, -19.5, output=tmp_path / "galaxies.hdf5"),
        Listener(warn=warnings.append),
    )
    assert 0.2 < found.missing < 0.8
    assert f"{found.missing:.0%} of the galaxies brighter than -19.5" in warnings[0]
    assert f"{found.least_mass:.3g} Msun/h" in warnings[0]


def test_masses_of_another_definition_can_be_chosen(tmp_path):
    halos = halos_of()
    halos = Halos(**halos.columns() | {"mass_200b": halos.mass * np.float32(1.5)})
    source = box_file(tmp_path / "box.h5", halos, mass_definition="fof")
    request = GalaxyRequest(source, -21.0, definition="200b", output=tmp_path / "galaxies.hdf5")
    populate_file(request)
    found = columns_of(request.target)
    chosen = np.searchsorted(halos.id, found["halo_id"])
    np.testing.assert_array_equal(found["halo_m200b"], halos.mass_200b[chosen])
    with pytest.raises(BoxError, match="definition 200c"):
        populate_file(GalaxyRequest(source, -21.0, definition="200c", output=request.target))


def test_spheres_lack_below_the_least_group_that_they_were_measured_in(tmp_path):
    """A group of few particles may have a sphere of one, which is no least mass of all spheres."""
    halos = halos_of()
    spheres = (halos.mass * np.linspace(0.05, 1, len(halos))).astype(np.float32)
    halos = Halos(**halos.columns() | {"mass_200c": spheres})
    source = box_file(tmp_path / "box.h5", halos, mass_definition="fof")
    request = GalaxyRequest(source, -19.5, definition="200c", output=tmp_path / "galaxies.hdf5")
    warnings = []
    found = populate_file(request, Listener(warn=warnings.append))
    assert found.least_mass == pytest.approx(halos.mass.min())
    assert found.missing > 0.2 and "are missing" in warnings[0]


def test_what_cannot_be_populated_is_refused_in_a_sentence(tmp_path):
    halos = halos_of(50)
    still = Halos(position=halos.position, mass=halos.mass)
    with pytest.raises(BoxError, match="tells no masses"):
        bare = box_file(tmp_path / "bare.h5", Halos(position=halos.position))
        populate_file(GalaxyRequest(bare, -21.0))
    source = box_file(tmp_path / "box.h5", still)
    with pytest.raises(BoxError, match="--redshift-space needs"):
        populate_file(GalaxyRequest(source, -21.0, seen_along="z"))
    with pytest.raises(BoxError, match="--cosmology FILE"):
        populate_file(GalaxyRequest(box_file(tmp_path / "none.h5", still, None), -21.0))
    with pytest.raises(BoxError, match="leave out --cosmology"):
        populate_file(GalaxyRequest(source, -21.0, cosmology=ABACUS_COSMOS["03"]))
    with pytest.raises(ParamsError, match=r"choose one of -18, -18\.5"):
        populate_file(GalaxyRequest(source, -21.2))
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"logmmin": 12}')
    with pytest.raises(ParamsError, match=r"unknown field 'logmmin' \(did you mean logMmin"):
        populate_file(GalaxyRequest(source, -21.0, params=wrong))
    tiny = Halos(position=halos.position, mass=halos.mass / 1e10)
    heavy = tmp_path / "heavy.json"
    heavy.write_text('{"logMmin": 18}')
    told = r"50 halos of .*box\.h5 hold no galaxies by .*heavy\.json; .* lower logMmin in .*heavy"
    with pytest.raises(BoxError, match=told):
        populate_file(GalaxyRequest(source, -21.0, params=heavy))
    with pytest.raises(BoxError, match="hold no galaxies brighter"):
        populate_file(GalaxyRequest(box_file(tmp_path / "tiny.h5", tiny), -21.0))
    assert not list(tmp_path.glob("*.hdf5"))


def test_of_a_file_of_several_tables_no_option_is_named_that_the_command_lacks(run, tmp_path):
    from astropy.table import Table

    with h5py.File(tmp_path / "two.hdf5", "w") as file:
        for name in ("early", "late"):
            file[f"{name}/halo_id"] = np.arange(3)
    with h5py.File(tmp_path / "none.hdf5", "w") as file:
        file["deep/down/halo_id"] = np.arange(3)
    one = Table({"halo_id": np.arange(3)})
    one.write(tmp_path / "two.fits")
    one.write(tmp_path / "two.fits", append=True)
    for name in ("two.hdf5", "none.hdf5", "two.fits"):
        refused = run("galaxies", name, "--threshold", -21)
        assert refused.exit_code == 1 and name in refused.stderr
        assert "with `halopaint prepare catalogue --table`" in " ".join(refused.stderr.split())


def test_a_cosmology_as_it_is_printed_is_that_of_the_halos(tmp_path):
    source = box_file(tmp_path / "box.h5", halos_of(50))
    printed = {name: float(f"{value:g}") for name, value in vars(ABACUS_COSMOS["00"]).items()}
    request = GalaxyRequest(source, -21.0, cosmology=Cosmology(**printed))
    assert populate_file(replace(request, output=tmp_path / "galaxies.hdf5")).path.exists()


def test_the_command_populates_and_counts(run, tmp_path):
    source = box_file(tmp_path / "box.h5", halos_of(), mass_definition="fof")
    done = run("galaxies", source, "--hod", "zheng07", "--threshold", -21, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["wrote"] == ["galaxies/box_zheng07-21.hdf5"]
    assert len(columns_of(tmp_path / told["wrote"][0])["x"]) == told["galaxies"]
    assert told["number_density"] == pytest.approx(told["galaxies"] / np.prod(SIDES))
    wrong = run("galaxies", source, "--threshold", -21.3)
    assert wrong.exit_code == 1
    assert wrong.stderr.startswith("Error: --threshold -21.3")


def test_halos_that_no_sphere_is_about_hold_no_galaxies(tmp_path):
    """`find_halos` gives those a mass of 0; every shipped box has some."""
    halos = halos_of()
    lacking = np.arange(len(halos)) % 5 == 0
    virial = np.where(lacking, 0, halos.mass).astype(np.float32)
    source = box_file(tmp_path / "box.h5", replace(halos, mass_virial=virial))
    request = GalaxyRequest(source, -21.0, definition="virial", output=tmp_path / "galaxies.hdf5")
    found = columns_of(populate_file(request).path)
    assert len(found["x"]) > 100
    assert not set(found["halo_id"]) & set(halos.id[lacking])


@pytest.mark.parametrize("redshift", [0.3, 1.1, 1.5, 3.0])
def test_virial_masses_of_any_epoch_are_populated(tmp_path, redshift):
    halos = halos_of()
    source = painted_file(
        tmp_path / "halos.hdf5", halos, "hdf5", redshift=redshift, mass_definition="virial"
    )
    assert populate_file(GalaxyRequest(source, -21.0, output=tmp_path / "g.hdf5")).galaxies > 100


@pytest.mark.parametrize(
    ("name", "value"),
    [("logMmin", 8.7e13), ("logMmin", -2), ("logM0", 330), ("logM1", 8.7e13), ("logM1", 0)],
)
def test_a_mass_in_the_place_of_its_logarithm_is_refused(tmp_path, name, value):
    source = box_file(tmp_path / "box.h5", halos_of())
    (tmp_path / "hod.json").write_text(json.dumps({name: value}))
    with pytest.raises(ParamsError, match=f"hod.json.*{name}"):
        populate_file(
            GalaxyRequest(source, -21.0, params=tmp_path / "hod.json", output=tmp_path / "g.h5")
        )


@pytest.mark.parametrize("params", [{"logM1": 1}, {"alpha": 19.9, "logM1": 12}])
def test_more_satellites_than_a_cluster_holds_are_refused(tmp_path, params):
    source = box_file(tmp_path / "box.h5", halos_of())
    (tmp_path / "hod.json").write_text(json.dumps(params))
    with pytest.raises(BoxError, match=r"more than 10,000 satellites; .* logM1 and alpha in .*hod"):
        populate_file(
            GalaxyRequest(source, -21.0, params=tmp_path / "hod.json", output=tmp_path / "g.h5")
        )
    assert not (tmp_path / "g.h5").exists()


@pytest.mark.parametrize(("name", "told"), [("g.png", "catalogues end in .hdf5"), ("g", "end in")])
def test_a_name_that_no_catalogue_has_is_refused(tmp_path, name, told):
    source = box_file(tmp_path / "box.h5", halos_of())
    with pytest.raises(OutputError, match=told):
        populate_file(GalaxyRequest(source, -21.0, output=tmp_path / name))


def test_a_folder_is_not_taken_for_a_catalogue(tmp_path):
    source = box_file(tmp_path / "box.h5", halos_of())
    (tmp_path / "g.hdf5").mkdir()
    with pytest.raises(OutputError, match=r"g.hdf5 is a folder; name a file"):
        populate_file(GalaxyRequest(source, -21.0, output=tmp_path / "g.hdf5", overwrite=True))


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"Lbox": "40 Mpc/h"}, "Lbox"),
        ({"Lbox": [40.0, 60.0]}, "Lbox"),
        ({"Lbox": [40.0, -60.0, 20.0]}, "Lbox"),
        ({"redshift": "z=0.3"}, "redshift"),
        ({"redshift": -0.3}, "redshift"),
        ({"omega_b": "little"}, "not all numbers"),
        ({"omega_m": 3.0}, "omega_m is 3"),
    ],
)
def test_what_a_table_tells_wrongly_of_its_box_is_one_sentence(tmp_path, about, told):
    source = painted_file(tmp_path / "halos.hdf5", halos_of(20), "hdf5", **about)
    with pytest.raises(BoxError, match=told):
        populate_file(GalaxyRequest(source, -21.0, output=tmp_path / "g.hdf5"))


def test_half_a_cosmology_is_refused_and_ids_of_any_width_are_read(tmp_path):
    halos = halos_of()
    source = painted_file(tmp_path / "halos.hdf5", halos, "hdf5")
    wide = columns_of(populate_file(GalaxyRequest(source, -21.0, output=tmp_path / "a.hdf5")).path)
    with h5py.File(source, "r+") as file:
        ids = file["halo_id"][:].astype(np.int32)
        del file["halo_id"]
        file["halo_id"] = ids
    narrow = columns_of(
        populate_file(GalaxyRequest(source, -21.0, output=tmp_path / "b.hdf5")).path
    )
    np.testing.assert_array_equal(narrow["x"], wide["x"])
    with h5py.File(source, "r+") as file:
        del file.attrs["sigma8"], file.attrs["n_s"]
    with pytest.raises(BoxError, match="lacks sigma8, n_s"):
        populate_file(GalaxyRequest(source, -21.0, output=tmp_path / "c.hdf5"))


def test_masses_of_a_definition_without_a_sphere_are_told(tmp_path):
    warned = []
    for words in ("500c", "200 crit", "virial"):
        source = box_file(tmp_path / "box.h5", halos_of(), mass_definition=words)
        out = tmp_path / f"{words}.hdf5"
        populate_file(GalaxyRequest(source, -21.0, output=out), Listener(warn=warned.append))
    (told,) = [line for line in warned if "sphere" in line]
    assert "'500c'" in told
