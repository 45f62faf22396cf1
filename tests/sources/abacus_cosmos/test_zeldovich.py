"""Initial conditions written byte by byte as zeldovich-PLT's classes lie in memory."""

import struct

import numpy as np
import pytest

from halokeras.cosmology.cosmology import Background, growth
from halokeras.errors import BoxError
from halokeras.simulation.lpt.lpt import first_order, linear_modes
from halokeras.sources.abacus_cosmos.parameter_file import read_parameters
from halokeras.sources.abacus_cosmos.zeldovich import initial_modes
from halokeras.sources.abacus_cosmos.zeldovich_files import find_initial_conditions

BOX = 64.0
PPD = 16
CPD = 5
OMEGA_M = 0.314153
POWER = (np.array([1e-4, 1e2]), np.array([700.0, 0.7]))
FORMATS = {
    "RVZel": "HHH2x3f3f",
    "RVdoubleZel": "HHH2x3d3d",
    "Zeldovich": "HHH2x3d",
    "ZelSimple": "3f",
}


def record(name, order, i, j, k, displacement):
    values = [] if name == "ZelSimple" else [i, j, k]
    values += list(displacement)
    values += [0.99 * value for value in displacement] if name.startswith("RV") else []
    return struct.pack(order + FORMATS[name], *values)


def write(folder, displacement, name="RVZel", order="<", more="", lattice=None):
    """`displacement` (PPD, PPD, PPD, 3) [Mpc/h], label i j k in its order."""
    points = len(displacement)
    folder.mkdir(exist_ok=True)
    for i in lattice or range(points):
        with (folder / f"ic_{i * CPD // points}").open("ab") as file:
            for j in range(points):
                for k in range(points):
                    file.write(record(name, order, i, j, k, displacement[i, j, k]))
    (folder / "abacus.par").write_text(
        f"BoxSize = {BOX}\nNP = {points**3}\nCPD = {CPD}\nInitialRedshift = 49.0\n"
        f'ICFormat = "{name}"\nICPositionRange = {BOX}\n{more}'
    )
    return folder


def read(folder, lattice=PPD, redshift=49.0, workers=1):
    conditions = find_initial_conditions(folder, read_parameters(folder / "abacus.par"))
    return initial_modes(conditions, Background(OMEGA_M), redshift)((lattice,) * 3, workers)


@pytest.fixture(scope="module")
def modes():
    return linear_modes(5, PPD, BOX, POWER)


