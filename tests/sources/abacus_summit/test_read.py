import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import fft

from halokeras.cosmology.cosmology import Background, Cosmology, growth
from halokeras.errors import BoxError
from halokeras.fields.alignment import check_alignment
from halokeras.fields.gridding import count, wrap
from halokeras.simulation.lpt.lpt import first_order, linear_modes

pytest.importorskip("abacusnbody", reason="abacusutils is not installed")

import blosc

from halokeras.sources.abacus_summit.asdf_file import open_asdf
from halokeras.sources.abacus_summit.modes import read_initial_conditions
from halokeras.sources.abacus_summit.read import read

MINI = Path(__file__).resolve().parents[4] / "shared" / "data" / "abacus_summit_mini"
MINI = MINI / "Mini_N64_L32"
has_mini = pytest.mark.skipif(not MINI.is_dir(), reason="the mini run is not beside the checkout")
BOX = 64.0
HEADER = {
    "SimName": "tiny",
    "BoxSize": BOX,
    "ParticleMassHMsun": 1e10,
    "Redshift": 0.5,
    "InitialRedshift": 99.0,
    "H0": 67.36,
    "Omega_M": 0.3,
    "SODensityL1": 258.3,
    "NP": 8,
}
TABLE = {z: 100 / (1 + z) for z in (0.0, 0.25, 0.5, 1.0, 2.0, 8.0, 99.0)}
POWER = (np.array([1e-4, 1e2]), np.array([7.0, 7.0]))


def frames(data, size, item):
    parts = [blosc.compress(data[i : i + size], item) for i in range(0, len(data), size)]
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def block(stored, opened, compression=b"blsc", flags=0, spare=0):
    head = struct.pack(
        ">I4sQQQ16s", flags, compression, len(stored) + spare, len(stored), opened, bytes(16)
    )
    return b"\xd3BLK" + struct.pack(">H", len(head)) + head + stored + bytes(spare)


def tree(header, arrays):
    lines = ["#ASDF 1.0.0", "#ASDF_STANDARD 1.5.0", "%YAML 1.1", "%TAG ! tag:stsci.edu:asdf/"]
    lines += ["--- !core/asdf-1.1.0", "data:"]
    for i, (name, array) in enumerate(arrays.items()):
        order = "big" if array.dtype.byteorder == ">" else "little"
        lines += [f"  {name}: !core/ndarray-1.0.0", f"    source: {i}"]
        lines += [f"    datatype: {array.dtype.name}", f"    byteorder: {order}"]
        lines += [f"    shape: {list(array.shape)}"]
    lines += ["header:"]
    for name, value in header.items():
        if isinstance(value, dict):
            lines += [f"  {name}:", *(f"    {key!r}: {entry!r}" for key, entry in value.items())]
        else:
            lines += [f"  {name}: {value}"]
    return ("\n".join(lines) + "\n...\n").encode()


