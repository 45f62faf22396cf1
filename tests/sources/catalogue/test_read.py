import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import write_box
from halokeras.errors import BoxError
from halokeras.sources.catalogue.read import read_halos

POSITION = (100 * np.random.default_rng(1).random((50, 3))).astype(np.float32)
MASS = (10 ** np.random.default_rng(2).uniform(12, 15, 50)).astype(np.float32)
IDS = 2**40 + np.arange(50)
PARENT = np.where(np.arange(50) % 5 == 0, 2**40, -1)


def write(path, about=None, order="=", **columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values.astype(values.dtype.newbyteorder(order))
        file.attrs.update(about or {})
    return path


def halotools(path, order="="):
    axes = {f"halo_{axis}": POSITION[:, i] for i, axis in enumerate("xyz")}
    about = {"Lbox": 100.0, "redshift": 0.3, "particle_mass": 4e10, "simname": "mine"}
    return write(path, about, order, **axes, halo_mvir=MASS, halo_id=IDS, halo_upid=PARENT)


def refused(path, *words, **options):
    with pytest.raises(BoxError) as caught:
        read_halos(path, **options)
    assert "\n" not in str(caught.value)
    for word in (path.name, *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_catalogue_in_our_units_is_read_as_it_is(tmp_path, order):
    found = read_halos(halotools(tmp_path / "a.h5", order))
    np.testing.assert_array_equal(found.halos.position, POSITION)
    np.testing.assert_array_equal(found.halos.mass, MASS)
    np.testing.assert_array_equal(found.halos.id, IDS)
    assert found.halos.position.dtype == np.float32
    assert (found.box_size, found.redshift, found.particle_mass) == (100, 0.3, 4e10)
    assert found.about["simname"] == "mine"
    assert "position = halo_x,halo_y,halo_z; mass = halo_mvir" in found.assumed[0]
    assert any("10 of 50 halos are subhalos and were kept" in said for said in found.assumed)


def test_hosts_are_those_whose_parent_is_minus_one(tmp_path):
    found = read_halos(halotools(tmp_path / "a.h5"), hosts_only=True)
    np.testing.assert_array_equal(found.halos.id, IDS[PARENT == -1])
    np.testing.assert_array_equal(found.halos.position, POSITION[PARENT == -1])
    assert any("left out" in said for said in found.assumed)
    # 2^64 - 1 is -1 of a column that was made unsigned
    path = write(tmp_path / "b.h5", position=POSITION, mass=MASS, pid=PARENT.astype(np.uint64))
    assert len(read_halos(path, hosts_only=True).halos.mass) == 40
    path = write(tmp_path / "c.h5", position=POSITION, mass=MASS)
    refused(path, "--columns parent=NAME", hosts_only=True)
    path = write(tmp_path / "d.h5", position=POSITION, mass=MASS, pid=IDS)
    refused(path, "every row of pid", "-1")


@pytest.mark.parametrize(
    ("length_unit", "mass_unit", "lengths", "masses"),
    [
        ("kpc/h", "1e10 Msun/h", 1e-3, 1e10),
        ("Mpc", "Msun", 0.7, 0.7),
        ("kpc", "1e10 Msun", 0.7e-3, 0.7e10),
    ],
)
def test_units_are_converted(tmp_path, length_unit, mass_unit, lengths, masses):
    position, mass = POSITION.astype(float) / lengths, MASS.astype(float) / masses
    path = write(tmp_path / "a.h5", {"BoxSize": 100 / lengths}, position=position, mass=mass)
    found = read_halos(path, length_unit=length_unit, mass_unit=mass_unit, hubble=0.7)
    np.testing.assert_allclose(found.halos.position, POSITION, rtol=1e-12)
    np.testing.assert_allclose(found.halos.mass, MASS, rtol=1e-12)
    assert found.box_size == pytest.approx(100)


@pytest.mark.parametrize(
    ("origin", "corner"), [("centre", -50), ((-20.0, 5.0, 0.25), (-20, 5, 0.25))]
)
def test_positions_count_from_the_corner(tmp_path, origin, corner):
    exact = np.arange(150).reshape(50, 3) / 2
    path = write(tmp_path / "a.h5", {"BoxSize": 100.0}, position=exact + corner, mass=MASS)
    np.testing.assert_array_equal(read_halos(path, origin=origin).halos.position, exact)


def test_the_centre_needs_the_size_of_the_box(tmp_path):
    path = write(tmp_path / "a.h5", position=POSITION - 50, mass=MASS)
    refused(path, "--box-size", origin="centre")
    found = read_halos(path, origin="centre", box_size=100)
    np.testing.assert_allclose(found.halos.position, POSITION, atol=1e-5)
    with pytest.raises(BoxError, match="--origin"):
        read_halos(path, origin="middle")
    sized = write(tmp_path / "b.h5", {"Lbox": 250.0}, position=POSITION, mass=MASS)
    refused(sized, "250", "100", box_size=100)
    oblong = write(tmp_path / "c.h5", {"Lbox": [1.0, 2.0, 3.0]}, position=POSITION, mass=MASS)
    refused(oblong, "must be a cube")


def test_a_number_of_particles_needs_the_mass_of_one(tmp_path):
    number = np.arange(20, 70)
    path = write(tmp_path / "a.h5", Position=POSITION, Length=number)
    refused(path, "Length", "--particle-mass")
    found = read_halos(path, particle_mass=4e10)
    np.testing.assert_array_equal(found.halos.mass, 4e10 * number)
    told = write(tmp_path / "b.h5", {"ParticleMassHMsun": 2e10}, Position=POSITION, N=number)
    np.testing.assert_array_equal(read_halos(told).halos.mass, 2e10 * number)
    refused(write(tmp_path / "c.h5", position=POSITION), "mass=NAME", "painted")


def test_rows_that_are_no_halos_are_counted_and_dropped_on_demand(tmp_path):
    position, mass = POSITION.copy(), MASS.copy()
    mass[3], mass[7], mass[9], position[11, 2], position[13, 0] = 0, np.nan, -1, np.nan, np.inf
    path = write(tmp_path / "a.h5", position=position, mass=mass, id=IDS)
    refused(path, "5 of 50 rows", "--drop-invalid")
    found = read_halos(path, drop_invalid=True)
    kept = np.setdiff1d(np.arange(50), [3, 7, 9, 11, 13])
    np.testing.assert_array_equal(found.halos.id, IDS[kept])
    np.testing.assert_array_equal(found.halos.mass, MASS[kept])
    assert any("5 of 50 rows" in said for said in found.assumed)


def test_units_that_the_file_declares_must_be_those_stated(tmp_path):
    path = write(tmp_path / "a.h5", position=POSITION, mass=MASS)
    with h5py.File(path, "a") as file:
        file["position"].attrs["unit"] = "kpc/h"
        file["mass"].attrs["units"] = b"1e10 Msun/h"
    refused(path, "position", "kpc/h", "--length-unit is Mpc/h")
    refused(path, "mass", "1e10 Msun/h", "--mass-unit is Msun/h", length_unit="kpc/h")
    assert read_halos(path, length_unit="kpc/h", mass_unit="1e10 Msun/h").halos.mass[0] > 1e20


def test_masses_in_units_of_1e10_are_noticed(tmp_path):
    path = write(tmp_path / "a.h5", position=POSITION, mass=MASS / 1e10)
    refused(path, "largest mass", "1e10 Msun/h")


def test_a_catalogue_of_unknown_length_grows(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    from halokeras.sources.tables import text_rows

    monkeypatch.setattr(text_rows, "BLOCK", 256)
    lines = [
        f"{id},{x},{y},{z},{m}"
        for id, (x, y, z), m in zip(IDS, POSITION.tolist(), MASS.tolist(), strict=True)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["id,x,y,z,mvir", *lines]))
    found = read_halos(tmp_path / "a.csv")
    np.testing.assert_array_equal(found.halos.position, POSITION)
    np.testing.assert_array_equal(found.halos.mass, MASS)
    np.testing.assert_array_equal(found.halos.id, IDS)


def test_more_rows_than_memory_are_refused(tmp_path, monkeypatch):

    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 50 * 16)
    refused(halotools(tmp_path / "a.h5"), "800 B are free")


def test_a_catalogue_without_halos(tmp_path):
    found = read_halos(write(tmp_path / "a.h5", position=POSITION[:0], mass=MASS[:0]))
    assert found.halos.position.shape == (0, 3)
    assert found.halos.mass.shape == (0,)


def test_our_own_box_files_are_catalogues(tmp_path, tiny_box):
    write_box(tiny_box, tmp_path / "box.h5")
    found = read_halos(tmp_path / "box.h5")
    np.testing.assert_array_equal(found.halos.position, tiny_box.halos.position)
    np.testing.assert_array_equal(found.halos.mass, tiny_box.halos.mass)
    assert (found.box_size, found.redshift) == (64, 0.3)


def test_a_gadget_snapshots_halos(tmp_path):
    for number, rows in enumerate((slice(0, 30), slice(30, 50))):
        with h5py.File(tmp_path / f"fof_subhalo_tab_099.{number}.hdf5", "w") as file:
            file["Group/GroupPos"] = 1000 * POSITION[rows]
            file["Group/GroupMass"] = MASS[rows] / 1e10
            file["Subhalo/SubhaloPos"] = 1000 * POSITION[rows]
            file.create_group("Header").attrs.update(
                {"BoxSize": 1e5, "Time": 0.5, "Redshift": 1.0, "NumFilesPerSnapshot": 2}
            )
    found = read_halos(tmp_path, length_unit="kpc/h", mass_unit="1e10 Msun/h")
    np.testing.assert_allclose(found.halos.position, POSITION, rtol=1e-6)
    np.testing.assert_allclose(found.halos.mass, MASS, rtol=1e-6)
    assert (found.box_size, found.redshift) == (100, 1)


def test_logarithms_of_masses_are_named_and_read(tmp_path):
    path = write(tmp_path / "a.h5", position=POSITION, mass=np.log10(MASS))
    for unit in ("Msun/h", "1e10 Msun/h", "1e10 Msun"):
        refused(path, "decimal logarithm", "'log10 Msun/h'", mass_unit=unit, hubble=0.7)
    found = read_halos(path, mass_unit="log10 Msun/h")
    np.testing.assert_allclose(found.halos.mass, MASS, rtol=1e-5)
    found = read_halos(path, mass_unit="log10 Msun", hubble=0.7)
    np.testing.assert_allclose(found.halos.mass, 0.7 * MASS, rtol=1e-5)


def test_masses_of_a_narrow_bin_are_no_logarithms(tmp_path):
    narrow = np.linspace(6, 19, 50)
    path = write(tmp_path / "a.h5", position=POSITION, mass=narrow)
    np.testing.assert_allclose(read_halos(path, mass_unit="1e12 Msun/h").halos.mass, 1e12 * narrow)


@pytest.mark.parametrize("ids", [IDS.astype(float), IDS.astype(np.uint64)])
def test_ids_and_parents_of_any_type(tmp_path, ids):
    path = write(tmp_path / "a.h5", position=POSITION, mass=MASS, id=ids, pid=PARENT.astype(float))
    found = read_halos(path, hosts_only=True)
    np.testing.assert_array_equal(found.halos.id, IDS[PARENT == -1])


def test_an_optional_column_that_cannot_be_read_is_left_out_with_a_note(tmp_path):
    path = write(
        tmp_path / "a.h5", position=POSITION, mass=MASS, id=IDS + 0.5, pid=PARENT.astype(float) / 2
    )
    found = read_halos(path)
    assert found.halos.id is None and len(found.halos.mass) == 50
    for column in ("id", "pid"):
        assert f"Column {column} does not hold integers and was left out." in found.assumed
    refused(path, "column pid does not hold integers", hosts_only=True)
    named = np.array([b"a"] * 50)
    path = write(tmp_path / "b.h5", position=POSITION, mass=MASS, pid=named)
    assert len(read_halos(path).halos.mass) == 50
    refused(path, "pid holds |S1 and not real numbers", hosts_only=True)


def test_a_further_column_that_cannot_be_read_is_left_out_with_a_note(tmp_path):
    pytest.importorskip("pyarrow")
    rows = [f"{x},{y},{z},{m},unbound,0,0" for (x, y, z), m in zip(POSITION, MASS, strict=True)]
    names = "x,y,z,mvir,halo_vx,halo_vy,halo_vz"
    (tmp_path / "a.csv").write_text("\n".join([names, *rows]))
    found = read_halos(tmp_path / "a.csv")
    assert found.halos.velocity is None and len(found.halos.mass) == 50
    assert any("Column halo_vx cannot be read" in said for said in found.assumed)
    velocity = {"velocity": "halo_vx,halo_vy,halo_vz"}
    refused(tmp_path / "a.csv", "column halo_vx", "unbound", columns=velocity)


def test_h_of_the_file_serves_its_units_and_must_be_the_stated_one(tmp_path):
    about = {"HubbleParam": 0.7, "Omega0": 0.3}
    path = write(tmp_path / "a.h5", about, position=POSITION / 0.7, mass=MASS)
    found = read_halos(path, length_unit="Mpc")
    np.testing.assert_allclose(found.halos.position, POSITION, rtol=1e-6)
    refused(path, "h is 0.7 and --hubble is 0.72", length_unit="Mpc", hubble=0.72)


def test_a_particle_mass_that_is_not_the_files_is_refused_with_both(tmp_path):
    refused(halotools(tmp_path / "a.h5"), "4e+10", "--particle-mass is 5e+10", particle_mass=5e10)
