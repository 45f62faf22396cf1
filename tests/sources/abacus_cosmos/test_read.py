"""AbacusCosmos products written as its data specification says, in the layout of the downloads."""

import struct
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.simulation.lpt.lpt import first_order, linear_modes
from halokeras.sources.abacus_cosmos import halos as abacus_halos
from halokeras.sources.abacus_cosmos.read import read

BOX = 64.0
PARTICLE = 3.8854e10
POWER = (np.array([1e-4, 1e2]), np.array([700.0, 0.7]))
PAR = f"""# made for a test
BoxSize = {BOX}
CPD = 5
H0 = 67.26
ICFormat = "ZelSimple"
InitialRedshift = 49.0
NP = 512
Omega_DE = 0.685847
Omega_M = 0.314153
SimName = "NAME"
TimeSliceRedshifts = 0.7 0.57 0.5 0.3
ZD_NumBlock = 2
ZD_Seed = 12321
hMpc = 1
ns = 0.9652
ombh2 = 0.02222
sigma_8 = 0.83
w0 = -1.0
"""
HEADER = f"ParticleMassHMsun =     {PARTICLE:.15e}\n             Redshift =    0.300000000000000\n"
RECORD = [
    ("id", "i8"),
    ("pos", "f4", (3,)),
    ("vel", "f4", (3,)),
    ("m", "f4"),
    ("r", "f4"),
    ("alt_m", "f4", (4,)),
    ("m_SO", "f4"),
    ("N", "i4"),
    ("parent_id", "i8"),
    ("flags", "i8"),
]


def halo_records(count, seed=1):
    rng = np.random.default_rng(seed)
    halos = np.zeros(count, dtype=RECORD)
    halos["id"] = 1000 * seed + np.arange(count)
    halos["pos"] = rng.uniform(0, BOX, (count, 3))
    halos["vel"] = rng.normal(0, 300, (count, 3))
    halos["N"] = rng.integers(20, 5000, count)
    halos["m"] = halos["N"] * PARTICLE
    halos["m_SO"] = 1.1 * halos["m"]
    halos["alt_m"] = halos["m"][:, None] * [1.2, 0.9, 0.7, 0.4]
    halos["parent_id"] = np.where(rng.random(count) < 0.3, 1000 * seed, -1)
    return halos


def attributes(name="emulator_1100box_planck_00"):
    return {
        "BoxSize": BOX,
        "ParticleMassHMsun": PARTICLE,
        "Redshift": 0.3,
        "SimName": name,
        "TimeSliceRedshifts": np.array([0.7, 0.57, 0.5, 0.3]),
    }


def write_rockstar(path, halos, told=None):
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("halos", data=halos)
        stored.attrs.update(attributes() if told is None else told)


def write_friends_of_friends(path, halos, order="<", subhalos=4):
    with path.open("wb") as file:
        file.write(struct.pack(order + "QQ", len(halos), subhalos))
        for halo in halos:
            centred = (halo["pos"].astype(float) + BOX / 2) % BOX - BOX / 2
            file.write(
                struct.pack(
                    order + "qQII4I3f3f3f4fff3f3f3f4fff",
                    *(halo["id"], 5, 2, halo["N"], 9, 8, 7, 6),
                    *centred,
                    *halo["vel"],
                    *range(24),
                )
            )


def slice_folder(root, name="emulator_1100box_planck_00", finder="rockstar", redshift="0.300"):
    products = root / "emulator_1100box_planck_products" / f"{name}_products"
    folder = products / f"{name}_{finder}_halos" / f"z{redshift}"
    folder.mkdir(parents=True)
    info = folder.parent / "info"
    info.mkdir(exist_ok=True)
    par = PAR.replace("NAME", name)
    (info / "abacus.par").write_text(par)
    (folder / "header").write_text(par + HEADER.replace("0.300", redshift))
    return folder


@pytest.fixture
def halos():
    return halo_records(7, 1), halo_records(5, 2)


