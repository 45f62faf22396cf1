import errno
import json
import os
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.resources import shipped
from tests.commands.outcomes import fails, fails_last, files


def test_a_seed_is_painted_on_voxels_of_another_size_by_the_same_words_and_force(
    run, tiny_model, tmp_path
):
    words = ["paint", "--voxels", "16x8x8", "--seed", 5, "--model", tiny_model, "--no-figure"]
    fails(run(*words, "--voxel-size", 2), "learned voxels of 4 Mpc/h", "2 Mpc/h", "--force")
    assert not (tmp_path / "painted").exists()
    assert run(*words, "--voxel-size", 2, "--force").exit_code == 0
    fine = read_box(tmp_path / "painted" / "box00_seed5_16x8x8_voxel2_tiny.h5")
    assert (fine.voxel_size, fine.provenance["seed"]) == (2, 5)
    assert run(*words, "--voxel-size", 4).exit_code == 0
    learned = read_box(tmp_path / "painted" / "box00_seed5_16x8x8_tiny.h5")
    assert learned.voxel_size == 4


def test_paint_writes_a_box_and_a_figure_and_names_both(run, box_file, tiny_model, tmp_path):
    result = run("paint", "--box", box_file, "--model", tiny_model)
    assert result.exit_code == 0, result.output
    painted = read_box(tmp_path / "painted" / "tiny_box_tiny.h5")
    assert painted.shape == (16, 16, 16)
    assert painted.provenance["model"] == "tiny"
    assert (tmp_path / "painted" / "tiny_box_tiny.png").read_bytes().startswith(b"\x89PNG")
    assert "painted/tiny_box_tiny.h5" in result.stdout
    assert "painted/tiny_box_tiny.png" in result.stdout
    assert "reference" in result.stdout
    assert "\x1b" not in result.output


def test_paint_without_a_figure(run, box_file, tiny_model, tmp_path):
    result = run("paint", "--box", box_file, "--model", tiny_model, "--no-figure")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "painted").iterdir()] == ["tiny_box_tiny.h5"]


@pytest.mark.usefixtures("undrawn")
def test_paint_a_density_of_ones_own(run, tiny_box, tiny_model, tmp_path):
    np.save(
        tmp_path / "mine.npy", tiny_box.density[:, :12, :9] / tiny_box.density[:, :12, :9].mean()
    )
    words = ["--density", "mine.npy", "--voxel-size", 4, "--redshift", 0.3]
    result = run("paint", *words, "--model", tiny_model, "--output", "out/mine.h5")
    assert result.exit_code == 0, result.output
    assert read_box(tmp_path / "out" / "mine.h5").shape == (16, 12, 9)


@pytest.mark.usefixtures("undrawn")
def test_painting_twice_gives_equal_counts(run, box_file, tiny_model, tmp_path):
    for name in ("one.h5", "two.h5"):
        run("paint", "--box", box_file, "--model", tiny_model, "--no-figure", "--output", name)
    one, two = read_box(tmp_path / "one.h5"), read_box(tmp_path / "two.h5")
    np.testing.assert_array_equal(one.counts, two.counts)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--box", "07"], ["07", "00"]),
        (["--box", "nowhere.h5"], ["nowhere.h5"]),
        (["--box", "text.h5"], ["text.h5"]),
        (["--model", "saved_models/none"], ["saved_models/none"]),
        (["--model", "."], ["not a saved painter"]),
        (["--density", "none.npy", "--voxel-size", "4", "--redshift", "0"], ["none.npy"]),
        (["--density", "delta.npy", "--voxel-size", "4", "--redshift", "0"], ["add 1"]),
        (["--density", "text.h5", "--voxel-size", "4", "--redshift", "0"], ["text.h5"]),
    ],
)
def test_bad_input_to_paint_is_one_line_and_overwrites_nothing(
    run, box_file, tiny_model, tiny_box, tmp_path, words, told
):
    (tmp_path / "text.h5").write_text("not HDF5")
    np.save(tmp_path / "delta.npy", tiny_box.density - 1)
    (tmp_path / "out.h5").write_text("precious")
    before = files(tmp_path)
    defaults = [] if "--model" in words else ["--model", tiny_model]
    defaults += [] if {"--box", "--density"} & set(words) else ["--box", box_file]
    fails(run("paint", *words, *defaults, "--output", "out.h5"), *told)
    assert (tmp_path / "out.h5").read_text() == "precious"
    assert files(tmp_path) == before


