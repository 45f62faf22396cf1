import json

import h5py
import numpy as np
import pytest

from halokeras.painters.model_store import save_painter
from tests.commands.outcomes import fails


def test_evaluate_writes_a_scorecard_and_figures(run, unseen_box, tiny_model, tmp_path):
    result = run("evaluate", "--box", unseen_box, "--model", tiny_model)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "evaluation" / "tiny" / "unseen"
    card = json.loads((folder / "scorecard.json").read_text())
    assert card["mass_min"] == 2e12
    assert {path.suffix for path in folder.iterdir()} == {".json", ".png"}
    for path in folder.iterdir():
        assert f"evaluation/tiny/unseen/{path.name}" in result.stdout


@pytest.mark.usefixtures("undrawn")
def test_evaluate_scores_what_was_painted_before(run, unseen_box, tiny_model, tmp_path):
    run("paint", "--box", unseen_box, "--model", tiny_model, "--output", "p.h5")
    words = ["evaluate", "--box", unseen_box, "--model", tiny_model]
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
    run, unseen_box, tiny_model, tiny_painter, tiny_provenance, tmp_path
):
    run("paint", "--box", unseen_box, "--model", tiny_model, "--output", "p.h5")
    tiny_painter.weights[0].assign(2 * np.asarray(tiny_painter.weights[0]))
    save_painter(tiny_painter, tiny_provenance, tmp_path / "second")
    words = ["evaluate", "--box", unseen_box, "--model", "second", "--painted", "p.h5"]
    fails(run(*words), "p.h5", "another painter")


@pytest.mark.usefixtures("undrawn")
def test_evaluate_refuses_a_training_box_unless_allowed(run, box_file, tiny_model, tmp_path):
    words = ["evaluate", "--box", box_file, "--model", tiny_model]
    fails(run(*words), "trained", "--allow-training-box")
    assert not (tmp_path / "evaluation").exists()
    assert run(*words, "--allow-training-box").exit_code == 0


@pytest.mark.usefixtures("undrawn")
def test_a_missed_target_fails_only_if_strict(run, unseen_box, drawing_model, tmp_path):
    words = ["evaluate", "--box", unseen_box, "--model", drawing_model, "--draws", 2]
    assert run(*words).exit_code == 0
    assert run(*words, "--strict").exit_code == 1
    folder = tmp_path / "evaluation" / "drawing" / "unseen"
    found = json.loads((folder / "scorecard.json").read_text())
    assert (found["passed"], found["verdict"]) == (False, "missed")
    assert set(found["comparisons"]) >= {"painted field", "draws", "2LPT density"}


def test_evaluate_needs_halos(run, box_file, tiny_model, tmp_path):
    with h5py.File(box_file, "a") as file:
        del file["halos"]
    fails(run("evaluate", "--box", box_file, "--model", tiny_model), "halo")