@pytest.fixture
def rockstar(tmp_path, halos):
    folder = slice_folder(tmp_path)
    write_rockstar(folder / "halos_0.2.h5", halos[0])
    write_rockstar(folder / "halos_0.10.h5", halos[1])
    write_rockstar(folder / "particles_0.2.h5", halos[1])
    return folder


@pytest.fixture
def friends(tmp_path, halos):
    folder = slice_folder(tmp_path, finder="FoF")
    write_friends_of_friends(folder / "halos_0", halos[0])
    write_friends_of_friends(folder / "halos_1", halos[1])
    (folder / "particles_0").write_bytes(b"no halos")
    return folder


def test_folders_are_found_from_within(rockstar, monkeypatch):
    whole = read(rockstar.parents[3]).halos.position
    for folder in (rockstar, rockstar.parent, rockstar.parent.parent):
        monkeypatch.chdir(folder)
        np.testing.assert_array_equal(read(Path()).halos.position, whole)


def test_rockstar_halos_are_those_of_all_files_in_their_order(rockstar, halos):
    source = read(rockstar.parents[3])
    every = np.concatenate(halos)
    np.testing.assert_array_equal(source.halos.position, every["pos"])
    np.testing.assert_array_equal(source.halos.mass, every["m"])
    np.testing.assert_array_equal(source.halos.id, every["id"])
    np.testing.assert_array_equal(source.halos.parent, every["parent_id"])
    np.testing.assert_array_equal(source.halos.velocity, every["vel"])
    np.testing.assert_array_equal(source.halos.particles, every["N"])
    np.testing.assert_array_equal(source.halos.mass_virial, every["m"])
    np.testing.assert_array_equal(source.halos.mass_200b, every["alt_m"][:, 0])
    np.testing.assert_array_equal(source.halos.mass_200c, every["alt_m"][:, 1])
    assert (source.name, source.box_size, source.redshift) == (f"{rockstar}", BOX, 0.3)
    assert asdict(source.cosmology) == pytest.approx(asdict(ABACUS_COSMOS["00"]))
    assert source.density is None and source.counts is None and source.initial_modes is None
    assert source.provenance == {
        "halo_finder": "rockstar",
        "particle_mass": PARTICLE,
        "simulation": "emulator_1100box_planck_00",
        "box_id": "00",
        "mass_definition": "virial",
        "subhalos": "kept",
    }
    within = (every["parent_id"] != -1).sum()
    assert within > 0
    assert f"{within} of 12 halos lie within others and are kept" in source.assumed


@pytest.mark.parametrize(
    ("mass", "factor"),
    [
        ("virial", 1),
        ("virial_so", 1.1),
        ("200b", 1.2),
        ("200c", 0.9),
        ("500c", 0.7),
        ("2500c", 0.4),
    ],
)
def test_masses_are_the_ones_asked_for(rockstar, halos, mass, factor):
    source = read(rockstar, mass=mass)
    every = np.concatenate(halos)
    np.testing.assert_allclose(source.halos.mass, factor * every["N"] * PARTICLE, rtol=1e-6)
    assert source.provenance["mass_definition"] == mass


def test_halos_within_halos_are_left_out_where_asked(rockstar, halos, monkeypatch):
    monkeypatch.setattr(abacus_halos, "_BUFFER", 300)  # several blocks, the last one short
    every = np.concatenate(halos)
    hosts = every[every["parent_id"] == -1]
    source = read(rockstar, hosts_only=True)
    np.testing.assert_array_equal(source.halos.id, hosts["id"])
    np.testing.assert_array_equal(source.halos.position, hosts["pos"])
    np.testing.assert_array_equal(source.halos.velocity, hosts["vel"])
    assert (source.halos.parent == -1).all()
    assert source.provenance["subhalos"] == "left out"


