import json
from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box_file import write_box


@pytest.fixture
def unseen_box(tiny_box, tmp_path):
    """A box that the tiny painter was not trained on: the same fields, seen in a mirror."""
    mirrored = replace(
        tiny_box,
        density=np.ascontiguousarray(tiny_box.density.T),
        halos=replace(
            tiny_box.halos, position=np.ascontiguousarray(tiny_box.halos.position[:, ::-1])
        ),
    )
    write_box(mirrored, tmp_path / "unseen.h5")
    return tmp_path / "unseen.h5"


def test_json_is_alone_on_stdout_and_what_is_in_the_file(run, unseen_box, drawing_model, tmp_path):
    words = ["evaluate", "--box", unseen_box, "--model", drawing_model, "--draws", 1]
    result = run(*words, "--against", drawing_model, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((tmp_path / "evaluation" / "unseen" / "report.json").read_text())
    assert told["provenance"]["painter"]["name"] == str(drawing_model)
    assert len(told["provenance"]["boxes"]["unseen"]["hash"]) == 64
    assert set(told["provenance"]["against"]) == {"drawing"}
    assert "wrote evaluation/unseen/report.json" in result.stderr


def test_json_of_what_was_painted_before_is_its_scorecard(run, unseen_box, tiny_model, tmp_path):
    run("paint", "--box", unseen_box, "--model", tiny_model, "--output", "p.h5")
    words = ["evaluate", "--box", unseen_box, "--model", tiny_model, "--painted", "p.h5"]
    told = json.loads(run(*words, "--json").stdout)
    assert told == json.loads((tmp_path / "evaluation" / "unseen" / "scorecard.json").read_text())


@pytest.mark.slow
def test_a_page_and_vector_figures(run, unseen_box, drawing_model, tmp_path):
    words = ["evaluate", "--box", unseen_box, "--model", drawing_model, "--draws", 1]
    words += ["--against", drawing_model]
    result = run(*words, "--report", "out/report.html", "--figures-format", "svg")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert "wrote out/report.html" in result.stdout
    folder = tmp_path / "evaluation" / "unseen"
    figures = {"slices.svg", "spectra.svg", "histogram.svg", "report.svg"}
    assert {path.name for path in folder.iterdir()} == figures | {"scorecard.json", "report.json"}


def test_painters_of_one_name_are_both_shown(run, unseen_box, tiny_model, drawing_model, tmp_path):
    twins = [tmp_path / name / "best" for name in "ab"]
    for twin, model in zip(twins, (tiny_model, drawing_model), strict=True):
        twin.parent.mkdir()
        model.rename(twin)
    words = ["evaluate", "--box", unseen_box, "--model", twins[0], "--draws", 1, "--json"]
    told = json.loads(run(*words, "--against", "a/best", "--against", "b/best").stdout)
    assert {"a/best", "b/best"} <= set(told["comparisons"])


def test_a_page_is_not_of_one_painted_file(run, unseen_box, tmp_path):
    words = ["evaluate", "--box", unseen_box, "--painted", "p.h5", "--report", "r.html"]
    assert run(*words).exit_code == 2
    assert not (tmp_path / "r.html").exists()


def test_a_page_that_cannot_be_written_is_told_before_anything_is_painted(
    run, unseen_box, tiny_model, tmp_path
):
    words = ["evaluate", "--box", unseen_box, "--model", tiny_model]
    result = run(*words, "--report", unseen_box / "r.html")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr
    assert not (tmp_path / "evaluation").exists()