def test_paint_refuses_another_voxel_size_unless_forced(run, tiny_box, tiny_model, tmp_path):
    np.save(tmp_path / "fine.npy", tiny_box.density)
    words = ["paint", "--density", "fine.npy", "--voxel-size", 2, "--redshift", 0.3]
    words += ["--model", tiny_model, "--no-figure"]
    fails(run(*words), "2 Mpc/h", "--force")
    forced = run(*words, "--force")
    assert forced.exit_code == 0, forced.output
    assert "Warning: " in forced.stderr


def test_a_grid_of_no_cosmology_is_painted_with_a_warning(run, tiny_box, tiny_model, tmp_path):
    np.save(tmp_path / "mine.npy", tiny_box.density)
    words = ["paint", "--density", "mine.npy", "--voxel-size", 4, "--redshift", 0.3]
    words += ["--model", tiny_model, "--no-figure", "--overwrite"]
    assert "tells no cosmology" in run(*words).stderr
    known = tiny_box.cosmology.parameters
    (tmp_path / "mine.json").write_text(json.dumps(known))
    named = run(*words, "--cosmology", "mine.json")
    assert named.exit_code == 0 and "cosmology" not in named.stderr
    known_before = [word for word in words if word != "--overwrite"]
    fails(run(*known_before), "H0 67.26 instead of not told", "--overwrite")


def test_paint_never_overwrites_its_input(run, box_file, tiny_model):
    before = box_file.read_bytes()
    result = run("paint", "--box", box_file, "--model", tiny_model, "--output", box_file)
    assert result.exit_code == 2
    assert box_file.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_line(run, box_file, tiny_model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    words = ["paint", "--box", box_file, "--model", tiny_model, "--output", "file/out.h5"]
    fails(run(*words), "file/out.h5")


def test_a_file_that_is_closed_to_the_user_is_one_line(run, monkeypatch):
    def closed(name):
        raise PermissionError(13, "Permission denied", "secret.h5")

    monkeypatch.setattr("halokeras.boxes.box_file.box_path", closed)
    fails(run("paint", "--box", "secret.h5"), "secret.h5", "closed to this user")


def test_a_disk_that_fails_is_one_line(run, monkeypatch):
    def failing(name):
        raise OSError(errno.EIO, "Input/output error", "far.h5")

    monkeypatch.setattr("halokeras.boxes.box_file.box_path", failing)
    fails(run("paint", "--box", "far.h5"), "disk of far.h5 fails (Input/output error)", "another")


def test_interrupting_is_one_line_and_130(run, box_file, tiny_model, tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("halokeras.painting.files.paint_file", interrupted)
    result = run("paint", "--box", box_file, "--model", tiny_model)
    assert result.exit_code == 130
    assert len(result.stderr.splitlines()) == 1
    assert "begins again" in result.stderr
    assert not (tmp_path / "painted").exists()


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("halokeras.simulation.slabs.out_of_core.do_step", ""),
        ("halokeras.painting.files.draw_files", "d_density.h5"),
        ("halokeras.simulation.slabs.out_of_core.write_slabs", ".d_density.h5.slabs"),
    ],
    ids=["nothing", "density", "its slabs"],
)
def test_what_an_interrupted_painting_keeps_of_its_density_is_told(
    run, drawing_model, tmp_path, monkeypatch, where, kept
):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--output", "d.h5"]
    if not kept.endswith("h5"):
        (tmp_path / ".d_density.h5.slabs").mkdir()  # so that it is made slab by slab
    with monkeypatch.context() as patch:
        patch.setattr(where, interrupted)
        result = run(*words, "--no-figure")
    assert result.exit_code == 130, result.output
    told = result.stderr.splitlines()[-1]
    if kept:
        assert f"kept in {tmp_path / kept};" in told or f"kept in {kept};" in told
    assert ("goes on with it" if kept else "begins again") in told
    assert run(*words, "--no-figure").exit_code == 0
    assert not list(tmp_path.glob(".*"))


