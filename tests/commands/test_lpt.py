import json
import shutil
import sys

import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.resources import shipped
from tests.commands.outcomes import fails, fails_last


def test_a_density_that_was_made_before_is_used_again(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 16, "--seed", 7, "--model", drawing_model, "--no-figure"]
    words += ["--output", "mock.h5"]
    assert "Making: mock_density.h5" in run(*words).stderr
    density = (tmp_path / "mock_density.h5").read_bytes()
    again = run(*words)
    assert again.exit_code == 0 and "Found: mock_density.h5" in again.stderr
    assert (tmp_path / "mock_density.h5").read_bytes() == density
    other = [8 if word == 7 else word for word in words]
    fails_last(run(*other), "mock_density.h5 is there", "has seed 7 instead of 8", "--overwrite")
    assert (tmp_path / "mock_density.h5").read_bytes() == density
    assert run(*other, "--overwrite").exit_code == 0
    assert read_box(tmp_path / "mock.h5").provenance["seed"] == 8
    # with velocities for a catalogue it is the same density made again
    words = [*other, "--draw", "--catalogue", "--redshift-space", "y"]
    assert run(*words, "--overwrite").exit_code == 0
    with h5py.File(tmp_path / "mock_halos.hdf5") as file:
        # 1 / (a H) = 1.3 / (100 sqrt(0.314153 x 1.3^3 + 0.685847)) at z = 0.3 in box 00
        shift = 0.011082242 * file["halo_vy"][:].astype(np.float64)
        moved = file["halo_y_rsd"][:] - file["halo_y"][:] - shift
        np.testing.assert_allclose(moved - 64 * np.rint(moved / 64), 0, atol=2e-4)
        assert "density of the same modes" in file.attrs["placed"]
    assert run(*words).exit_code == 0  # what is placed by is found again
    words = [*other, "--draw", "--catalogue", "--places", "uniform"]
    fails_last(run(*words), "mock_halos.hdf5", "--overwrite")
    assert run(*words, "--overwrite").exit_code == 0
    with h5py.File(tmp_path / "mock_halos.hdf5") as file:
        assert "halo_vx" in file and file.attrs["placed"] == "uniformly in the voxel"


@pytest.mark.usefixtures("undrawn")
def test_lpt_writes_a_density_that_can_be_painted(run, tiny_model, tmp_path):
    made = run("lpt", "--voxels", "16x8x8", "--seed", 3, "--box", "03", "--output", "d.h5")
    assert made.exit_code == 0, made.output
    assert "MiB of memory" in made.stderr
    assert made.stdout == "wrote d.h5\n"
    box = read_box(tmp_path / "d.h5")
    assert box.box_size == (64, 32, 32)
    assert box.provenance["seed"] == 3
    assert box.provenance["box_id"] == "03"
    assert run("paint", "--box", "d.h5", "--model", tiny_model).exit_code == 0
    fails_last(run("lpt", "--voxels", "8", "--output", "d.h5"), "d.h5 is there and has seed 3")


def test_lpt_takes_a_cosmology_and_a_size_of_ones_own(run, tmp_path):
    fields = {"H0": 70, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}
    (tmp_path / "c.json").write_text(json.dumps(fields))
    words = ["lpt", "--voxels", 8, "--size", 16, "--redshift", 1, "--output", "d.h5"]
    assert run(*words, "--cosmology", "c.json").exit_code == 0
    box = read_box(tmp_path / "d.h5")
    assert box.cosmology.sigma8 == 0.8
    assert (box.voxel_size, box.redshift) == (2, 1)
    assert "box_id" not in box.provenance


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--voxels", "8", "--box", "07"], ["07", "00"]),
        (["--voxels", "8", "--cosmology", "none.json"], ["none.json", "--cosmology"]),
        (["--voxels", "8", "--initial-modes", "none.npy"], ["none.npy"]),
        (["--voxels", "211x199x197"], ["211x199x197", "no simple ratio"]),
        (["--voxels", "8192"], ["GiB of memory", "fewer voxels"]),
        (["--voxels", "8", "--size", "1e-3"], ["a side of 0.001 Mpc/h", "60,000 Mpc/h"]),
        (["--voxels", "8", "--size", "1e300"], ["a side of 1e+300 Mpc/h", "60,000 Mpc/h"]),
    ],
)
def test_what_lpt_cannot_make_is_one_line_and_leaves_nothing(run, tmp_path, words, told):
    result = run("lpt", *words, "--output", "d.h5")
    assert result.exit_code == 1, result.output
    error = result.stderr.splitlines()[-1]
    assert error.startswith("Error: ")
    for word in told:
        assert word in error
    assert not any(tmp_path.iterdir())


