import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.fields.gridding import cloud_in_cell
from halokeras.sources.catalogue.particles import read_particles

SIDE, VOXELS = 64.0, 8
SHAPE, VOXEL = (8, 8, 8), 8.0
POSITION = (SIDE * np.random.default_rng(5).random((5000, 3))).astype(np.float32)
EXPECTED = cloud_in_cell(POSITION, SHAPE, VOXEL)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    from halokeras.sources.catalogue import particles

    monkeypatch.setattr(particles, "CHUNK", 700)


def refused(path, *words, **options):
    with pytest.raises(BoxError) as caught:
        read_particles(path, VOXELS, **options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def snapshot(folder, position=POSITION, **more):
    """A Gadget snapshot in three files, one without dark matter."""
    folder.mkdir()
    for number, rows in enumerate((slice(0, 1700), slice(0, 0), slice(1700, 5000))):
        with h5py.File(folder / f"snap_004.{number}.hdf5", "w") as file:
            header = file.create_group("Header")
            header.attrs.update({"BoxSize": SIDE, "Redshift": 0.3, "NumFilesPerSnapshot": 3})
            header.attrs["NumPart_Total"] = np.array([0, 5000, 0, 0, 0, 0], np.uint32)
            header.attrs["MassTable"] = np.array([0, 4.0, 0, 0, 0, 0])
            if number != 1:
                file["PartType1/Coordinates"] = position[rows]
                for name, values in more.items():
                    file[f"PartType1/{name}"] = values[rows]
    return folder


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_a_snapshot_is_deposited_to_the_bits_of_one_whole_deposit(tmp_path, workers):
    seen = []
    found = read_particles(snapshot(tmp_path / "s"), VOXELS, workers=workers, progress=seen.append)
    np.testing.assert_array_equal(found.density, EXPECTED)
    assert (found.box_size, found.redshift, found.particles) == (64, 0.3, 5000)
    assert seen[-1] == 5000
    assert len(seen) > 5


def test_more_threads_than_rows(tmp_path):
    np.save(tmp_path / "p.npy", POSITION)
    found = read_particles(tmp_path / "p.npy", 2, box_size=SIDE, workers=5)
    np.testing.assert_array_equal(found.density, cloud_in_cell(POSITION, (2, 2, 2), 32.0))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">f8", "<f8"])
def test_arrays_of_any_byte_order(tmp_path, dtype):
    np.save(tmp_path / "p.npy", POSITION.astype(dtype))
    found = read_particles(tmp_path / "p.npy", VOXELS, box_size=SIDE)
    np.testing.assert_array_equal(found.density, EXPECTED)


def test_columns_of_a_table(tmp_path):
    np.savez(tmp_path / "p.npz", x=POSITION[:, 0], y=POSITION[:, 1], z=POSITION[:, 2], L=64)
    found = read_particles(tmp_path / "p.npz", VOXELS, box_size=SIDE)
    np.testing.assert_array_equal(found.density, EXPECTED)


def test_a_particle_on_a_voxels_centre_lies_in_that_voxel_alone(tmp_path):
    np.save(tmp_path / "p.npy", np.array([[4.0, 12.0, 60.0]]))
    found = read_particles(tmp_path / "p.npy", VOXELS, box_size=SIDE)
    assert found.density[0, 1, 7] == 512
    assert np.count_nonzero(found.density) == 1


def test_units_and_origins(tmp_path):
    exact = np.floor(16 * POSITION) / 16  # so that moving them rounds nothing
    expected = cloud_in_cell(exact, SHAPE, VOXEL)
    np.save(tmp_path / "p.npy", exact - 32)
    found = read_particles(tmp_path / "p.npy", VOXELS, box_size=SIDE, origin="centre")
    np.testing.assert_array_equal(found.density, expected)
    np.save(tmp_path / "p.npy", exact.astype(np.float64) * 1000 / 0.7)
    found = read_particles(tmp_path / "p.npy", VOXELS, box_size=SIDE, length_unit="kpc", hubble=0.7)
    np.testing.assert_allclose(found.density, expected, rtol=1e-6)


def test_particles_weigh_what_their_masses_say(tmp_path):
    mass = np.where(np.arange(5000) < 2500, 1.0, 3.0)
    found = read_particles(snapshot(tmp_path / "s", Masses=mass), VOXELS)
    thrice = np.concatenate([POSITION[:2500], *[POSITION[2500:]] * 3])
    np.testing.assert_allclose(found.density, cloud_in_cell(thrice, SHAPE, VOXEL), rtol=1e-6)
    assert "weighed by Masses" in found.assumed[0]


def test_particles_in_the_wrong_unit_or_place_are_refused(tmp_path):
    np.save(tmp_path / "p.npy", 1000 * POSITION)
    refused(tmp_path / "p.npy", "--particles-length-unit", box_size=SIDE)
    np.save(tmp_path / "p.npy", POSITION / 1000)
    refused(tmp_path / "p.npy", "fill 0.000", "--particles-length-unit", box_size=SIDE)
    np.save(tmp_path / "p.npy", POSITION - 32)
    refused(tmp_path / "p.npy", "--particles-origin", box_size=SIDE)
    refused(tmp_path / "p.npy", "--box-size")


def test_particles_that_are_not_finite_are_refused(tmp_path):
    for value in (np.nan, np.inf):
        spoiled = POSITION.copy()
        spoiled[4321, 1] = value
        np.save(tmp_path / "p.npy", spoiled)
        refused(tmp_path / "p.npy", "not finite", box_size=SIDE)
    refused(snapshot(tmp_path / "s", Masses=np.full(5000, -1.0)), "negative")


def test_missing_particles_are_noticed(tmp_path):
    folder = snapshot(tmp_path / "s")
    with h5py.File(folder / "snap_004.2.hdf5", "a") as file:
        del file["PartType1/Coordinates"]
        file["PartType1/Coordinates"] = POSITION[1700:4999]
    refused(folder, "4,999 particles", "5,000")
    (folder / "snap_004.1.hdf5").unlink()
    refused(folder, "one of 3 files")


def test_no_particles_and_no_memory(tmp_path, monkeypatch):
    np.save(tmp_path / "p.npy", POSITION[:0])
    refused(tmp_path / "p.npy", "no particles", box_size=SIDE)
    np.save(tmp_path / "p.npy", POSITION)
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 6000)
    refused(tmp_path / "p.npy", "8^3 voxels", "5.9 KiB are free", box_size=SIDE)
