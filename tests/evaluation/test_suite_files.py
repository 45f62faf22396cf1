"""What an evaluation of a suite, or of a box, must not replace."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from halokeras.boxes.suite import FORMAT
from halokeras.errors import OutputError
from halokeras.evaluation.evaluate import EvaluationRequest, _check_replaceable
from halokeras.evaluation.suite import _check_summary


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_index_of_a_suite_is_never_replaced_by_a_summary(tmp_path, monkeypatch, overwrite):
    for name in ("s", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "suite.json").write_text(json.dumps({"format": FORMAT}))
    (tmp_path / "s" / "suite.json").write_text("an index that is damaged")
    monkeypatch.chdir(tmp_path / "s")
    for summary in ("suite.json", "../s/suite.json", "../other/suite.json"):
        with pytest.raises(OutputError, match=r"suite.json is the index of a suite"):
            _check_summary(Path(summary), Path(), overwrite)


def test_a_summary_is_replaced_by_that_of_the_same_suite_alone(tmp_path, monkeypatch):
    (tmp_path / "s").mkdir()
    monkeypatch.chdir(tmp_path / "s")
    summary = tmp_path / "told" / "suite.json"
    summary.parent.mkdir()
    for told in ("boxes/s", "."):
        summary.write_text(json.dumps({"suite": told}))
        _check_summary(summary, Path(), False)
    for content in (json.dumps({"suite": "boxes/t"}), "notes", "[1]"):
        summary.write_text(content)
        with pytest.raises(OutputError, match="is there and of another suite"):
            _check_summary(summary, Path(), False)
        _check_summary(summary, Path(), True)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_scored(tmp_path):
    painter = SimpleNamespace(mass_part="")
    (tmp_path / "notes").write_text("mine")
    request = EvaluationRequest("00", painter, "m", output=tmp_path / "notes")
    with pytest.raises(OutputError, match=r"cannot write .*notes/scorecard.json: Not a directory"):
        _check_replaceable(request, "identity", ["box"])
    (tmp_path / "told" / "scorecard.json").mkdir(parents=True)
    request = EvaluationRequest("00", painter, "m", output=tmp_path / "told", overwrite=True)
    with pytest.raises(OutputError, match=r"scorecard.json is a folder; name a file"):
        _check_replaceable(request, "identity", ["box"])