def write(path, arrays, frame=1000, **header):
    """An ASDF file, compressed in frames of `frame` bytes, or plain for None."""
    stored = tree({**HEADER, **header}, arrays)
    for array in arrays.values():
        data = array.tobytes()
        if frame is None:
            stored += block(data, len(data), bytes(4), spare=5)
        else:
            stored += block(frames(data, frame, array.dtype.itemsize), len(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stored + b"#ASDF BLOCK INDEX\n%YAML 1.1\n---\n- 700\n...\n")
    return path


def write_halos(folder, slabs, name="z0.500", cleaned=None, **header):
    where = folder / "halos" / name / "halo_info"
    for i, (position, particles) in enumerate(slabs):
        columns = {"N": np.array(particles, "u4"), "x_L2com": np.array(position, "f4")}
        columns["x_com"] = columns["x_L2com"] / 2
        write(where / f"halo_info_{i:03d}.asdf", columns, **header)
        if cleaned:
            total = {"N_total": np.array(cleaned[i], "u4")}
            clean = folder.parent / "cleaning" / folder.name / name / "cleaned_halo_info"
            write(clean / f"cleaned_halo_info_{i:03d}.asdf", total, **header)


SLABS = [
    ([[-0.5, -0.25, 0.0], [-0.4, 0.49, 0.1]], [100, 50]),
    ([[0.25, 0.0, -0.5]], [70]),
]


@pytest.fixture
def tiny(tmp_path):
    folder = tmp_path / "tiny"
    write_halos(folder, SLABS, cleaned=[[130, 0], [70]])
    modes = linear_modes(3, 8, BOX, POWER)
    write(folder / "ic" / "ic_dens_N8.asdf", {"density": grid_of(modes, 8)}, GrowthTable=TABLE)
    return folder


def grid_of(modes, points):
    return fft.irfftn(modes, s=(points,) * 3, norm="forward").astype(np.float32)


@pytest.mark.parametrize("frame", [None, 37, 10**6])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", ">i2", "<u8"])
def test_arrays_are_read_whole_and_by_rows(tmp_path, frame, dtype):
    first = np.arange(5, dtype=np.uint8)
    array = np.arange(66).reshape(11, 3, 2).astype(dtype)
    file = open_asdf(write(tmp_path / "a.asdf", {"other": first, "it": array}, frame))
    stored = file.array("it", (None, 3, 2))
    np.testing.assert_array_equal(file.read(stored), array)
    parts = [part.copy() for part in file.rows(stored, 4)]
    assert [len(part) for part in parts] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(parts), array)
    np.testing.assert_array_equal(file.read(file.array("other", (None,))), first)