@pytest.mark.skipif(
    not (shipped("saved_models") / "gen" / "architecture.json").exists(),
    reason="the shipped painter is not in this checkout",
)
def test_the_shipped_painter_paints_the_shipped_box(run, tmp_path):
    result = run("paint")
    assert result.exit_code == 0, result.output
    painted = read_box(tmp_path / "painted" / "box00_seed103.h5")
    assert painted.provenance["model"] == "gen"
    assert painted.counts.sum() > 0


def test_a_dry_run_tells_the_cost_and_writes_nothing(run, box_file, tiny_model, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    result = run("paint", "--box", box_file, "--model", tiny_model, "--dry-run")
    assert result.exit_code == 0
    assert "16 x 16 x 16 voxels, by the painter tiny: about" in result.stdout
    assert "16.0 KiB of disk" in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_is_one_json_object_for_scripts(run, box_file, tiny_model):
    result = run("paint", "--box", box_file, "--model", tiny_model, "--dry-run", "--json")
    told = json.loads(result.stdout)
    assert told["voxels"] == [16, 16, 16] and told["times"] == 1
    assert told["model"] == "tiny"
    assert told["disk"] == 16 * 1024 and told["memory"] > 0


def test_a_dry_run_refuses_what_the_painting_would(run, box_file, drawing_model, tmp_path):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--catalogue"]
    fails(run(*words, "--dry-run"), "modes of this density are not known")
    words += ["--places", "uniform"]
    fails(run(*words, "--redshift-space", "z", "--dry-run"), "velocities")
    (tmp_path / "mine.h5").write_text("mine")
    fails(run(*words, "--output", "mine.h5", "--dry-run"), "mine.h5", "--overwrite")


def test_names_that_are_no_text_or_too_long_are_told_plainly(run, tiny_box, tiny_model, tmp_path):
    name = os.fsdecode(b"rho\xff.npy")
    try:
        np.save(tmp_path / name, tiny_box.density)
    except OSError:  # of a file system that knows only text
        pytest.skip("this file system takes no such name")
    words = ["paint", "--density", name, "--voxel-size", 4, "--redshift", 0.3, "--no-figure"]
    assert run(*words, "--model", tiny_model, "--output", "out.h5").exit_code == 0
    assert read_box(tmp_path / "out.h5").provenance["density_file"] == r"rho\xff.npy"
    fails(run("inspect", 300 * "x"), "longer than a path may be")


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="such links are not resolved there")
def test_a_link_that_leads_to_itself_is_told_plainly(run, tmp_path):
    (tmp_path / "loop.h5").symlink_to("loop.h5")
    words = ["paint", "--seed", 3, "--voxels", 8, "--output", "loop.h5"]
    fails(run(*words), "Symlink loop", "loop.h5", "choose")
    result = run("prepare", "abacus-summit", "loop.h5")
    assert result.exit_code == 1
    assert "Symlink loop" in result.stderr.splitlines()[-1]


