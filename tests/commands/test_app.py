import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from halokeras.boxes.box_file import read_box, write_box
from halokeras.commands.app import COMMANDS, app
from halokeras.fields.gridding import count
from halokeras.fields.spectra import measure
from halokeras.painters.model_store import save_painter
from halokeras.resources import shipped


@pytest.fixture
def box_file(tiny_box, tmp_path):
    path = tmp_path / "input" / "tiny_box.h5"
    write_box(tiny_box, path)
    return path


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def fails(result, *words, code=1):
    """Assert one line on stderr that holds `words`, nothing on stdout, and the exit code."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def fails_last(result, *words):
    """Assert that the last line on stderr is an error that holds `words`."""
    assert result.exit_code == 1, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("Error: ")
    for word in words:
        assert word in line


def test_help_answers_at_once_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from halokeras.commands.app import app\n"
        "from typer.testing import CliRunner\n"
        "result = CliRunner().invoke(app, ['--help'])\n"
        "assert result.exit_code == 0 and 'paint' in result.output\n"
        "heavy = {'tensorflow', 'keras', 'numba', 'numpy', 'h5py', 'matplotlib', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    start = time.perf_counter()
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert time.perf_counter() - start < 5  # half a second on an idle machine


@pytest.mark.parametrize("command", ["simulate", "lpt", "train", "resume", "paint", "evaluate"])
def test_every_command_has_help(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_version(run):
    assert re.fullmatch(r"halopaint \S+\n", run("--version").stdout)


@pytest.mark.parametrize(
    "words",
    [
        ["pain"],
        ["paint", "--nonsense"],
        ["paint", "--box", "00", "--density", "d.npy"],
        ["paint", "--voxel-size", "4"],
        ["paint", "--output", "painted.png"],
        ["paint", "--catalogue"],
        ["paint", "--draw", "--catalogue-format", "fits"],
        ["paint", "--draw", "--catalogue", "--catalogue-format", "csv"],
        ["paint", "--draw", "--sub-density", "fine.npy"],
        ["paint", "--draw", "--catalogue", "--sub-dataset", "fine"],
        ["paint", "--voxels", "16x16"],
        ["paint", "--voxels", "0"],
        ["paint", "--voxels", "16", "--density", "d.npy"],
        ["paint", "--voxels", "16", "--voxel-size", "0"],
        ["paint", "--voxels", "16", "--voxel-size", "-1"],
        ["paint", "--density", "d.npy", "--redshift", "0.3", "--voxel-size", "nan"],
        ["paint", "--redshift", "0.3"],
        ["paint", "--density", "d.npy", "--redshift", "0.3"],
        ["paint", "--density", "d.npy", "--voxel-size", "4"],
        ["paint", "--contrast", "delta"],
        ["paint", "--voxels", "16", "--realizations", "2"],
        ["lpt"],
        ["lpt", "--voxels", "16"],
        ["lpt", "--voxels", "16", "--output", "d.npy"],
        ["lpt", "--voxels", "16", "--output", "d.h5", "--size", "0"],
        ["lpt", "--voxels", "16", "--output", "d.h5", "--box", "00", "--cosmology", "c.json"],
        ["train"],
        ["simulate"],
        ["simulate", "--box", "00", "--params", "p.json"],
        ["simulate", "--box", "00", "--particles", "0"],
        ["simulate", "--box", "00", "--size", "0"],
        ["simulate", "--box", "00", "--voxel-size", "nan"],
        ["simulate", "--box", "00", "--cosmology", "c.json"],
        ["simulate", "--box", "00", "--suite", "s.json"],
        ["simulate", "--box", "00", "--processes", "2"],
        ["simulate", "--suite", "s.json", "--redshift", "1"],
        ["simulate", "--suite", "s.json", "--overwrite"],
        ["simulate", "--suite", "s.json", "--processes", "2", "--scheduler", "local"],
        ["evaluate", "--box", "00", "--suite", "boxes/s"],
        ["evaluate", "--suite", "boxes/s", "--painted", "p.h5"],
        ["evaluate"],
    ],
)
def test_wrong_usage_exits_2_and_writes_nothing(run, tmp_path, words):
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not any(tmp_path.iterdir())


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


def test_interrupting_is_one_line_and_130(run, box_file, tiny_model, tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("halokeras.painting.files.paint_file", interrupted)
    result = run("paint", "--box", box_file, "--model", tiny_model)
    assert result.exit_code == 130
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "painted").exists()


@pytest.fixture
def other_box(tiny_box, tmp_path):
    """Another realisation: the same fields, seen in a mirror."""
    position = tiny_box.halos.position[:, ::-1]
    write_box(
        replace(
            tiny_box,
            density=np.ascontiguousarray(tiny_box.density.T),
            halos=replace(tiny_box.halos, position=np.ascontiguousarray(position)),
        ),
        tmp_path / "other.h5",
    )
    return tmp_path / "other.h5"


def test_evaluate_writes_a_scorecard_and_figures(run, other_box, tiny_model, tmp_path):
    result = run("evaluate", "--box", other_box, "--model", tiny_model)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "evaluation" / "tiny" / "other"
    card = json.loads((folder / "scorecard.json").read_text())
    assert card["mass_min"] == 2e12
    assert {path.suffix for path in folder.iterdir()} == {".json", ".png"}
    for path in folder.iterdir():
        assert f"evaluation/tiny/other/{path.name}" in result.stdout


@pytest.mark.usefixtures("undrawn")
def test_evaluate_scores_what_was_painted_before(run, other_box, tiny_model, tmp_path):
    run("paint", "--box", other_box, "--model", tiny_model, "--output", "p.h5")
    words = ["evaluate", "--box", other_box, "--model", tiny_model]
    run(*words, "--output", "fresh")
    assert run(*words, "--painted", "p.h5", "--output", "kept").exit_code == 0
    kept, fresh = (
        json.loads((tmp_path / name / "scorecard.json").read_text())["comparisons"]
        for name in ("kept", "fresh")
    )
    for name in ("painted field", "2LPT density"):
        assert kept[name] == fresh[name]


@pytest.mark.usefixtures("undrawn")
def test_evaluate_refuses_what_another_painter_painted(
    run, other_box, tiny_model, tiny_painter, tiny_provenance, tmp_path
):
    run("paint", "--box", other_box, "--model", tiny_model, "--output", "p.h5")
    tiny_painter.weights[0].assign(2 * np.asarray(tiny_painter.weights[0]))
    save_painter(tiny_painter, tiny_provenance, tmp_path / "second")
    words = ["evaluate", "--box", other_box, "--model", "second", "--painted", "p.h5"]
    fails(run(*words), "p.h5", "another painter")


@pytest.mark.usefixtures("undrawn")
def test_evaluate_refuses_a_training_box_unless_allowed(run, box_file, tiny_model, tmp_path):
    words = ["evaluate", "--box", box_file, "--model", tiny_model]
    fails(run(*words), "trained", "--allow-training-box")
    assert not (tmp_path / "evaluation").exists()
    assert run(*words, "--allow-training-box").exit_code == 0


@pytest.mark.usefixtures("undrawn")
def test_a_missed_target_fails_only_if_strict(run, other_box, drawing_model, tmp_path):
    words = ["evaluate", "--box", other_box, "--model", drawing_model, "--draws", 2]
    assert run(*words).exit_code == 0
    assert run(*words, "--strict").exit_code == 1
    folder = tmp_path / "evaluation" / "drawing" / "other"
    found = json.loads((folder / "scorecard.json").read_text())
    assert (found["passed"], found["verdict"]) == (False, "missed")
    assert set(found["comparisons"]) >= {"painted field", "draws", "2LPT density"}


def test_evaluate_needs_halos(run, box_file, tiny_model, tmp_path):
    with h5py.File(box_file, "a") as file:
        del file["halos"]
    fails(run("evaluate", "--box", box_file, "--model", tiny_model), "halo")


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "not valid JSON"), ('{"trainin": {}}', "trainin"), ('{"run": {}, "run": {}}', "run")],
)
@pytest.mark.parametrize("command", ["train", "simulate"])
def test_bad_params_are_one_line(run, tmp_path, command, content, told):
    (tmp_path / "params.json").write_text(content)
    fails(run(command, "--params", "params.json"), "params.json", told)


def test_missing_params_are_named(run):
    fails(run("train", "--params", "nowhere.json"), "nowhere.json")


def test_nothing_to_resume(run, tmp_path):
    fails(run("resume"))
    fails(run("resume", "--run", "runs/none"), "runs/none")


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


def test_a_dry_run_of_a_density_to_make_counts_it_too(run, tiny_model, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    result = run("paint", "--voxels", "16x8x8", "--model", tiny_model, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "16 x 8 x 8 voxels, by the painter tiny: about" in result.stdout
    assert sorted(tmp_path.rglob("*")) == before


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
    run, box_file, other_box, tiny_model, drawing_model, tiny_box, tmp_path
):
    words = ["paint", "--box", box_file, "--model", tiny_model, "--output", "out.h5"]
    assert run(*words).exit_code == 0
    painted = (tmp_path / "out.h5").read_bytes()
    assert run(*words).exit_code == 0  # the same made again
    assert (tmp_path / "out.h5").read_bytes() == painted
    others = [
        ["paint", "--box", other_box, "--model", tiny_model, "--output", "out.h5"],
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
    run, box_file, other_box, tiny_model, tmp_path, content
):
    mine = other_box if content == "box" else tmp_path / "mine.h5"
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


def test_draws_of_two_seeds_and_painters_have_names_of_their_own(
    run, box_file, drawing_model, tmp_path
):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--no-figure"]
    for seed in ([], ["--seed", 5], ["--seed", 6]):
        assert run(*words, *seed).exit_code == 0
    names = sorted(path.name for path in (tmp_path / "painted").iterdir())
    assert names == [f"tiny_box_drawing_draw{seed}.h5" for seed in ("", "_seed5", "_seed6")]


def test_a_range_of_seeds_is_painted_in_one_process_but_for_what_is_there(
    run, drawing_model, tmp_path
):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--output"]
    assert run(*words, "alone.h5", "--seed", 12, "--no-figure").exit_code == 0
    words = words[:-1]
    first = run(*words, "--seed", "11-12", "--json")
    assert first.exit_code == 0 and "2 of 2" in first.stderr
    told = json.loads(first.stdout)
    assert told["found"] == [] and len(told["wrote"]) == 2
    second = tmp_path / told["wrote"][1]
    same = read_box(tmp_path / "alone.h5").counts
    np.testing.assert_array_equal(read_box(second).counts, same)
    kept = second.stat().st_mtime_ns
    result = run(*words, "--seed", "12-13", "--json")
    again = json.loads(result.stdout)
    assert again["found"] == told["wrote"][1:] and len(again["wrote"]) == 1
    assert f"Found: {again['found'][0]}, 1 of 2" in result.stderr
    assert f"Painted: {again['wrote'][0]}, 2 of 2" in result.stderr
    assert "1 painted, 1 found" in result.stderr
    assert second.stat().st_mtime_ns == kept
    shown = run(*words, "--seed", "12-13").stdout.splitlines()
    assert shown == [f"found {path}" for path in (*again["found"], *again["wrote"])]
    anew = json.loads(run(*words, "--seed", "12-13", "--json", "--overwrite").stdout)
    assert anew["found"] == []


def test_a_damaged_one_of_a_range_is_painted_again_and_warnings_tell_the_seed(
    run, drawing_model, tmp_path
):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--seed", "11-12"]
    first = run(*words, "--json")
    assert "Warning: seed 12: percentile" in first.stderr
    damaged, whole = (tmp_path / name for name in json.loads(first.stdout)["wrote"])
    before = damaged.read_bytes()
    with h5py.File(damaged, "r+") as file:
        file["counts"][3, 4, 5] += 1
    again = run(*words, "--json")
    told = json.loads(again.stdout)
    where = damaged.relative_to(tmp_path)
    assert f"Warning: seed 11: {where} is damaged, and is made again" in again.stderr
    assert [tmp_path / name for name in told["wrote"]] == [damaged]
    assert [tmp_path / name for name in told["found"]] == [whole]
    assert damaged.read_bytes() == before


def test_a_damaged_catalogue_of_a_range_is_made_again(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--seed", "11-12", "--json"]
    first = json.loads(run(*words).stdout)
    assert first["model"] and first["mass_min"] is not None
    damaged = next(tmp_path / name for name in first["wrote"] if "halos" in name)
    before = damaged.read_bytes()
    with h5py.File(damaged) as file:
        chunk = file["halo_x"].id.get_chunk_info(0)
    content = bytearray(before)
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    damaged.write_bytes(content)
    told = json.loads(run(*words).stdout)
    assert str(damaged.relative_to(tmp_path)) in told["wrote"]
    assert damaged.read_bytes() == before
    assert json.loads(run(*words).stdout)["wrote"] == []


@pytest.mark.parametrize("kind", ["density", "draw", "draw_halos"])
def test_a_file_of_a_range_that_is_cut_is_made_again_with_a_word(run, drawing_model, kind):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--seed", "11-12", "--json"]
    assert run(*words).exit_code == 0
    (cut,) = Path("painted").glob(f"box00_seed11*_{kind}.*")
    whole = {path: path.read_bytes() for path in Path("painted").iterdir()}
    cut.write_bytes(whole[cut][: len(whole[cut]) // 2])
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert f"Warning: seed 11: {cut} is damaged, and is made again" in result.stderr
    told = json.loads(result.stdout)
    assert len(told["wrote"]) == len(told["found"]) == 2
    assert all("seed11" in name for name in told["wrote"])
    assert {path: path.read_bytes() for path in Path("painted").iterdir()} == whole


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


def test_catalogues_of_a_range_that_list_halos_otherwise_are_not_taken_for_what_is_asked(
    run, drawing_model
):
    words = ["paint", "--voxels", 8, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--places", "uniform", "--seed", "1-2", "--json"]
    first = json.loads(run(*words).stdout)
    assert first["found"] == []
    assert json.loads(run(*words).stdout)["found"] == first["wrote"]
    seen = json.loads(run(*words, "--redshift-space", "z").stdout)
    assert seen["wrote"][-1].endswith("draw_uniform_z_rsd_halos.hdf5")
    with h5py.File(seen["wrote"][-1]) as file:
        assert "halo_z_rsd" in file and file.attrs["redshift_space"] == "z"
    listed = Path(seen["wrote"][-1])
    listed.replace(listed.with_name(listed.name.replace("_z_", "_x_")))
    fails(run(*words, "--redshift-space", "x"), "x_rsd_halos.hdf5", "redshift_space z instead of x")


def test_the_powers_of_all_that_is_painted_are_written_into_one_file(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--spectra", "mocks.npz"]
    told = json.loads(run(*words, "--seed", "11-12", "--json").stdout)
    assert told["wrote"][2] == "mocks.npz"
    with np.load(tmp_path / "mocks.npz") as mocks:
        assert mocks["files"].tolist() == [Path(name).name for name in told["wrote"][:2]]
        for name, power in zip(told["wrote"][:2], mocks["power"], strict=True):
            counts = read_box(tmp_path / name).counts
            found = measure(counts, counts, 4.0)
            np.testing.assert_array_equal(power, found.first)
            np.testing.assert_array_equal(mocks["modes"], found.modes)
    assert run(*words, "--seed", "11-12").exit_code == 0
    lost = "mocks.npz holds the power of box00_seed11_16_drawing_draw.h5, which this command"
    fails(run(*words, "--seed", "12-13"), lost, "choose another --spectra", "--overwrite")
    fails(run(*words, "--seed", 12, "--no-figure"), "mocks.npz", "--overwrite")
    assert not (tmp_path / "painted" / "box00_seed13_16_density.h5").exists()
    assert run("paint", "--spectra", "mocks.txt").exit_code == 2


def test_the_powers_of_a_longer_range_keep_those_that_were_there(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 8, "--model", drawing_model, "--draw", "--spectra", "mocks.npz"]
    assert run(*words, "--seed", "11-12").exit_code == 0
    with np.load("mocks.npz") as mocks:
        before = dict(mocks)
    assert run(*words, "--seed", "10-13").exit_code == 0
    with np.load("mocks.npz") as mocks:
        assert len(mocks["files"]) == 4
        for name in ("power", "files", "paintings"):
            np.testing.assert_array_equal(mocks[name][1:3], before[name])
    before = Path("mocks.npz").read_bytes()
    fails(run(*words, "--seed", "10-12"), "holds the power of box00_seed13_8_drawing_draw.h5")
    assert Path("mocks.npz").read_bytes() == before
    for precious in (b"mine", before[: len(before) // 2]):
        Path("mocks.npz").write_bytes(precious)
        fails(run(*words, "--seed", "10-13"), "mocks.npz is there and holds no powers of boxes")
        assert Path("mocks.npz").read_bytes() == precious


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


def test_spectra_do_not_replace_the_density(run, tiny_box, tiny_model, tmp_path):
    np.savez(tmp_path / "rho.npz", density=tiny_box.density)
    before = (tmp_path / "rho.npz").read_bytes()
    words = ["--density", "rho.npz", "--voxel-size", 4, "--redshift", 0.3, "--model", tiny_model]
    result = run("paint", *words, "--no-figure", "--spectra", "rho.npz", "--overwrite")
    assert result.exit_code == 2 and "--spectra: rho.npz is the input itself" in result.stderr
    assert (tmp_path / "rho.npz").read_bytes() == before


def test_spectra_of_other_paintings_are_not_replaced(run, box_file, drawing_model, tmp_path):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--no-figure"]
    words += ["--spectra", "p.npz", "--output", "x.h5"]
    assert run(*words).exit_code == 0
    assert run(*words).exit_code == 0  # the same again
    before = (tmp_path / "p.npz").read_bytes()
    (tmp_path / "x.h5").unlink()
    fails_last(run(*words, "--seed", 2), "p.npz holds the powers of other paintings", "--spectra")
    assert (tmp_path / "p.npz").read_bytes() == before
    assert run(*words, "--seed", 2, "--overwrite").exit_code == 0
    assert (tmp_path / "p.npz").read_bytes() != before


def test_a_box_of_another_ending_is_not_simulated(run):
    result = run("simulate", "--box", "00", "--output", "box.png")
    assert result.exit_code == 2 and "ends in .h5" in " ".join(result.stderr.split())


def test_paint_says_that_no_halo_was_painted(run):
    words = ["--voxels", 16, "--seed", 7, "--no-figure", "--draw", "--mass-min", 5e15]
    result = run("paint", *words)
    assert result.exit_code == 0, result.stderr
    assert "not a single halo of 5e+15 Msun/h or more was painted" in result.stderr


@pytest.mark.parametrize("seeds", ["7-", "-7", "9-8", "1.5", "0-100000", "seven", 2**63])
def test_seeds_that_are_none_are_refused(run, seeds):
    result = run("paint", "--voxels", 16, "--seed", seeds)
    assert result.exit_code == 2 and "--seed" in result.stderr


@pytest.mark.parametrize(
    "words", [["lpt", "--voxels", 16, "--output", "d.h5"], ["simulate"], ["galaxies", "00"]]
)
def test_a_seed_that_files_cannot_tell_is_refused(run, words):
    result = run(*words, "--seed", 2**63)
    assert result.exit_code == 2 and "--seed" in result.stderr


def test_a_range_of_seeds_has_no_one_output(run):
    result = run("paint", "--voxels", 16, "--seed", "1-2", "--output", "one.h5")
    assert result.exit_code == 2 and "leave it out" in " ".join(result.stderr.split())


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
    assert "GiB of memory" in made.stderr
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


@pytest.mark.parametrize("example", [line for lines in COMMANDS.values() for line in lines])
def test_every_example_of_the_help_is_a_command_with_options_that_exist(example):
    _, name, *words = example.split()
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert example in shown.output
    for word in words:
        if word.startswith("--"):
            assert re.search(rf"{word}\b", shown.output.split("Examples:")[0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["train", "--params", "params/quik.json"], "did you mean quick.json?"),
        (["paint", "--model", "saved_models/gne"], "did you mean gen?"),
        (["paint", "--box", "0"], "did you mean 00?"),
        (["paint", "--box", "7"], "00, 01, 02, 03, 04"),
    ],
)
def test_a_name_that_is_nearly_right_is_suggested(run, words, told):
    fails(run(*words), told)


def test_json_names_what_was_written_and_quiet_says_nothing_else(run, tmp_path):
    result = run("lpt", "--voxels", "8", "--output", "a.h5", "--json", "--quiet")
    assert json.loads(result.stdout) == {"wrote": ["a.h5"], "found": []}
    assert result.stderr == ""
    loud = run("lpt", "--voxels", "8", "--output", "b.h5")
    assert loud.stdout == "wrote b.h5\n"
    assert loud.stderr.startswith("Making: b.h5")
    other = ("lpt", "--voxels", "8", "--seed", "2", "--output", "a.h5")
    assert "Traceback" not in run(*other).stderr
    assert "Traceback" in run(*other, "-v").stderr
    assert run("-q", "lpt", "-v", "--voxels", "8", "--output", "c.h5").exit_code == 2


def test_output_that_is_no_terminal_or_asked_to_be_plain_has_no_escape_codes(run, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[3" not in run("lpt", "--voxels", "8", "--output", "a.h5").stderr
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.delenv("FORCE_COLOR")
    result = run("lpt", "--voxels", "8", "--output", "a.h5")
    assert "\x1b" not in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_commands(shell):
    script = subprocess.run(
        [sys.executable, "-m", "halokeras", "--show-completion", shell],
        capture_output=True,
        text=True,
        check=True,
        cwd=shipped("params").parent,
        # a test need not be run from a shell, which Typer looks for otherwise
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )
    assert "_COMPLETE" in script.stdout


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["evaluate", "--box", "no.h5"], marks=pytest.mark.slow),
        ["paint", "--model", "no"],
        ["train", "--params", "no.json"],
    ],
)
def test_stderr_holds_what_we_say_and_nothing_of_the_libraries(words):
    found = subprocess.run(
        [sys.executable, "-m", "halokeras", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=shipped("params").parent,
    )
    assert found.returncode == 1
    assert found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert line.startswith("Error: ")


@pytest.mark.slow
def test_workers_of_this_machine_say_nothing_of_the_libraries_either(tiny_model, tmp_path):
    pytest.importorskip("distributed")
    words = ["--voxels", "32", "--model", tiny_model, "--scheduler", "local", "--no-figure"]
    with socket.socket() as taken:
        with suppress(OSError):  # of another scheduler, as here
            taken.bind(("", 8787))
            taken.listen()
        found = subprocess.run(
            [sys.executable, "-m", "halokeras", "paint", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
    ours = ("Making: ", "Warning: percentile ", "Warning: its power ")
    assert all(line.startswith(ours) for line in found.stderr.splitlines()), found.stderr


def test_simulate_makes_a_box_and_what_params_lack(run, tmp_path):
    small = ["--size", "32", "--particles", "32"]
    result = run("simulate", "--box", "00", "--seed", "7", *small, "--json")
    assert json.loads(result.stdout) == {"wrote": ["boxes/box00_seed7.h5"], "found": []}
    box = read_box(tmp_path / "boxes" / "box00_seed7.h5")
    assert box.shape == (8, 8, 8)
    assert box.provenance["density_scheme"] == "2lpt"
    again = run("simulate", "--box", "00", "--seed", "7", *small)
    assert (again.exit_code, again.stdout) == (0, "found boxes/box00_seed7.h5\n")
    assert again.stderr == "Found: boxes/box00_seed7.h5\n"
    seven, eight = ({"id": "00", "seed": seed} for seed in (7, 8))
    params = {"box": {"train": [eight], "validate_on": [seven], "size": 32.0, "particles": 32}}
    (tmp_path / "mine.json").write_text(json.dumps(params))
    result = run("simulate", "--params", "mine.json")
    assert result.exit_code == 0, result.stderr
    assert "Found: boxes/box00_seed7.h5" in result.stderr
    assert result.stdout == "found boxes/box00_seed7.h5\nwrote boxes/box00_seed8.h5\n"
    told = json.loads(run("simulate", "--params", "mine.json", "--json").stdout)
    assert told == {"wrote": [], "found": [f"boxes/box00_seed{seed}.h5" for seed in (8, 7)]}
    assert run("simulate", "--box", "00", "--params", "mine.json").exit_code == 2
