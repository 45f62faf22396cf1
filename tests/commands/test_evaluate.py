import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halokeras.boxes.box_file import write_box
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.painters.model_store import load_painter, save_painter
from halokeras.statistics.statistic import FIELD
from tests.commands.outcomes import fails

pytestmark = pytest.mark.usefixtures("undrawn")  # others look at the pictures


def test_json_is_alone_on_stdout_and_what_is_in_the_file(run, unseen_box, drawing_model, tmp_path):
    words = ["evaluate", "--box", unseen_box, "--model", drawing_model, "--draws", 1]
    result = run(*words, "--against", drawing_model, "--json")
    assert result.exit_code == 0, result.output
    folder = Path("evaluation") / "drawing" / "unseen"
    assert result.stdout == (tmp_path / folder / "scorecard.json").read_text()
    told = json.loads(result.stdout)
    assert told["provenance"]["painter"]["name"] == str(drawing_model)
    assert len(told["provenance"]["boxes"]["unseen"]["hash"]) == 64
    assert set(told["provenance"]["against"]) == {"drawing"}
    assert f"wrote {folder / 'scorecard.json'}" in result.stderr


def test_a_page_and_vector_figures(run, unseen_box, drawing_model, tmp_path):
    words = ["evaluate", "--box", unseen_box, "--model", drawing_model, "--draws", 1]
    words += ["--against", drawing_model]
    result = run(*words, "--report", "out/report.html", "--figures-format", "svg")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert "wrote out/report.html" in result.stdout
    names = {path.name for path in (tmp_path / "evaluation" / "drawing" / "unseen").iterdir()}
    assert {"scorecard.json", "scorecard.svg", "slices.svg", "power.svg", "histogram.svg"} <= names
    assert {Path(name).suffix for name in names} == {".json", ".svg"}


def test_painters_of_one_name_are_both_shown(run, unseen_box, tiny_model, drawing_model, tmp_path):
    twins = [tmp_path / name / "best" for name in "ab"]
    for twin, model in zip(twins, (tiny_model, drawing_model), strict=True):
        twin.parent.mkdir()
        model.rename(twin)
    words = ["evaluate", "--box", unseen_box, "--model", twins[0], "--draws", 1, "--json"]
    told = json.loads(run(*words, "--against", "a/best", "--against", "b/best").stdout)
    assert {"a/best", "b/best"} <= set(told["comparisons"])