def test_a_dry_run_of_a_density_to_make_counts_it_too(run, tiny_model, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    result = run("paint", "--voxels", "16x8x8", "--model", tiny_model, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "16 x 8 x 8 voxels, by the painter tiny: about" in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


def test_paint_takes_an_overdensity_when_told(run, tiny_box, tiny_model, tmp_path):
    np.save(tmp_path / "density.npy", tiny_box.density)
    np.save(tmp_path / "delta.npy", tiny_box.density.astype(float) - 1)
    words = ["--voxel-size", 4, "--redshift", 0.3, "--model", tiny_model, "--no-figure"]
    assert run("paint", "--density", "density.npy", *words).exit_code == 0
    told = ["--contrast", "delta"]
    result = run("paint", "--density", "delta.npy", *words, *told)
    assert result.exit_code == 0, result.output
    one, other = (read_box(tmp_path / f"painted/{name}_tiny.h5") for name in ("density", "delta"))
    np.testing.assert_allclose(other.counts, one.counts, rtol=1e-4, atol=1e-6)
    words = ["paint", "--density", "density.npy", *words, *told, "--output", "no.h5"]
    fails(run(*words), "has the mean 1, and an overdensity has 0", "1+delta")


def test_all_that_is_missing_or_at_odds_is_told_at_once(run):
    result = run("paint", "--density", "d.npy", "--catalogue")
    assert result.exit_code == 2
    for word in ("--voxel-size", "--redshift", "--draw"):
        assert word in result.stderr


@pytest.mark.usefixtures("undrawn")
def test_paint_replaces_only_what_is_the_same_painting(
    run, box_file, unseen_box, tiny_model, drawing_model, tiny_box, tmp_path
):
    words = ["paint", "--box", box_file, "--model", tiny_model, "--output", "out.h5"]
    assert run(*words).exit_code == 0
    painted = (tmp_path / "out.h5").read_bytes()
    assert run(*words).exit_code == 0  # the same made again
    assert (tmp_path / "out.h5").read_bytes() == painted
    others = [
        ["paint", "--box", unseen_box, "--model", tiny_model, "--output", "out.h5"],
        ["paint", "--box", box_file, "--model", drawing_model, "--output", "out.h5"],
        ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--output", "out.h5"],
    ]
    fails(run(*others[0]), "out.h5", "--overwrite", "(hash of the density ")
    fails(run(*others[2]), "out.h5", "--overwrite", "(painter tiny instead of ")
    assert (tmp_path / "out.h5").read_bytes() == painted
    assert run(*others[0], "--overwrite").exit_code == 0
    assert (tmp_path / "out.h5").read_bytes() != painted


@pytest.mark.parametrize("content", ["box", "text"])
def test_paint_never_replaces_a_file_that_is_no_painting(
    run, box_file, unseen_box, tiny_model, tmp_path, content
):
    mine = unseen_box if content == "box" else tmp_path / "mine.h5"
    if content == "text":
        mine.write_text("precious")
    before = mine.read_bytes()
    words = ["paint", "--box", box_file, "--model", tiny_model, "--output", mine]
    fails(run(*words), mine.name, "--overwrite")
    assert mine.read_bytes() == before
    mine.unlink()
    mine.with_suffix(".png").write_text("precious")
    fails(run(*words), f"{mine.stem}.png", "--overwrite")
    assert run(*words, "--no-figure").exit_code == 0


def test_a_file_that_is_cut_is_not_replaced_where_its_name_does_not_tell_what_it_was(
    run, drawing_model, box_file
):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--places", "uniform", "--no-figure"]
    for named in (["--output", "mine.h5"], []):
        assert run(*words, *named).exit_code == 0
    told = ("is there and holds something else (it is damaged", "--overwrite")
    for cut in ("mine.h5", "mine_halos.hdf5"):
        whole = Path(cut).read_bytes()
        Path(cut).write_bytes(whole[:5000])
        fails(run(*words, "--output", "mine.h5"), cut, *told)
        assert Path(cut).stat().st_size == 5000
        Path(cut).write_bytes(whole)
    for cut in Path("painted").iterdir():
        whole = cut.read_bytes()
        cut.write_bytes(whole[:5000])
        assert f"{cut} is damaged, and is made again" in run(*words).stderr
        assert cut.read_bytes() == whole


def test_a_link_is_painted_through(run, tiny_model, tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "mock.h5").symlink_to(tmp_path / "scratch" / "there.h5")
    words = ["--voxels", 16, "--model", tiny_model, "--no-figure", "--output", "mock.h5"]
    for overwrite in ([], ["--overwrite"]):
        assert run("paint", *words, *overwrite).exit_code == 0
        assert (tmp_path / "mock.h5").is_symlink()
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["there.h5"]


@pytest.mark.parametrize(
    "words",
    [
        ["inspect", "pipe"],
        ["galaxies", "pipe"],
        ["paint", "--box", "pipe"],
        ["paint", "--density", "pipe.npy", "--voxel-size", 4, "--redshift", 0.3],
        ["paint", "--draw", "--catalogue", "--sub-density", "pipe.npy"],
    ],
)
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(run, words, tmp_path):
    for name in ("pipe", "pipe.npy"):
        os.mkfifo(tmp_path / name)
    fails_last(run(*words), "is a pipe", "to a file")


@pytest.mark.parametrize(
    ("name", "told"),
    [("folder", "Is a directory"), ("./none", "is unknown"), ("galaxies.hdf5", "no format")],
)
def test_what_is_no_box_is_told_as_what_it_is(run, name, told, tmp_path):
    (tmp_path / "folder").mkdir()
    with h5py.File(tmp_path / "galaxies.hdf5", "w") as file:
        file.attrs["Lbox"] = [64.0] * 3
    fails_last(run("paint", "--box", name), name, told)


def test_a_folder_named_like_a_box_does_not_hide_it(run, tiny_model, tmp_path):
    (tmp_path / "00").mkdir()
    result = run("paint", "--box", "00", "--model", tiny_model, "--dry-run")
    assert result.exit_code == 0 and "64 x 64 x 64" in result.stdout


def test_a_box_without_a_name_is_not_the_default(run):
    result = run("paint", "--box", "")
    assert result.exit_code == 2 and "the name is empty" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["lpt", "--voxels", 16, "--output"],
        ["simulate", "--box", "00", "--size", 16, "--particles", 16, "--output"],
        ["paint", "--voxels", 16, "--no-figure", "--output"],
        ["paint", "--voxels", 16, "--no-figure", "--output", "good.h5", "--spectra"],
    ],
)
def test_a_folder_is_told_from_a_file_before_the_work(run, words, tmp_path):
    name = "taken.npz" if words[-1] == "--spectra" else "taken.h5"
    (tmp_path / name).mkdir()
    fails_last(run(*words, name, "--overwrite"), f"{name} is a folder", "name a file")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "words",
    [
        ["lpt", "--voxels", 16],
        ["simulate", "--box", "00", "--size", 16, "--particles", 16],
    ],
)
def test_a_folder_that_is_no_group_is_refused_before_the_work(run, words, tmp_path):
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "notes.txt").touch()
    fails_last(run(*words, "--output", "mine.zarr", "--overwrite"), "mine.zarr is there and no")
    assert (tmp_path / "mine.zarr" / "notes.txt").exists()


@pytest.mark.parametrize(
    "least, words",
    [
        (2.56, ["--size", 1e308, "--voxel-size", 1e-5]),
        (0.01, ["--size", 64, "--voxel-size", 1e-320]),
        (2.56, ["--size", "inf"]),
    ],
)
def test_sizes_that_there_are_none_of_are_one_line(run, least, words):
    told = f"must lie between {least} and 60,000 Mpc/h"
    fails_last(run("simulate", "--box", "00", *words), told)


def test_paint_says_that_no_halo_was_painted(run):
    words = ["--voxels", 16, "--seed", 7, "--no-figure", "--draw", "--mass-min", 5e15]
    result = run("paint", *words)
    assert result.exit_code == 0, result.stderr
    assert "not a single halo of 5e+15 Msun/h or more was painted" in result.stderr


@pytest.mark.parametrize(
    "words", [["lpt", "--voxels", 16, "--output", "d.h5"], ["simulate"], ["galaxies", "00"]]
)
def test_a_seed_that_files_cannot_tell_is_refused(run, words):
    result = run(*words, "--seed", 2**63)
    assert result.exit_code == 2 and "--seed" in result.stderr