def test_paint_makes_the_density_of_a_seed_first_and_keeps_it(run, tiny_model, tmp_path):
    words = ["--seed", 7, "--voxels", 16, "--model", tiny_model, "--no-figure"]
    result = run("paint", *words)
    assert result.exit_code == 0, result.output
    density = read_box(tmp_path / "painted" / "box00_seed7_16_density.h5")
    painted = read_box(tmp_path / "painted" / "box00_seed7_16_tiny.h5")
    assert density.provenance["seed"] == painted.provenance["seed"] == 7
    assert painted.shape == (16, 16, 16)
    assert run("lpt", "--seed", 7, "--voxels", 16, "--output", "d.h5").exit_code == 0
    np.testing.assert_array_equal(read_box(tmp_path / "d.h5").density, density.density)


def test_a_field_and_its_draws_share_the_density_of_a_seed(run, drawing_model):
    words = ["paint", "--seed", 7, "--voxels", 16, "--model", drawing_model, "--no-figure"]
    assert "Making: painted/box00_seed7_16_density.h5" in run(*words, "--draw").stderr
    assert "Found: painted/box00_seed7_16_density.h5" in run(*words).stderr
    # velocities are of the catalogue alone, and what was painted without them stays the same thing
    assert run(*words, "--draw", "--catalogue").exit_code == 0
    assert run(*words).exit_code == 0


def test_a_copy_of_the_shipped_painter_gives_the_names_that_the_readme_tells(run, tmp_path):
    shutil.copytree(shipped("saved_models") / "gen", tmp_path / "saved_models" / "gen")
    words = ["paint", "--voxels", 16, "--no-figure", "--json"]
    told = json.loads(run(*words).stdout)["wrote"]
    assert told == ["painted/box00_seed1_16.h5"]


def test_a_seed_draws_too_on_the_density_that_it_makes(run, drawing_model, tmp_path):
    words = ["paint", "--seed", 7, "--voxels", 16, "--draw", "--model", drawing_model]
    assert run(*words, "--no-figure", "--output", "mock.h5").exit_code == 0
    drawn = read_box(tmp_path / "mock.h5")
    assert drawn.counts.dtype == np.uint16
    assert drawn.provenance["draw_seed"] == drawn.provenance["seed"] == 7
    assert (tmp_path / "mock_density.h5").exists()


def test_a_painter_that_cannot_draw_is_told_before_a_density_is_made(run, tiny_model, tmp_path):
    words = ["paint", "--voxels", 16, "--draw", "--model", tiny_model, "--output", "mock.h5"]
    fails(run(*words), "no law of counts")
    assert not (tmp_path / "mock_density.h5").exists()


def test_a_format_that_cannot_be_written_is_told_before_a_density_is_made(
    run, drawing_model, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "bigfile", None)  # as where it is not installed
    words = ["paint", "--voxels", 16, "--draw", "--catalogue", "--catalogue-format", "bigfile"]
    fails(run(*words, "--model", drawing_model, "--output", "mock.h5"), "needs the package bigfile")
    assert not (tmp_path / "mock_density.h5").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none.npy", "no density file none.npy"),
        ("odd.npy", "(17, 17, 17)"),
        ("nan.npy", "nan.npy: density holds NaN"),
    ],
)
def test_a_sub_density_that_does_not_fit_is_told_before_a_density_is_made(
    run, drawing_model, tmp_path, name, told
):
    np.save(tmp_path / "odd.npy", np.ones((17, 17, 17)))
    np.save(tmp_path / "nan.npy", np.full((32, 32, 32), np.nan))
    words = ["paint", "--voxels", 16, "--draw", "--catalogue", "--model", drawing_model]
    words += ["--no-figure", "--output", "mock.h5", "--sub-density", name]
    for more in ([], ["--dry-run"]):
        fails(run(*words, *more), told)
    assert not (tmp_path / "mock_density.h5").exists()


def test_what_would_not_be_replaced_is_told_before_a_density_is_made(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 16, "--seed", 7, "--model", drawing_model, "--no-figure"]
    (tmp_path / "mock.h5").write_text("precious")
    for more in ([], ["--dry-run"]):
        fails(run(*words, *more, "--output", "mock.h5"), "mock.h5 is there", "--overwrite")
    assert (tmp_path / "mock.h5").read_text() == "precious"
    assert not (tmp_path / "mock_density.h5").exists()

    # a painting of another seed, whose density was removed
    assert run(*words, "--overwrite", "--output", "mock.h5").exit_code == 0
    (tmp_path / "mock_density.h5").unlink()
    other = [8 if word == 7 else word for word in words]
    fails(run(*other, "--output", "mock.h5"), "seed of the density 7 instead of 8", "--overwrite")
    assert not (tmp_path / "mock_density.h5").exists()
    assert run(*words, "--output", "mock.h5").exit_code == 0  # the same made again