def test_a_least_mass_is_of_all_painters_and_names_the_folder(
    run, unseen_box, binned_draws, tiny_provenance, tmp_path
):
    for name in ("one", "other"):
        save_painter(binned_draws.painter, tiny_provenance, tmp_path / name, binned_draws)
    words = ["evaluate", "--box", unseen_box, "--model", "one", "--mass-min", 6e12]
    result = run(*words, "--against", "other", "--draws", 1, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (tmp_path / "evaluation" / "one" / "unseen_from6e+12" / "scorecard.json").exists()
    mine, other = (told["comparisons"][name][0]["transfer_function"] for name in (FIELD, "other"))
    assert mine == other
    run("paint", "--box", unseen_box, "--model", "one", "--mass-min", 8e12, "--output", "p.h5")
    fails(run(*words, "--painted", "p.h5"), "p.h5", "from 8e+12", "from 6e+12", "--mass-min")


def test_what_was_painted_before_is_scored_with_a_page_and_tells_its_file(
    run, unseen_box, tiny_model, tmp_path
):
    run("paint", "--box", unseen_box, "--model", tiny_model, "--output", "p.h5")
    words = ["evaluate", "--box", unseen_box, "--model", tiny_model, "--painted", "p.h5"]
    result = run(*words, "--json", "--report", "r.html")
    told = json.loads(result.stdout)
    folder = tmp_path / "evaluation" / "tiny" / "p"
    assert result.stdout == (folder / "scorecard.json").read_text()
    assert set(told["comparisons"]) == {
        "painted field",
        "local bias",
        "local bias, Poisson",
        "2LPT density",
    }
    assert told["provenance"]["painted"] == "p.h5"
    assert "painted before" in (tmp_path / "r.html").read_text()


def test_a_box_of_another_cosmology_than_was_painted_on_is_refused(
    run, tiny_box, unseen_box, tiny_model, tmp_path
):
    write_box(replace(tiny_box, cosmology=ABACUS_COSMOS["03"]), tmp_path / "other.h5")
    run("paint", "--box", unseen_box, "--model", tiny_model, "--output", "p.h5")
    words = ["evaluate", "--box", "other.h5", "--model", tiny_model, "--painted", "p.h5"]
    fails(run(*words), "p.h5", "H0 67.26 and not 64.26", "name the --box that it was painted on")
    assert not (tmp_path / "evaluation").exists()


def test_a_page_that_cannot_be_written_is_told_before_anything_is_painted(
    run, unseen_box, tiny_model, tmp_path
):
    words = ["evaluate", "--box", unseen_box, "--model", tiny_model]
    fails(run(*words, "--report", unseen_box / "r.html"), "cannot write")
    fails(run(*words, "--report", "r.pdf"), "the page is HTML; name it r.html")
    assert not (tmp_path / "evaluation").exists()
    assert not (tmp_path / "r.pdf").exists()


def test_another_evaluation_is_not_replaced_unless_told_to(
    run, unseen_box, tiny_box, tiny_model, tmp_path
):
    density = tiny_box.density[::-1].copy()
    position = (63.99, 0, 0) + tiny_box.halos.position * (-1, 1, 1)
    second = replace(
        tiny_box, density=density, halos=replace(tiny_box.halos, position=np.float32(position))
    )
    write_box(second, tmp_path / "second.h5")
    words = ["evaluate", "--model", tiny_model, "--output", "out"]
    first = [*words, "--box", unseen_box]
    assert run(*first, "--report", "r.html").exit_code == 0
    before = (tmp_path / "out" / "scorecard.json").read_text()
    other = [*words, "--box", "second.h5"]
    fails(run(*other), "out/scorecard.json", "--overwrite")
    fails(run(*other, "--output", "new", "--report", "r.html"), "r.html", "another --report")
    assert (tmp_path / "out" / "scorecard.json").read_text() == before
    assert run(*first, "--report", "r.html").exit_code == 0  # the same again
    assert (tmp_path / "out" / "scorecard.json").read_text() == before
    fails(run(*first, "--draws", 2), "of another evaluation", "--overwrite")
    fails(run(*first, "--against", tiny_model), "of another evaluation", "--overwrite")
    assert run(*other, "--overwrite").exit_code == 0
    assert (tmp_path / "out" / "scorecard.json").read_text() != before


def test_a_box_that_memory_cannot_hold_is_refused_before_it_is_painted(
    run, unseen_box, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 200 * 16**3)
    words = ["evaluate", "--model", tiny_model, "--box", unseen_box, "--output", "out"]
    refused = run(*words)
    assert refused.exit_code == 1
    assert "Error: scoring unseen needs" in refused.stderr and "draw fewer" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert run(*words, "--draws", 1).exit_code == 0


@pytest.mark.parametrize("name", ["histogram.png", "numbers.png", "slices.png"])
def test_a_figure_of_mine_is_not_replaced(run, unseen_box, drawing_model, tmp_path, name):
    (tmp_path / name).write_text("mine")
    words = ["evaluate", "--box", unseen_box, "--model", drawing_model, "--output", "."]
    fails(run(*words), name, "--overwrite")
    assert (tmp_path / name).read_text() == "mine"


def test_a_painter_stands_beside_only_where_it_fits(
    run, unseen_box, tiny_model, tiny_painter, tiny_provenance, tmp_path
):
    """The published painter counts all halos, the tiny one those above 2e12 Msun/h."""
    words = ["evaluate", "--box", unseen_box, "--model", tiny_model, "--json"]
    result = run(*words)
    assert "paper does not stand beside: it learned halos all of the" in result.stderr
    told = json.loads(result.stdout)
    assert told["provenance"]["against"] == {}
    assert "paper does not stand beside" in told["provenance"]["notes"][-1]
    selection = {"mass_min": 5e12, "mass_max": None}
    save_painter(tiny_painter, {**tiny_provenance, "selection": selection}, tmp_path / "other")
    fails(run(*words, "--against", "other", "--output", "x"), "--against other", "5 × 10¹²")


def test_a_box_that_does_not_fit_is_refused_without_advice_that_is_none(
    run, tiny_box, tiny_model, tmp_path
):
    halos = replace(tiny_box.halos, position=tiny_box.halos.position / 2)
    write_box(replace(tiny_box, voxel_size=2.0, halos=halos), tmp_path / "fine.h5")
    result = run("evaluate", "--box", "fine.h5", "--model", tiny_model)
    fails(result, "voxels of 4 Mpc/h and the box has 2 Mpc/h", "a --model that fits")
    assert "--force" not in result.stderr


def test_boxes_of_another_shape_are_left_out(run, tiny_box, unseen_box, tiny_model, tmp_path):
    """A small box of one's own beside those that ship."""
    saved = load_painter(tiny_model)
    corner = tiny_box.density[:8, :8, :8]
    inside = (tiny_box.halos.position < 32).all(axis=1)
    halos = replace(
        tiny_box.halos,
        position=tiny_box.halos.position[inside],
        mass=tiny_box.halos.mass[inside],
    )
    small = replace(tiny_box, density=(corner / corner.mean()).astype(np.float32), halos=halos)
    (tmp_path / "boxes").mkdir()
    write_box(small, tmp_path / "boxes" / "box03_seed7.h5")
    result = run("evaluate", "--box", "03", "--model", tiny_model, "--json")
    assert "box03_seed103 is 64 x 64 x 64 voxels" in result.stderr
    assert json.loads(result.stdout)["boxes"] == ["box03_seed103"]
    assert saved.hash in result.stdout


def test_each_box_of_a_suite_is_scored(run, tiny_suite, tiny_model, tmp_path):
    words = ["evaluate", "--model", tiny_model]
    result = run(*words, "--suite", tiny_suite, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)["boxes"]
    assert [one["redshift"] for one in told] == [1.0, 0.3, 1.0, 0.3]
    assert told[2]["cosmology"]["w0"] == -0.9
    assert all(one["lines"] and one["verdict"] for one in told)
    folder = tmp_path / "evaluation" / "tiny" / "tiny"
    assert json.loads((folder / "suite.json").read_text())["boxes"] == told
    card = json.loads((folder / "tiny_001_z0.3" / "scorecard.json").read_text())
    assert card["lines"] == told[3]["lines"]
    assert "tiny_000_z1.h5: " in result.stderr  # warned of the redshift
    again = run(*words, "--box", tiny_suite)
    assert again.exit_code == 0, again.output
    assert "4 boxes of" in again.stdout and "tiny_001_z0.3" in again.stdout
    shutil.copytree(tiny_suite, tmp_path / "second")
    other = ["--suite", "second", "--output", folder]
    fails(run(*words, *other), "suite.json is there and of another suite", "--overwrite")


def test_boxes_of_a_suite_that_the_painter_cannot_paint_on_are_left_out(
    run, tiny_suite, tiny_model, monkeypatch
):
    words = ["evaluate", "--model", tiny_model, "--suite", tiny_suite, "--json"]
    learned = {1.0: ["the painter learned redshift 0 to 0.5 and was asked for 1"]}
    monkeypatch.setattr(
        "halokeras.evaluation.suite.misfits", lambda _, header: learned.get(header.redshift, [])
    )
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert [one["redshift"] for one in json.loads(result.stdout)["boxes"]] == [0.3, 0.3]
    assert "tiny_001_z1.h5 is left out: the painter learned redshift" in result.stderr
    learned[0.3] = ["the painter learned redshift 2 alone and was asked for 0.3"]
    fails(run(*words), "no box of", "choose another suite or --model")


def test_a_report_is_a_file_and_what_was_painted_is_of_one_box(
    run, unseen_box, tiny_suite, tiny_model
):
    words = ["evaluate", "--model", tiny_model]
    fails(run(*words, "--box", unseen_box, "--report", "."), "report.html")
    several = run(*words, "--box", tiny_suite, "--painted", unseen_box)
    assert several.exit_code == 2 and "a suite has many" in several.stderr


@pytest.mark.slow
def test_the_published_painter_does_not_stand_beside_itself(run):
    told = json.loads(run("evaluate", "--box", "04", "--model", "paper", "--json").stdout)
    assert told["provenance"]["against"] == {} and "paper" not in told["comparisons"]


def test_a_suite_that_is_not_there_is_told_as_one(run):
    fails(
        run("evaluate", "--suite", "boxes/sobol64"), "boxes/sobol64", "halopaint simulate --suite"
    )


def test_a_box_that_a_suite_lacks_is_named(run, tiny_suite, drawing_model):
    (tiny_suite / "tiny_001_z1.h5").unlink()
    fails(run("evaluate", "--model", drawing_model, "--suite", tiny_suite), "tiny_001_z1.h5")