def test_big_endian_and_compressed_halos_are_the_same(rockstar, halos):
    before = read(rockstar)
    swapped = halos[0].astype(halos[0].dtype.newbyteorder(">"))
    with h5py.File(rockstar / "halos_0.2.h5", "w") as file:
        stored = file.create_dataset("halos", data=swapped, chunks=(3,), compression="gzip")
        stored.attrs.update(attributes())
    after = read(rockstar)
    np.testing.assert_array_equal(after.halos.position, before.halos.position)
    np.testing.assert_array_equal(after.halos.mass, before.halos.mass)


def test_friends_of_friends_lie_where_rockstar_s_do(friends, halos):
    source = read(friends.parents[2], finder="fof")
    every = np.concatenate(halos)
    np.testing.assert_allclose(source.halos.position, every["pos"], atol=1e-5)
    assert (source.halos.position >= 0).all() and (source.halos.position < BOX).all()
    np.testing.assert_allclose(source.halos.mass, every["N"] * PARTICLE, rtol=1e-6)
    np.testing.assert_array_equal(source.halos.id, every["id"])
    np.testing.assert_array_equal(source.halos.velocity, every["vel"])
    np.testing.assert_array_equal(source.halos.particles, every["N"])
    assert source.provenance["halo_finder"] == "fof"


def test_rockstar_files_without_velocities_are_read_without(rockstar, halos):
    names = [name for name in halos[0].dtype.names if name not in ("vel", "alt_m")]
    write_rockstar(rockstar / "halos_0.2.h5", halos[0][names])
    found = read(rockstar).halos
    assert set(found.columns()) == {"position", "mass", "id", "parent", "particles", "mass_virial"}
    np.testing.assert_array_equal(found.position, np.concatenate(halos)["pos"])


@pytest.mark.parametrize("up", range(5))
def test_any_folder_of_the_layout_will_do(rockstar, up):
    folder = [rockstar, *rockstar.parents][up]
    assert read(folder).name == f"{rockstar}"


def test_an_archive_may_unpack_to_a_folder_of_its_own(rockstar):
    before = read(rockstar).halos.id
    (rockstar / "halos").mkdir()
    for file in rockstar.glob("halos_*.h5"):
        file.rename(rockstar / "halos" / file.name)
    for folder in (rockstar, rockstar / "halos"):
        np.testing.assert_array_equal(read(folder).halos.id, before)


def test_boxes_and_phases_are_chosen_by_name(tmp_path, halos):
    for name in ("00", "00-0", "00-12"):
        name = f"emulator_1100box_planck_{name}"
        folder = slice_folder(tmp_path, name)
        write_rockstar(folder / "halos_0.0.h5", halos[0], attributes(name))
    found = {
        asked: read(tmp_path, box=asked[0], phase=asked[1]).provenance["simulation"]
        for asked in [("00", None), ("00", 0), ("00", 12), (None, 12)]
    }
    assert {asked: name.rpartition("_")[2] for asked, name in found.items()} == {
        ("00", None): "00",
        ("00", 0): "00-0",
        ("00", 12): "00-12",
        (None, 12): "00-12",
    }
    with pytest.raises(
        BoxError, match=r"planck_00, .*planck_00-0, .*00-12; name the box and phase"
    ):
        read(tmp_path)
    with pytest.raises(BoxError, match="no rockstar halos of that box and phase; choose one of"):
        read(tmp_path, box="00", phase=3)


def test_a_redshift_that_is_not_there_is_told_with_those_that_are(rockstar, halos):
    for asked in (rockstar.parents[3], rockstar.parent):
        with pytest.raises(BoxError, match=r"no folder z0\.500; choose one of its .*\(0\.3\)"):
            read(asked, redshift=0.5)
    with pytest.raises(BoxError, match=r"header: Redshift is 0\.3, not 0\.5"):
        read(rockstar, redshift=0.5)


@pytest.mark.parametrize("finder", ["rockstar", "fof"])
def test_packed_and_missing_halos_say_what_to_do(tmp_path, finder):
    folder = slice_folder(tmp_path, finder="FoF" if finder == "fof" else "rockstar")
    with pytest.raises(BoxError, match=r"no files of .* halos; download its halos.tar.gz"):
        read(tmp_path, finder=finder)
    (folder / "halos.tar.gz").write_bytes(b"packed")
    for asked in (tmp_path, folder):
        with pytest.raises(BoxError, match=r"unpack it with tar xzf halos\.tar\.gz"):
            read(asked, finder=finder)