def test_empty_arrays_are_read(tmp_path):
    file = open_asdf(write(tmp_path / "a.asdf", {"it": np.empty((0, 3), "f4")}))
    assert file.read(file.array("it", (None, 3))).shape == (0, 3)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    array = np.arange(300, dtype="f4")
    whole = write(tmp_path / "a.asdf", {"it": array}, 400).read_bytes()
    end = whole.index(b"#ASDF BLOCK INDEX")
    cut = tmp_path / "cut.asdf"
    for length in range(0, end, 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(BoxError, match=r"cut\.asdf"):
            file = open_asdf(cut)
            file.read(file.array("it", (None,)))


def overlong(data):
    """A frame that opens to more than its block declares."""
    return block(frames(data, len(data), 4), len(data) // 2)


def lying(data):
    """A frame whose own header declares fewer bytes than it opens to."""
    stored = bytearray(frames(data, len(data), 4))
    stored[8:12] = struct.pack("<I", len(data) // 2)
    return block(bytes(stored), len(data))


def absurd(data):
    return block(frames(data, len(data), 4), 2**60)


def streamed(data):
    return block(data, len(data), bytes(4), flags=1)


def zipped(data):
    return block(data, len(data), b"zlib")


def outside(data):
    return block(data, len(data), bytes(4))[:-4]


@pytest.mark.parametrize("hostile", [overlong, lying, absurd, streamed, zipped, outside])
def test_blocks_that_declare_other_sizes_are_refused(tmp_path, hostile):
    array = np.arange(4096, dtype="f4")
    wide = np.broadcast_to(array[:1], (2**57,)) if hostile is absurd else array
    path = tmp_path / "a.asdf"
    path.write_bytes(tree(HEADER, {"it": wide}) + hostile(array.tobytes()))
    with pytest.raises(BoxError, match=r"a\.asdf"):
        file = open_asdf(path)
        file.read(file.array("it", (None,)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"source: 0", b"source: http://localhost/other.asdf"),
        (b"source: 0", b"source: 1"),
        (b"source: 0", b"source: -1"),
        (b"shape: [300]", b"shape: [-300]"),
        (b"shape: [300]", b"shape: [300000]"),
        (b"shape: [300]", b"shape: ['*']"),
        (b"datatype: float32", b"datatype: object"),
        (b"datatype: float32", b"datatype: [{name: a, datatype: float32}]"),
        (b"shape: [300]", b"shape: [300]\n    strides: [8]"),
        (b"shape: [300]", b"shape: [300]\n    offset: 4"),
        (b"    source: 0\n", b"    data: [1, 2]\n"),
        (b"data:", b"data: &loop [*loop]\nother:"),
        (b"data:", b"data: " + b"[" * 5000 + b"]" * 5000 + b"\nother:"),
        (b"data:", b"data: {[1, 2]: 3}\nother:"),
        (b"data:", b"data: {\nother:"),
        (b"--- !core/asdf-1.1.0", b"--- !core/asdf-1.1.0\n- 1\n..."),
    ],
)
def test_arrays_that_are_not_plain_are_refused(tmp_path, old, new):
    path = write(tmp_path / "a.asdf", {"it": np.arange(300, dtype="f4")})
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.raises(BoxError, match=r"a\.asdf"):
        open_asdf(path).array("it", (None,))


def test_no_object_of_a_file_is_made(tmp_path):
    made = tmp_path / "made"
    evil = f"!!python/object/apply:pathlib.Path.touch [!!python/name:pathlib.Path '{made}']"
    path = write(tmp_path / "a.asdf", {"it": np.arange(3, dtype="f4")}, evil=evil)
    bomb = "\n".join(f"  b{i}: &b{i} [*b{i - 1}, *b{i - 1}]" for i in range(1, 60))
    text = path.read_bytes().replace(b"header:", f"bombs:\n  b0: &b0 []\n{bomb}\nheader:".encode())
    path.write_bytes(text)
    file = open_asdf(path)
    np.testing.assert_array_equal(file.read(file.array("it", (3,))), np.arange(3))
    assert not made.exists()


@pytest.mark.parametrize("text", [b"", b"nothing", b"#ASDF 1.0.0\n", b"#ASDF 1.0.0\n...\n"])
def test_what_is_no_asdf_file_is_refused(tmp_path, text):
    (tmp_path / "a.asdf").write_bytes(text)
    with pytest.raises(BoxError, match=r"a\.asdf"):
        open_asdf(tmp_path / "a.asdf")
    with pytest.raises(BoxError, match="check the path"):
        open_asdf(tmp_path / "absent.asdf")


def test_the_extra_is_named_where_it_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "abacusnbody", None)
    with pytest.raises(BoxError, match=r"pip install 'halopaint\[abacus\]'"):
        read(tmp_path)


def test_halos_are_cleaned_and_counted_from_the_corner(tiny):
    source = read(tiny)
    np.testing.assert_allclose(source.halos.position, [[0, 16, 32], [48, 32, 0]])
    np.testing.assert_allclose(source.halos.mass, [1.3e12, 7e11])
    assert (source.box_size, source.redshift) == (BOX, 0.5)
    assert source.provenance["particle_mass"] == 1e10
    assert source.cosmology is None
    assert any("lists no simulation tiny" in sentence for sentence in source.assumed)


def test_velocities_and_ids_are_kept_where_every_file_has_them(tmp_path):
    velocity = np.arange(9, dtype="f4").reshape(3, 3) / 1000
    slabs = [(SLABS[0], slice(0, 2)), (SLABS[1], slice(2, 3))]
    folder = tmp_path / "moving" / "halos" / "z0.500" / "halo_info"
    ids = np.array([2**40, 5, 7], "u8")
    for number, ((position, particles), rows) in enumerate(slabs):
        columns = {"N": np.array(particles, "u4"), "x_L2com": np.array(position, "f4")}
        columns |= {"id": ids[rows], "v_L2com": velocity[rows], "v_com": velocity[rows] / 2}
        columns["sigmav3d_L2com"] = velocity[rows, 2]
        path = folder / f"halo_info_{number:03d}.asdf"
        write(path, columns | {"x_com": columns["x_L2com"]}, VelZSpace_to_kms=2000.0)
    modes = grid_of(linear_modes(3, 8, BOX, POWER), 8)
    write(tmp_path / "moving/ic/ic_dens_N8.asdf", {"density": modes}, GrowthTable=TABLE)
    halos = read(tmp_path / "moving", cleaned=False).halos
    np.testing.assert_allclose(halos.velocity, 2000 * velocity, rtol=1e-6)
    along_one = 2000 * velocity[:, 2] / np.sqrt(3)
    np.testing.assert_allclose(halos.velocity_dispersion, along_one, rtol=1e-6)
    np.testing.assert_array_equal(halos.id, ids)
    np.testing.assert_array_equal(halos.particles, [100, 50, 70])
    heavy = read(tmp_path / "moving", cleaned=False, mass_min=6e11, position="x_com").halos
    np.testing.assert_allclose(heavy.velocity, 1000 * velocity[[0, 2]], rtol=1e-6)


def test_halos_as_they_were_found(tiny):
    found = read(tiny, cleaned=False, position="x_com", mass_min=6e11).halos
    np.testing.assert_allclose(found.mass, [1e12, 7e11])
    np.testing.assert_allclose(found.position, [[16, 24, 32], [40, 32, 16]])


def test_halos_and_modes_share_one_frame(tmp_path):
    folder = tmp_path / "tiny"
    points = 8
    peak = np.zeros((points,) * 3, "f4")
    peak[1, 2, 3] = 1
    peak -= peak.mean()
    centred = (np.array([1, 2, 3]) / points - 0.5).tolist()
    write_halos(folder, [([centred], [40])])
    write(folder / "ic_dens_N8.asdf", {"density": peak}, GrowthTable=TABLE)
    source = read(folder, cleaned=False)
    field = grid_of(source.initial_modes((8, 8, 8), 1), points)
    highest = np.array(np.unravel_index(field.argmax(), field.shape))
    np.testing.assert_allclose(source.halos.position[0], highest * BOX / points)


def test_redshifts_are_listed(tiny):
    write_halos(tiny, SLABS, "z1.000", Redshift=1.0002)
    with pytest.raises(BoxError, match=r"several redshifts; choose one of 0\.5, 1"):
        read(tiny)
    with pytest.raises(BoxError, match=r"no halos of redshift 2; choose one of 0\.5, 1"):
        read(tiny, redshift=2.0)
    assert read(tiny, redshift=1.0, cleaned=False).redshift == 1.0002


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        ("tiny/halos/z0.500/halo_info/halo_info_000.asdf", r"no halo_info_000\.asdf; get every"),
        ("tiny/ic/ic_dens_N8.asdf", "get ic_dens_N576"),
        ("cleaning/tiny/z0.500/cleaned_halo_info/cleaned_halo_info_000.asdf", "as they were found"),
        ("cleaning/tiny/z0.500/cleaned_halo_info/cleaned_halo_info_001.asdf", "1 files for the 2"),
    ],
)
def test_missing_files_are_named(tiny, absent, message):
    (tiny.parent / absent).unlink()
    with pytest.raises(BoxError, match=message):
        read(tiny)