@pytest.fixture(scope="module")
def displacement(modes):
    """By label: particle i of Abacus is the one half a box on in the frame of the halos."""
    return np.roll(first_order(modes, BOX), (-PPD // 2,) * 3, axis=(0, 1, 2))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_back_the_modes_it_was_made_of(tmp_path, modes, displacement, name):
    found = read(write(tmp_path / "ic", displacement, name))
    assert found.dtype == np.complex64
    np.testing.assert_allclose(found, modes, atol=1e-5 * np.abs(modes).max())


def test_a_coarser_lattice_has_the_same_large_scales_and_no_nyquist_modes(
    tmp_path, modes, displacement
):
    found = read(write(tmp_path / "ic", displacement), 8, workers=2)
    kept = [0, 1, 2, 3, -3, -2, -1]
    grid = np.ix_(kept, kept, range(4))
    np.testing.assert_allclose(found[grid], modes[grid], atol=1e-5 * np.abs(modes).max())
    assert found.shape == (8, 8, 5)
    assert not found[4].any() and not found[:, 4].any() and not found[:, :, 4].any()


def test_a_finer_lattice_is_not_made_up(tmp_path, modes, displacement):
    found = read(write(tmp_path / "ic", displacement), 40)
    assert found.shape == modes.shape
    np.testing.assert_allclose(found, modes, atol=1e-5 * np.abs(modes).max())


def test_the_overdensity_grows_to_the_redshift_asked_for(tmp_path, modes, displacement):
    found = read(write(tmp_path / "ic", displacement), redshift=0.3)
    first = growth(np.array([1 / 1.3, 1 / 50]), Background(OMEGA_M)).first
    np.testing.assert_allclose(found, first[0] / first[1] * modes, atol=1e-3 * np.abs(modes).max())


@pytest.mark.parametrize("points", [12, 9])
def test_a_wave_stands_where_abacus_put_it(tmp_path, points):
    # One wave along each axis, also of a lattice that has no point half a box from the first.
    wave = 2 * np.pi * np.array([1, -2, 3]) / BOX
    at = (np.arange(points) / points + 0.5) * BOX
    x = np.stack(np.meshgrid(at, at, at, indexing="ij"), axis=-1)
    # delta = 2 a cos(k.x + 1), of which -div psi is made by psi = -2 a k / k^2 sin(k.x + 1).
    psi = -2 * 0.01 * wave / (wave @ wave) * np.sin(x @ wave + 1)[..., None]
    found = read(write(tmp_path / "ic", psi), 8)
    expected = np.zeros((8, 8, 5), dtype=complex)
    expected[1, -2, 3] = 0.01 * np.exp(1j)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_records_in_another_order_are_sorted_by_label(tmp_path, modes, displacement):
    folder = write(tmp_path / "ic", displacement, lattice=[3, 1, 2, 0, *range(15, 3, -1)])
    file = folder / "ic_0"
    planes = file.read_bytes()
    size = PPD**2 * 32
    rng = np.random.default_rng(1)
    shuffled = np.frombuffer(planes, dtype="V32").reshape(-1, PPD**2)
    file.write_bytes(rng.permuted(shuffled, axis=1).tobytes())
    assert len(planes) == 4 * size
    found = read(folder)
    np.testing.assert_allclose(found, modes, atol=1e-5 * np.abs(modes).max())


def test_settings_are_told(tmp_path, displacement):
    more = "ZD_qPLT = 1\nZD_qPLT_rescale = 1\nZD_PLT_target_z = 5.0\nZD_k_cutoff = 2\n"
    folder = write(tmp_path / "ic", displacement, more=more)
    told = "; ".join(
        find_initial_conditions(folder, read_parameters(folder / "abacus.par")).assumed
    )
    for part in ("z = 49", "ZD_qPLT)", "0.785 h/Mpc", "z = 5 (ZD_qPLT_rescale)", "0.393 h/Mpc"):
        assert part in told


def without(folder):
    (folder / "ic_2").unlink()


def cut(folder):
    (folder / "ic_2").write_bytes((folder / "ic_2").read_bytes()[:-32])


def empty(folder):
    (folder / "ic_0").write_bytes(b"")


def exchange(folder):
    first, third = folder / "ic_1", folder / "ic_2"
    content = first.read_bytes()
    first.write_bytes(third.read_bytes())
    third.write_bytes(content)


def twice(folder):
    content = (folder / "ic_0").read_bytes()
    (folder / "ic_0").write_bytes(content[:8192] + content[:8192] + content[16384:])


def one_record_twice(folder):
    content = (folder / "ic_0").read_bytes()
    (folder / "ic_0").write_bytes(content[:32] + content[:32] + content[64:])


def not_a_number(folder):
    content = bytearray((folder / "ic_3").read_bytes())
    content[32 * 7 + 12 : 32 * 7 + 16] = struct.pack("<f", np.nan)
    (folder / "ic_3").write_bytes(content)


def parameter(old, new):
    def change(folder):
        path = folder / "abacus.par"
        path.write_text(path.read_text().replace(old, new))

    return change


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without, "there is no file .*ic_2 .* run zeldovich-PLT to its end"),
        (cut, r"ic_2 has 24544 bytes but 3 planes of 16\^2 RVZel records have 24576; copy"),
        (empty, "ic_0 has 0 bytes"),
        (exchange, r"ic_1 holds plane 7 twice or out of place"),
        (twice, "ic_0 holds plane 0 twice"),
        (one_record_twice, r"ic_0: record 1 of a plane has the label \(0, 0, 0\), a second time"),
        (not_a_number, r"ic_3: record 7 of a plane is displaced by \(.*nan.*\) Mpc/h"),
        (parameter("RVZel", "RVdoubleZel"), "planes of 16.2 RVdoubleZel records"),
        (parameter("RVZel", "RVTag"), "ICFormat is RVTag; make the initial conditions as one of"),
        (parameter("NP = 4096", "NP = 4095"), "NP = 4095 must be the cube"),
        (parameter("NP = 4096", "NP = 1e300"), r"NP = 1e\+300 must be the cube"),
        (parameter("NP = 4096", "NP = 216000000000000"), "ic_0 has 32768 bytes but 12000 planes"),
        (parameter("CPD = 5", "CPD = 2.5"), "CPD a whole number"),
        (parameter("CPD = 5", "CPD = 4"), "ic_1 has .* bytes"),
        (parameter("ICPositionRange = 64.0", "ICPositionRange = 1"), "ICPositionRange the same"),
        (parameter("NP", "hMpc = 0\nNP"), "hMpc must be 1"),
        (parameter("InitialRedshift", "Other"), "InitialRedshift is missing"),
    ],
)
def test_what_cannot_be_the_lattice_is_refused(tmp_path, displacement, spoil, told):
    folder = write(tmp_path / "ic", displacement)
    spoil(folder)
    with pytest.raises(BoxError, match=told):
        read(folder)


def test_doubles_are_not_taken_for_single_precision(tmp_path, displacement):
    folder = write(tmp_path / "ic", displacement, "Zeldovich")
    parameter("Zeldovich", "RVZel")(folder)
    with pytest.raises(BoxError, match=r"is displaced by .*; check ICFormat"):
        read(folder)


@pytest.mark.parametrize("name", FORMATS)
def test_a_big_endian_set_is_told_as_such(tmp_path, displacement, name):
    folder = write(tmp_path / "ic", displacement, name, order=">")
    with pytest.raises(BoxError, match="little-endian"):
        read(folder)


def test_a_lattice_beyond_the_memory_is_refused_before_it_is_read(
    tmp_path, displacement, monkeypatch
):
    folder = write(tmp_path / "ic", displacement)
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 2**20)
    with pytest.raises(BoxError, match=r"lattice of 16 x 16 x 16 from 16\^3 particles needs"):
        read(folder)
