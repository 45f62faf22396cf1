import h5py
import numpy as np
import pytest

from halokeras.boxes.halos import Halos
from halokeras.errors import BoxError
from halokeras.fields.alignment import check_alignment
from halokeras.fields.gridding import count, deposit
from halokeras.sources.catalogue.density_grid import from_corner, read_density

UNIT = np.random.default_rng(3).lognormal(size=(6, 6, 6))
UNIT /= UNIT.mean()


def save(path, array):
    np.save(path, array)
    return path


def refused(path, *words, **options):
    with pytest.raises(BoxError) as caught:
        read_density(path, **options)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("contrast", "stored"), [("1+delta", UNIT), ("delta", UNIT - 1), ("rho", 37 * UNIT)]
)
def test_every_contrast_becomes_rho_over_mean(tmp_path, contrast, stored):
    for order in ("<f8", ">f4"):
        found = read_density(save(tmp_path / "d.npy", stored.astype(order)), contrast=contrast)
        np.testing.assert_allclose(found.density, UNIT, rtol=1e-5, atol=1e-6)
        assert found.density.dtype == np.float32
        assert found.corner == 0
        assert contrast in found.assumed[0]


def test_a_contrast_that_the_values_contradict_names_the_right_one(tmp_path):
    path = save(tmp_path / "d.npy", UNIT - 1)
    refused(path, "negative", "--contrast delta")
    refused(path, "negative", "--contrast delta", contrast="rho")
    refused(save(tmp_path / "d.npy", UNIT), "--contrast 1+delta", contrast="delta")
    refused(save(tmp_path / "d.npy", 5 * UNIT), "mean 5", "--contrast rho")
    refused(save(tmp_path / "d.npy", 3 * (UNIT - 1)), "no linear field", contrast="delta")
    refused(save(tmp_path / "d.npy", 2 * UNIT - 1), "negative", "deposited")
    refused(save(tmp_path / "d.npy", 0 * UNIT), "zeros only", contrast="rho")
    refused(path, "unknown", contrast="delta_plus_one")


def test_not_finite_or_no_cube(tmp_path):
    for value in (np.nan, np.inf):
        spoiled = UNIT.copy()
        spoiled[3, 2, 1] = value
        refused(save(tmp_path / "d.npy", spoiled), "NaN or infinite")
    refused(save(tmp_path / "d.npy", UNIT[:3]), "must be a cube")
    refused(save(tmp_path / "d.npy", UNIT[0]), "grid of real numbers")
    refused(tmp_path / "none.npy", "check the path")


@pytest.mark.parametrize("axes", ["xyz", "zyx", "yzx", "zxy"])
def test_axes_are_put_in_order(tmp_path, axes):
    stored = UNIT.transpose(["xyz".index(axis) for axis in axes])
    found = read_density(save(tmp_path / "d.npy", stored), axes=axes)
    np.testing.assert_array_equal(found.density, UNIT.astype(np.float32))
    assert found.density.flags.c_contiguous
    refused(tmp_path / "d.npy", "order of xyz", axes="xyy")


def test_a_density_about_corners_is_repaired_exactly_by_moving_the_halos(tmp_path):
    rng = np.random.default_rng(4)
    centres = 64 * rng.random((40, 3))
    halos = np.repeat(centres, 20, axis=0) % 64
    particles = np.repeat(centres, 200, axis=0) + rng.normal(scale=1.5, size=(8000, 3))
    about_corners = np.zeros((16, 16, 16))
    deposit(particles, about_corners, 1 / 4, 0.0)  # without the half voxel of our own deposit
    path = save(tmp_path / "d.npy", about_corners)
    found = read_density(path, contrast="rho", grid_points="corners")
    assert found.corner == -0.5
    table = Halos(halos.astype(np.float32), np.ones(len(halos), np.float32))
    with pytest.raises(BoxError, match="voxels from the density"):
        check_alignment(found.density, count(table.position, (16,) * 3, 4), 4)
    moved = from_corner(table, found.corner * 4, 64).position
    check_alignment(found.density, count(moved, (16,) * 3, 4), 4)
    own = np.zeros((16, 16, 16))
    deposit(particles + 2, own, 1 / 4, 0.5)
    np.testing.assert_allclose(found.density, own / own.mean(), rtol=1e-4, atol=1e-6)


def test_hdf5_grids_are_read_and_links_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["d"] = UNIT
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["fields/delta"] = UNIT - 1
        file["fields/link"] = h5py.ExternalLink("other.h5", "d")
        file["fields/soft"] = h5py.SoftLink("/fields/delta")
        layout = h5py.VirtualLayout((6, 6, 6), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "d", (6, 6, 6))
        file.create_virtual_dataset("fields/virtual", layout)
        file.create_dataset("fields/huge", (9999, 9999, 9999), "f4", chunks=(64, 64, 64))
    path = tmp_path / "d.h5"
    found = read_density(path, "fields/delta", contrast="delta")
    np.testing.assert_allclose(found.density, UNIT, rtol=1e-5, atol=1e-6)
    refused(path, "link is a link", dataset="fields/link")
    refused(path, "soft is a link", dataset="fields/soft", contrast="delta")
    refused(path, "virtual is virtual", dataset="fields/virtual")
    refused(path, "promised", dataset="fields/huge")
    refused(path, "--dataset", "fields/delta")
    path.write_bytes(path.read_bytes()[:1000])
    refused(path, "is damaged: its end is missing", dataset="fields/delta")


def test_zarr_grids_are_read(tmp_path):
    zarr = pytest.importorskip("zarr")
    zarr.open_group(str(tmp_path / "d.zarr"), mode="w").create_array("d", data=UNIT)
    found = read_density(tmp_path / "d.zarr", "d")
    np.testing.assert_array_equal(found.density, UNIT.astype(np.float32))


def test_a_density_whose_window_was_divided_out_is_named(tmp_path):
    sharp = 1.2 * (UNIT - 1) + 1  # overshoots below 0 where it is emptiest
    assert -0.2 < sharp.min() < 0
    for contrast in ("1+delta", "rho"):
        refused(save(tmp_path / "d.npy", sharp), "negative", "window was divided out",
                contrast=contrast)  # fmt: skip
    refused(save(tmp_path / "d.npy", sharp - 1), "window was divided out", contrast="delta")


def test_what_an_hdf5_file_tells_of_its_density(tmp_path):
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["density"] = UNIT
        file.attrs.update({"box_size": 24.0, "redshift": 0.5, "omega_m": 0.3, "BoxSize": 24000.0})
    found = read_density(tmp_path / "d.h5", "density")
    assert (found.box_size, found.redshift, found.cosmology) == (24.0, 0.5, {"omega_m": 0.3})