def test_superslabs_of_two_simulations_are_refused(tiny):
    columns = {"N": np.ones(1, "u4"), "x_L2com": np.zeros((1, 3), "f4")}
    path = tiny / "halos/z0.500/halo_info/halo_info_001.asdf"
    write(path, columns, ParticleMassHMsun=2e10)
    with pytest.raises(BoxError, match="ParticleMassHMsun 2e"):
        read(tiny, cleaned=False)


def test_cleaning_of_other_halos_is_refused(tiny):
    path = tiny.parent / "cleaning/tiny/z0.500/cleaned_halo_info/cleaned_halo_info_001.asdf"
    write(path, {"N_total": np.ones(4, "u4")})
    with pytest.raises(BoxError, match=r"shape \(4,\) instead of \(1\)"):
        read(tiny)


def test_a_cosmology_given_must_be_that_of_the_header(tiny):
    given = Cosmology(67.36, 0.3, 0.05, 0.8, 0.96)
    assert read(tiny, cosmology=given).cosmology == given
    with pytest.raises(BoxError, match=r"omega_m 0\.3 but the cosmology given has 0\.31"):
        read(tiny, cosmology=Cosmology(67.36, 0.31, 0.05, 0.8, 0.96))


def test_the_cosmology_of_a_listed_simulation(tmp_path):
    listed = {"SimName": "AbacusSummit_base_c000_ph000", "BoxSize": 2000.0, "Omega_M": 0.315192}
    write_halos(tmp_path, SLABS, **listed)
    density = {"density": grid_of(linear_modes(3, 8, 2000.0, POWER), 8)}
    write(tmp_path / "ic_dens_N8.asdf", density, **listed)
    source = read(tmp_path, cleaned=False)
    # Table of AbacusSummit's cosmologies: h 0.6736, omega_b 0.02237, n_s 0.9649, sigma8_cb 0.811355
    assert source.cosmology.sigma8 == pytest.approx(0.811355, rel=3e-4)
    assert source.cosmology.omega_b == pytest.approx(0.02237 / 0.6736**2)
    assert source.cosmology.n_s == 0.9649
    # Growth from 99 to 0.5: the simulations' state files state it too (0.606627 and 0.009979...)
    own = growth(np.array([1 / 1.5, 1 / 100]), Background(0.315192)).first
    assert source.initial_modes.factor == pytest.approx(own[0] / own[1], rel=0.02)
    assert source.initial_modes.factor < own[0] / own[1]  # neutrinos slow it