def test_what_is_not_there_or_not_known_is_told(tmp_path, rockstar):
    with pytest.raises(BoxError, match="there is no folder"):
        read(tmp_path / "none")
    with pytest.raises(BoxError, match="holds no fof halos of AbacusCosmos"):
        read(tmp_path, finder="fof")
    with pytest.raises(BoxError, match="no halo finder subfind; choose rockstar or fof"):
        read(tmp_path, finder="subfind")
    with pytest.raises(BoxError, match="there is no mass 180b of rockstar halos"):
        read(tmp_path, mass="180b")
    with pytest.raises(BoxError, match="there is no mass 200b of fof halos"):
        read(tmp_path, finder="fof", mass="200b")
    with pytest.raises(BoxError, match="is of emulator_1100box_planck_00; name its box"):
        read(rockstar, box="01")
    with pytest.raises(BoxError, match="is of emulator_1100box_planck_00; name its box"):
        read(rockstar, phase=4)


def test_files_that_are_left_out_are_mentioned(rockstar):
    (told,) = (sentence for sentence in read(rockstar).assumed if "complete" in sentence)
    assert told.endswith("none is numbered 3, 4, 5, 6, 7, 8, 9")


def test_rockstar_s_own_attributes_do_where_the_header_is_missing(rockstar, halos):
    (rockstar / "header").unlink()
    assert read(rockstar).redshift == 0.3
    (rockstar.parent / "info" / "abacus.par").unlink()
    with pytest.raises(BoxError, match=r"halos_0\.2\.h5: H0 is missing"):
        read(rockstar)


def test_friends_of_friends_need_the_header(friends):
    (friends / "header").unlink()
    (friends.parent / "info" / "abacus.par").unlink()
    with pytest.raises(BoxError, match="has no header; download it"):
        read(friends, finder="fof")


def test_what_the_header_lacks_is_the_named_box_s(rockstar):
    for path in (rockstar / "header", rockstar.parent / "info" / "abacus.par"):
        path.write_text(path.read_text().replace("sigma_8 = 0.83\n", ""))
    source = read(rockstar)
    assert source.cosmology.sigma8 == 0.83
    assert "sigma8 of box 00, as header states none" in source.assumed


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("emulator_1100box_planck_01", "sigma8 is 0.83 but 0.78 in box 01"),
        ("AbacusCosmos_1100box_31", None),
        ("AbacusCosmos_720box_planck", None),
    ],
)
def test_the_cosmology_is_checked_against_the_name_of_the_box(tmp_path, halos, name, told):
    folder = slice_folder(tmp_path, name)
    write_rockstar(folder / "halos_0.0.h5", halos[0], attributes(name))
    if told is None:
        box_id = "00" if "planck" in name else None
        assert read(folder).provenance.get("box_id") == box_id
    else:
        with pytest.raises(BoxError, match=told):
            read(folder)


def change_header(old, new):
    def spoil(folder):
        path = folder / "header"
        path.write_text(path.read_text().replace(old, new))

    return spoil


def change_attribute(name, value):
    def spoil(folder):
        with h5py.File(folder / "halos_0.10.h5", "a") as file:
            file["halos"].attrs[name] = value

    return spoil


def rewrite(make):
    """Replace the second file by what `make` puts into an open one."""

    def spoil(folder):
        with h5py.File(folder / "halos_0.10.h5", "w") as file:
            make(file)
            if isinstance(file.get("halos", getlink=True), h5py.HardLink):
                file["halos"].attrs.update(attributes())

    return spoil


def external(file):
    file["halos"] = h5py.ExternalLink("halos_0.2.h5", "halos")


def soft(file):
    file["other"] = halo_records(3)
    file["halos"] = h5py.SoftLink("/other")


