import json

import h5py
import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from halokeras.boxes.box_file import open_box_file, read_box, write_box
from halokeras.commands.app import app
from halokeras.resources import shipped


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["inspect", *map(str, words)])


@pytest.fixture
def box_file(tiny_box, tmp_path):
    write_box(tiny_box, tmp_path / "box.h5")
    return tmp_path / "box.h5"


def test_json_is_all_that_stdout_holds(run, box_file):
    result = run(box_file, "--json", "--figure", "slice.png")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["kind"] == "box"
    assert told["path"] == str(box_file)
    assert "wrote slice.png" in result.stderr


def test_a_figure_of_a_box_is_a_whole_picture(run, box_file, tmp_path):
    result = run(box_file, "--figure", "slice.png")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "wrote slice.png"
    picture = imread(tmp_path / "slice.png")
    assert min(picture.shape[:2]) > 200
    assert picture.std() > 0.05


def test_a_figure_is_replaced_only_by_itself_or_when_told_to(run, box_file, tmp_path):
    picture = tmp_path / "slice.png"
    picture.write_text("mine")
    refused = run(box_file, "--figure", "slice.png")
    assert refused.exit_code == 1
    assert "slice.png is there and not this figure" in refused.stderr
    assert "choose another --figure, or replace it with --overwrite" in refused.stderr
    assert picture.read_text() == "mine"
    assert run(box_file, "--figure", "slice.png", "--overwrite").exit_code == 0
    assert run(box_file, "--figure", "slice.png").exit_code == 0  # the same again
    assert run(box_file, "--overwrite").exit_code == 2


def test_what_ships_is_not_taken_for_a_file_of_another_folder(run):
    for name in ("painted/box00_seed103.h5", "../boxes/box00_seed103.h5", "runs/gen"):
        result = run(name)
        assert result.exit_code == 1
        assert f"{name} does not exist" in result.stderr


def test_shipped_painters_and_boxes_are_found_from_any_folder(run):
    assert "painter for voxels of 4 Mpc/h" in run("saved_models/gen").stdout
    assert "box, 64 x 64 x 64 voxels" in run("box00_seed103.h5").stdout


def test_a_problem_is_a_warning(run, box_file):
    import h5py

    with h5py.File(box_file, "r+") as file:
        file["density"][...] = file["density"][...] * 2
    result = run(box_file, "--json")
    assert result.exit_code == 0
    assert "mean density is 2" in result.stderr
    assert "mean density is 2" in json.loads(result.stdout)["problems"][0]


def test_of_a_damaged_box_inspect_exits_1_and_tells_what_it_is(run, box_file):
    with h5py.File(box_file, "r+") as file:
        file["halos/position"][0] *= 0.999
    result = run(box_file, "--json")
    assert result.exit_code == 1
    assert "halos/position is not what its checksum says" in result.stderr
    assert json.loads(result.stdout)["kind"] == "box"


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_what_it_is_not_exits_1_with_one_line(run, tmp_path, extra):
    (tmp_path / "halos.csv").write_text("x,y,z\n")
    result = run("halos.csv", *extra)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: halos.csv is text; ")
    assert "halopaint prepare catalogue halos.csv" in line


def test_a_painter_has_no_figure(run, tiny_model, tmp_path):
    result = run(tiny_model, "--figure", "painter.png")
    assert result.exit_code == 1
    assert "nothing to draw" in result.stderr
    assert not (tmp_path / "painter.png").exists()


def test_a_figure_of_another_kind_is_wrong_usage(run, box_file):
    assert run(box_file, "--figure", "slice.txt").exit_code == 2


@pytest.mark.parametrize("format", ["hdf5", "fits", "ecsv", "parquet"])
def test_a_catalogue_that_paint_wrote_is_told(run, tiny_box, drawing_model, tmp_path, format):
    from halokeras.painters.model_store import load_painter
    from halokeras.painting.catalogues.halos import listed
    from halokeras.painting.draws.counts import draw_files
    from halokeras.painting.inputs.density import density_of

    drawn, target = tmp_path / "drawn.h5", tmp_path / f"halos.{format}"
    draw_files(density_of(tiny_box), load_painter(drawing_model), "drawing", [drawn], seed=5)
    with (
        open_box_file(drawn) as (header, fields),
        listed(header, fields["counts"], target, format),
    ):
        pass
    halos = int(read_box(drawn).counts.sum())
    result = run(target)
    assert result.exit_code == 0, result.output
    assert f"catalogue of {halos:,} drawn halos" in result.stdout
    found = json.loads(run(target, "--json").stdout)
    assert found["kind"] == "halo catalogue"
    assert found["halos"]["number"] == halos
    assert found["halos"]["box_size"] == [64, 64, 64]
    assert found["cosmology"]["sigma8"] == tiny_box.cosmology.sigma8
    assert found["provenance"]["draw_seed"] == 5


@pytest.mark.parametrize(
    ("value", "told"), [("abc", "are not all numbers"), (-70.0, "H0"), (None, "it lacks H0")]
)
def test_a_cosmology_that_is_none_is_a_problem_of_a_catalogue(run, tmp_path, value, told):
    target = tmp_path / "cat.hdf5"
    with h5py.File(target, "w") as file:
        file["halo_id"] = np.arange(3)
        for axis in "xyz":
            file[f"halo_{axis}"] = np.full(3, 1.0, np.float32)
        cosmology = {"H0": value, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}
        about = {"placed": "uniform", "model_hash": "ab", "redshift": 0.3, "Lbox": 64.0}
        for name, held in (about | cosmology).items():
            if held is not None:
                file.attrs[name] = held
    result = run(target)
    assert result.exit_code == 0, result.output
    assert "catalogue of 3 drawn halos" in result.stdout
    assert json.loads(run(target, "--json").stdout)["cosmology"] is None
    (problem,) = json.loads(run(target, "--json").stdout)["problems"]
    assert told in problem and "cat.hdf5" in problem


def test_a_catalogue_without_places_is_told_as_one(run, tmp_path):
    with h5py.File(tmp_path / "cat.hdf5", "w") as file:
        file["halo_id"] = np.arange(3)
        file.attrs.update({"placed": "uniform", "model_hash": "ab", "Lbox": 64.0})
    (problem,) = json.loads(run("cat.hdf5", "--json").stdout)["problems"]
    assert problem == "cat.hdf5 has no positions of its halos; draw the catalogue again"


def test_a_suite_tells_its_ranges_and_how_much_is_made(run, tiny_suite):
    (tiny_suite / "tiny_001_z1.h5").unlink()
    told = json.loads(run(tiny_suite, "--json").stdout)
    assert told["kind"] == "suite"
    assert told["boxes"]["made"] == 3
    assert told["conditions"]["w0"] == [-1.0, -0.9]
    assert told["conditions"]["redshift"] == [0.3, 1.0]
    assert "3 of 4" in run(tiny_suite).stdout


def test_a_box_that_was_trained_on_is_not_sent_to_be_refused(run):
    """What is advised is a command that works."""
    seen, held_out = (run(shipped("boxes") / f"box00_seed{seed}.h5") for seed in (1, 103))
    assert "box00_seed1.h5 --allow-training-box" in " ".join(seen.stdout.split())
    assert "--allow-training-box" not in held_out.stdout