def modes_of(path, redshift=0.5, **parameters):
    known = {"SimName": "tiny", "Omega_M": 0.3, **parameters}
    return read_initial_conditions(path, BOX, redshift, known)


@pytest.mark.parametrize(("asked", "given"), [(16, 16), (8, 8), (24, 16)])
@pytest.mark.parametrize("frame", [None, 1500])
@pytest.mark.parametrize("kind", ["density", "displacements"])
def test_modes_are_recovered(tmp_path, kind, frame, asked, given):
    modes = linear_modes(5, 16, BOX, POWER)
    grid = grid_of(modes, 16) if kind == "density" else first_order(modes, BOX)
    path = write(tmp_path / "ic_N16.asdf", {kind: grid}, frame, GrowthTable=TABLE)
    read_modes, _ = modes_of(path, redshift=1.0)
    found = read_modes((asked,) * 3, 1)
    assert found.shape == (given, given, given // 2 + 1)
    # The table grows by 50 from redshift 99 to 1; drawn modes do not depend on the lattice.
    expected = 50 * linear_modes(5, given, BOX, POWER)
    np.testing.assert_allclose(found, expected, atol=3e-6 * np.abs(expected).max())


def test_growth_is_interpolated_in_the_table(tmp_path):
    path = write(tmp_path / "ic_N8.asdf", {"density": np.zeros((8, 8, 8), "f4")})
    assert modes_of(path, 0.6, GrowthTable=TABLE)[0].factor == pytest.approx(100 / 1.6)
    without, assumed = modes_of(path, 0.6)
    own = growth(np.array([1 / 1.6, 1 / 100]), Background(0.3)).first
    assert without.factor == pytest.approx(own[0] / own[1])
    assert "no GrowthTable" in assumed[0]


@pytest.mark.parametrize(
    ("grid", "header", "message"),
    [
        (np.full((8, 8, 8), np.nan, "f4"), {}, "NaN"),
        (np.ones((8, 8, 8), "f4"), {}, "has mean 1"),
        (np.zeros((8, 8, 8), "f4"), {}, "not constant"),
        (np.zeros((8, 8, 6), "f4"), {}, "shape"),
        (np.zeros((7, 7, 7), "f4"), {}, "even lattice"),
        (np.zeros((8, 8, 8), "i4"), {}, "real numbers"),
        (np.zeros((8, 8, 8), "f4"), {"SimName": "other"}, "files of one simulation"),
        (np.zeros((8, 8, 8), "f4"), {"BoxSize": 65}, "files of one simulation"),
        (np.zeros((8, 8, 8), "f4"), {"GrowthTable": {0.0: 1, 1.0: 2, 2.0: 3, 99.0: 4}}, "growth"),
        (np.zeros((8, 8, 8), "f4"), {"GrowthTable": dict(list(TABLE.items())[:4])}, "covers"),
        (np.zeros((8, 8, 8), "f4"), {"InitialRedshift": "soon"}, "instead of a number"),
        (np.zeros((8, 8, 8), "f4"), {"InitialRedshift": 0.4}, "not before that of the halos"),
    ],
)
def test_what_is_no_initial_condition_is_refused(tmp_path, grid, header, message):
    path = write(tmp_path / "ic_N8.asdf", {"density": grid}, **header)
    with pytest.raises(BoxError, match=message):
        modes_of(path)[0]((8, 8, 8), 1)


def pack9(cpd, cells):
    """Rows of 9 bytes: a cell's index, then its particles in units of the cell from its centre."""
    rows = []
    for index, particles in cells:
        head = [0, cpd - 2000, 0, *(i - 2000 for i in index)]
        rows.append(row(head, opens=True))
        rows += [row([*(round(2000 * x) for x in particle), 0, 0, 0]) for particle in particles]
    return np.array(rows, dtype=np.uint8)


def row(shorts, opens=False):
    out = []
    for low, high in zip(shorts[::2], shorts[1::2], strict=True):
        low, high = low + 2048, high + 2048
        out += [low >> 4, (low & 0xF) | (high >> 8) << 4, high & 0xFF]
    if opens:
        out[0] = 255
    return out


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_particles_make_the_density_of_voxel_centres(tiny, monkeypatch, rows):
    monkeypatch.setattr("halokeras.sources.abacus_summit.read._ROWS", rows)
    # 4 cells of 16 Mpc/h, whose centres are those of 4 voxels
    slices = tiny / "slices" / "z0.500"
    field = pack9(4, [((0, 1, 2), [(0, 0, 0)] * 3), ((3, 3, 3), [(0.5, 0, 0)] * 2)])
    write(slices / "field_pack9" / "slab000.field.pack9.asdf", {"pack9": field.view(np.int8)})
    inner = pack9(4, [((2, 2, 2), [(0, 0.25, 0)] * 3)])
    write(slices / "L0_pack9" / "slab000.L0.pack9.asdf", {"pack9": inner.view(np.int8)})
    density = read(tiny, density="nbody", voxels=4).density
    expected = np.zeros((4, 4, 4))
    expected[0, 1, 2] = 3
    expected[3, 3, 3] = expected[0, 3, 3] = 1
    expected[2, 2, 2], expected[2, 3, 2] = 2.25, 0.75
    np.testing.assert_allclose(density, expected * 64 / 8, atol=1e-5)


def test_particles_that_are_missing_or_damaged_are_refused(tiny):
    slab = tiny / "slices" / "z0.500" / "field_pack9" / "slab000.field.pack9.asdf"
    with pytest.raises(BoxError, match="no L0_pack9"):
        read(tiny, density="nbody", voxels=4)
    whole = pack9(4, [((0, 1, 2), [(0, 0, 0)] * 7)])
    write(slab, {"pack9": whole.view(np.int8)})
    with pytest.raises(BoxError, match="7 of the 8 particles"):
        read(tiny, density="nbody", voxels=4)
    for damaged in (whole[1:], pack9(0, [((0, 1, 2), [(0, 0, 0)] * 7)])):
        write(slab, {"pack9": damaged.view(np.int8)})
        with pytest.raises(BoxError, match="damaged"):
            read(tiny, density="nbody", voxels=4)
    with pytest.raises(BoxError, match="choose the voxels"):
        read(tiny, density="nbody")


@cache
def halos_of_abacusutils(cleaned):
    from abacusnbody.data.compaso_halo_catalog import CompaSOHaloCatalog

    return CompaSOHaloCatalog(
        MINI / "halos" / "z0.000",
        cleaned=cleaned,
        fields=[
            *("N", "id", "x_L2com", "x_com", "v_L2com", "v_com"),
            *("sigmav3d_L2com", "sigmav3d_com"),
        ],
    )


@has_mini
@pytest.mark.parametrize("position", ["x_L2com", "x_com"])
@pytest.mark.parametrize(("cleaned", "kept"), [(True, 380), (False, 381)])
def test_mini_halos_are_those_of_abacusutils(cleaned, kept, position):
    theirs = halos_of_abacusutils(cleaned)
    assert len(theirs.halos) == 381
    some = theirs.halos[theirs.halos["N"] > 0]
    ours = read(MINI, cleaned=cleaned, position=position, density="nbody", voxels=4).halos
    assert len(ours.mass) == kept
    mass = np.asarray(some["N"]) * theirs.header["ParticleMassHMsun"]
    np.testing.assert_array_equal(ours.mass, mass.astype("f4"))
    np.testing.assert_array_equal(ours.position, np.asarray(some[position]) + np.float32(16))
    velocity = np.asarray(some[position.replace("x_", "v_")])
    np.testing.assert_allclose(ours.velocity, velocity, rtol=1e-6)
    of_three_axes = np.asarray(some[position.replace("x_", "sigmav3d_")])
    np.testing.assert_allclose(ours.velocity_dispersion * np.sqrt(3), of_three_axes, rtol=1e-6)
    np.testing.assert_array_equal(ours.id, np.asarray(some["id"]).astype("i8"))
    np.testing.assert_array_equal(ours.particles, np.asarray(some["N"]))
    assert ((ours.mass >= 1e12) & (ours.mass < 1e14)).sum() == 164


@has_mini
def test_mini_particles_are_those_of_abacusutils_and_carry_the_halos():
    from abacusnbody.data.read_abacus import read_asdf

    from halokeras.fields.gridding import cloud_in_cell

    files = sorted((MINI / "slices" / "z0.000").glob("*_pack9/*.asdf"))
    theirs = [np.asarray(read_asdf(path, load=["pos"], verbose=False)["pos"]) for path in files]
    particles = np.concatenate(theirs)
    assert len(particles) == 64**3
    source = read(MINI, density="nbody", voxels=16)
    expected = cloud_in_cell(particles + np.float32(16), (16,) * 3, 2.0)
    np.testing.assert_allclose(source.density, expected, rtol=1e-4, atol=1e-4)

    halos = source.halos
    position = wrap(halos.position, 32.0)
    counts = count(position, (16,) * 3, 2.0)
    check_alignment(source.density, counts, 2.0)
    with pytest.raises(BoxError, match=r"counts lie \(-8, -8, -8\) voxels"):
        check_alignment(source.density, np.roll(counts, 8, (0, 1, 2)), 2.0)
    # Halos weighted by mass follow the matter on large scales.
    weighted = np.zeros(16**3)
    voxel = np.floor(position / 2).astype(int)
    np.add.at(weighted, np.ravel_multi_index(voxel.T, (16,) * 3), halos.mass)
    a, b = fft.rfftn(source.density), fft.rfftn(weighted.reshape((16,) * 3))
    low = np.ix_([0, 1, 2, -2, -1], [0, 1, 2, -2, -1], [1, 2])
    cross = (a[low] * b[low].conj()).real.sum()
    r = cross / np.sqrt((abs(a[low]) ** 2).sum() * (abs(b[low]) ** 2).sum())
    assert r > 0.9
    assert source.provenance["density_scheme"] == "nbody"