def virtual(file):
    layout = h5py.VirtualLayout(shape=(7,), dtype=RECORD)
    layout[:] = h5py.VirtualSource("halos_0.2.h5", "halos", shape=(7,), dtype=RECORD)
    file.create_virtual_dataset("halos", layout)


def objects(file):
    record = np.dtype([*RECORD, ("name", h5py.string_dtype())])
    halos = np.zeros(2, record)
    halos["name"] = "a"
    file.create_dataset("halos", data=halos, dtype=record)


def no_table(file):
    file["halos"] = np.zeros((3, 4))


def a_group(file):
    file.create_group("halos")


def absurd(file):
    file.create_dataset("halos", shape=(10**14,), dtype=RECORD, chunks=(1000,))[5] = halo_records(1)


def unwritten(file):
    file.create_dataset("halos", shape=(10**6,), dtype=RECORD)


def huge_chunks(file):
    file.create_dataset("halos", shape=(10**8,), dtype=RECORD, chunks=(10**7,), compression="gzip")


def renamed(file):
    halos = halo_records(3)
    halos.dtype.names = tuple("number" if name == "N" else name for name in halos.dtype.names)
    file["halos"] = halos


def flat_positions(file):
    file["halos"] = np.zeros(3, dtype=[(*field[:2],) for field in RECORD])


def truncate(folder):
    path = folder / "halos_0.10.h5"
    path.write_bytes(path.read_bytes()[:-200])


def empty(folder):
    (folder / "halos_0.10.h5").write_bytes(b"")


def light(file):
    halos = halo_records(3)
    halos["m"][1] *= 1.001
    file["halos"] = halos


def no_number(file):
    halos = halo_records(3)
    halos["m"][1] = np.nan
    file["halos"] = halos


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (change_header("BoxSize = 64.0", "BoxSize = 720"), "header: BoxSize is 720 but 64.0 in"),
        (change_header("3.8854", "3.5607"), "ParticleMassHMsun is 35607.* but 38854"),
        (change_header("hMpc = 1", "hMpc = 0"), "lengths must be in Mpc/h"),
        (change_header("H0 = 67.26", "H0 67.26"), "header: line 4 is not of the form"),
        (change_attribute("BoxSize", 720.0), r"halos_0\.10\.h5: BoxSize is 720.0 but 64.0 in"),
        (change_attribute("SimName", "other"), "SimName is other but emulator_1100box_planck_00"),
        (rewrite(external), "halos is a link"),
        (rewrite(soft), "halos is a link"),
        (rewrite(virtual), "halos is virtual"),
        (rewrite(objects), "fields that are no numbers"),
        (rewrite(no_table), "must hold real numbers"),
        (rewrite(a_group), "no table halos"),
        (rewrite(absurd), "promised as .* bytes"),
        (rewrite(unwritten), "promised as .* and 0 are stored"),
        (rewrite(huge_chunks), "promised as .* bytes"),
        (rewrite(renamed), "field N of halos is missing"),
        (rewrite(flat_positions), "field pos of halos is float32"),
        (rewrite(lambda file: None), "no table halos"),
        (rewrite(light), "halo 1001 has m = .* but N = "),
        (rewrite(no_number), "halo 1001 has m = nan"),
        (truncate, "is damaged: its end is missing"),
        (empty, "cannot be read .* may be truncated"),
    ],
)
def test_rockstar_files_that_cannot_be_right_are_refused(rockstar, spoil, told):
    spoil(rockstar)
    with pytest.raises(BoxError, match=told) as caught:
        read(rockstar)
    assert f"{rockstar}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content[:-1], "has 815 bytes but 5 halos have 816"),
        (lambda content: content + b"\0" * 160, "has 976 bytes but 5 halos"),
        (lambda content: b"", "has 0 bytes and no header"),
        (lambda content: struct.pack("<QQ", 2**60, 4) + content[16:], "halos have 184467"),
        (lambda content: struct.pack("<QQ", 5, 5) + content[16:], "records of 5 subhalos;"),
        (lambda content: struct.pack(">QQ", 5, 4) + content[16:], "as of a big-endian machine"),
    ],
)
def test_friends_of_friends_files_that_cannot_be_right_are_refused(friends, change, told):
    path = friends / "halos_1"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BoxError, match=told) as caught:
        read(friends, finder="fof")
    assert f"{path}" in str(caught.value)


