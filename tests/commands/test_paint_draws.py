import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.fields.gridding import count
from tests.commands.outcomes import fails, files


def test_paint_writes_a_catalogue_beside_every_draw(run, box_file, drawing_model, tmp_path):
    with h5py.File(box_file, "r+") as file:
        file["velocity"] = np.full((3, 16, 16, 16), 100, np.float32)
    fine = np.zeros((32, 32, 32), np.float32)
    fine[::2, ::2, ::2] = 8
    np.save(tmp_path / "fine.npy", fine)
    words = ["--box", box_file, "--model", drawing_model, "--draw", "--realizations", 2]
    result = run("paint", *words, "--catalogue", "--sub-density", "fine.npy", "--no-figure")
    assert result.exit_code == 0, result.output
    assert "tiny_box_drawing_draw_0.h5, the first of 2" in result.stdout
    for number in range(2):
        name = f"painted/tiny_box_drawing_draw_{number}"
        assert f"wrote {name}_sub-density_halos.hdf5" in result.stdout
        counts = read_box(tmp_path / f"{name}.h5").counts
        with h5py.File(tmp_path / f"{name}_sub-density_halos.hdf5") as file:
            position = np.stack([file[f"halo_{axis}"][:] for axis in "xyz"], axis=1)
            np.testing.assert_allclose(file["halo_vy"], np.full(len(position), 100), rtol=1e-6)
            assert file.attrs["mass_min"] == 2e12
            assert file.attrs["H0"] == read_box(box_file).cosmology.H0
        np.testing.assert_array_equal(count(position, (16, 16, 16), 4.0), counts)
        assert (position % 4 < 2.00001).all()  # the one sub-voxel of each that is not empty


def test_a_sub_density_of_other_modes_is_told(run, box_file, tiny_box, drawing_model, tmp_path):
    fine = tiny_box.density.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--no-figure", "--sub-density", "sub.npy", "--overwrite"]
    for sub, hardly in ((fine, False), (fine.transpose(1, 0, 2), True), (fine[::-1], True)):
        np.save(tmp_path / "sub.npy", sub)
        result = run(*words)
        assert result.exit_code == 0, result.output
        assert ("sub.npy hardly follows the density" in result.stderr) == hardly


def test_what_a_catalogue_cannot_be_made_of_is_told_before_anything_is_painted(
    run, box_file, drawing_model, tiny_box, tmp_path, monkeypatch
):
    np.save(tmp_path / "odd.npy", np.ones((17, 17, 17)))
    np.savez(tmp_path / "two.npz", density=tiny_box.density, other=tiny_box.density)
    before = files(tmp_path)
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--catalogue"]
    fails(run(*words, "--sub-density", "odd.npy"), "17", "whole multiple")
    fails(run(*words, "--sub-density", "two.npz"), "--sub-dataset", "density")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    fails(run(*words, "--catalogue-format", "parquet"), "pip install 'halopaint[catalogues]'")
    fails(run(*words), "modes of this density are not known", "--places uniform")
    monkeypatch.setattr("halokeras.painting.files.draw_files", None)  # refused before the painting
    told = "leave out --redshift-space, or paint a density with velocities"
    fails(run(*words, "--places", "uniform", "--redshift-space", "z"), "--places uniform", told)
    assert files(tmp_path) == before


def test_a_catalogue_never_replaces_an_input(run, drawing_model, tiny_box, tmp_path):
    with h5py.File(tmp_path / "d_halos.hdf5", "w") as file:
        file["density"] = tiny_box.density
    before = (tmp_path / "d_halos.hdf5").read_bytes()
    words = ["--density", "d_halos.hdf5", "--dataset", "density", "--voxel-size", 4]
    words += ["--redshift", 0.3, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--places", "uniform"]
    assert run("paint", *words, "--output", "d.h5").exit_code == 2
    assert (tmp_path / "d_halos.hdf5").read_bytes() == before


@pytest.mark.usefixtures("undrawn")
def test_draws_are_numbered_files_of_whole_halos(run, box_file, drawing_model, tmp_path):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--seed", 4]
    result = run(*words, "--realizations", 2, "--output", "mock.h5")
    assert result.exit_code == 0, result.stderr
    first, second = (read_box(tmp_path / f"mock_{number}.h5").counts for number in range(2))
    assert first.dtype == np.uint16
    assert (first != second).any()
    run(*words, "--output", "again.h5")
    np.testing.assert_array_equal(read_box(tmp_path / "again.h5").counts, first)


def test_a_seed_without_a_draw_is_a_usage_error(run, box_file, tiny_model):
    assert run("paint", "--box", box_file, "--model", tiny_model, "--seed", 4).exit_code == 2


def test_a_catalogue_that_lists_halos_otherwise_is_not_replaced(
    run, box_file, tiny_box, drawing_model, tmp_path
):
    np.save(tmp_path / "sub.npy", np.repeat(tiny_box.density, 2, axis=0).repeat(2, 1).repeat(2, 2))
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--no-figure", "--output", "q.h5"]
    assert run(*words, "--places", "uniform").exit_code == 0
    before = (tmp_path / "q_halos.hdf5").read_bytes()
    fails(run(*words, "--sub-density", "sub.npy"), "q_halos.hdf5", "--overwrite")
    assert (tmp_path / "q_halos.hdf5").read_bytes() == before
    assert run(*words, "--places", "uniform").exit_code == 0  # the same again
    assert run(*words, "--sub-density", "sub.npy", "--overwrite").exit_code == 0
    assert (tmp_path / "q_halos.hdf5").read_bytes() != before


@pytest.mark.parametrize(
    ("spectra", "told"),
    [
        ("notes.npz", "notes.npz is there and holds no powers of boxes"),
        ("folder.npz", "folder.npz is a folder"),
        ("notes.npz/inside/mocks.npz", "cannot write notes.npz/inside/mocks.npz"),
    ],
)
def test_powers_that_cannot_be_written_are_told_before_anything_is_painted(
    run, box_file, drawing_model, tmp_path, spectra, told
):
    Path("notes.npz").write_text("mine")
    Path("folder.npz").mkdir()
    before = files(tmp_path)
    words = ["paint", "--box", box_file, "--model", drawing_model, "--spectra", spectra]
    for further in ([], ["--dry-run"]):
        result = run(*words, *further)
        assert told in result.stderr.replace(f"{tmp_path}/", ""), result.output
        assert result.exit_code == 1 and len(result.stderr.splitlines()) == 1
    assert files(tmp_path) == before


def test_a_dry_run_refuses_an_output_whose_folder_is_a_file(run, box_file, drawing_model):
    Path("notes").write_text("mine")
    words = ["paint", "--box", box_file, "--model", drawing_model, "--output", "notes/out.h5"]
    for further in ([], ["--dry-run"]):
        fails(run(*words, *further), "notes/out.h5: Not a directory")


def test_a_dry_run_of_catalogues_leaves_nothing_either(run, drawing_model, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    words = [
        "paint",
        "--voxels",
        16,
        "--draw",
        "--catalogue",
        "--model",
        drawing_model,
        "--dry-run",
    ]
    for further in (["--seed", 7, "--output", "new/mock.h5"], ["--seed", "7-8"]):
        result = run(*words, *further)
        assert result.exit_code == 0, result.output
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ["--draw", "--realizations", 1_000_000],
        ["--voxels", 16, "--seed", "1-20000", "--draw", "--realizations", 6],
    ],
)
def test_more_draws_than_anyone_lists_are_refused_at_once(run, words):
    result = run("paint", *words, "--dry-run")
    assert result.exit_code == 2 and "100000" in result.stderr.replace(",", "")