def test_a_catalogue_beyond_the_memory_is_refused(friends, monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 2**20)
    with pytest.raises(BoxError, match="12 halos need"):
        read(friends, finder="fof")


def test_no_halos_at_all_are_none(friends, rockstar):
    write_friends_of_friends(friends / "halos_0", [])
    write_friends_of_friends(friends / "halos_1", [])
    assert read(friends, finder="fof").halos.position.shape == (0, 3)
    for name in ("halos_0.2.h5", "halos_0.10.h5"):
        write_rockstar(rockstar / name, halo_records(0))
    assert read(rockstar).halos.position.shape == (0, 3)


@pytest.fixture
def initial_conditions(tmp_path):
    modes = linear_modes(5, 8, BOX, POWER)
    displacement = np.roll(first_order(modes, BOX), (4, 4, 4), axis=(0, 1, 2))
    folder = tmp_path / "ic"
    folder.mkdir()
    for i, plane in enumerate(displacement):
        with (folder / f"ic_{i * 5 // 8}").open("ab") as file:
            file.write(struct.pack(f"<{plane.size}f", *plane.ravel()))
    return folder, modes


def carroll_press_turner(redshift, omega_0=0.314153):
    """Growth from their fit of 1992, over that of an Einstein-de Sitter universe today."""
    matter = omega_0 * (1 + redshift) ** 3
    omega = matter / (matter + 1 - omega_0)
    suppression = omega ** (4 / 7) - (1 - omega) + (1 + omega / 2) * (1 + (1 - omega) / 70)
    return 2.5 * omega / suppression / (1 + redshift)


def test_initial_conditions_give_the_overdensity_at_the_redshift_of_the_halos(
    rockstar, initial_conditions
):
    folder, modes = initial_conditions
    source = read(rockstar, initial_conditions=folder)
    found = source.initial_modes((8, 8, 8), 1)
    grown = carroll_press_turner(0.3) / carroll_press_turner(49.0)
    assert np.abs(found).max() / np.abs(modes).max() == pytest.approx(grown, rel=0.01)
    np.testing.assert_allclose(found / np.abs(found).max(), modes / np.abs(modes).max(), atol=1e-5)
    assert source.provenance["initial_conditions"] == "ZelSimple 8^3"
    assert any("z = 49" in sentence for sentence in source.assumed)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("ZD_Seed = 12321", "ZD_Seed = 12322"), "ZD_Seed is 12322 but 12321"),
        (("ZD_NumBlock = 2", "ZD_NumBlock = 4"), "ZD_NumBlock is 4 but 2"),
        (("hMpc", "ZD_Version = 2\nhMpc"), "ZD_Version is 2 but 1 .* phases are others"),
        (("InitialRedshift = 49", "InitialRedshift = 99"), "InitialRedshift is 99.0 but 49.0"),
    ],
)
def test_initial_conditions_of_other_phases_are_refused(rockstar, initial_conditions, change, told):
    folder, _ = initial_conditions
    (folder / "abacus.par").write_text(PAR.replace(*change))
    with pytest.raises(BoxError, match=told):
        read(rockstar, initial_conditions=folder)
    (folder / "abacus.par").write_text(PAR.replace("hMpc", "ZD_Version = 1\nhMpc"))
    assert read(rockstar, initial_conditions=folder).initial_modes is not None


def test_a_simulation_seeded_by_the_clock_has_no_initial_conditions(rockstar, initial_conditions):
    change_header("12321", "0")(rockstar)
    with pytest.raises(BoxError, match="ZD_Seed is 0, for which the clock was taken"):
        read(rockstar, initial_conditions=initial_conditions[0])
