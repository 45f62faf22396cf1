import json

import pytest
from typer.testing import CliRunner

from halokeras.commands.app import app
from halokeras.doctor import machine, self_test
from halokeras.doctor.finding import Finding, Level


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(self_test, "_SECONDS", 1e-9)
    return lambda *words: CliRunner().invoke(app, ["doctor", *words])


def test_a_healthy_machine_passes(run, tmp_path):
    result = run()
    assert result.exit_code == 0, result.output
    assert "painted as known" in result.stdout and "ns a voxel" in result.stdout
    assert result.stdout.endswith("halopaint works here\n")
    assert "\x1b" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_problem_exits_1_with_its_remedy(run, monkeypatch):
    monkeypatch.setattr(
        machine,
        "check_folder",
        lambda folder: Finding("this folder", "cannot be written", Level.PROBLEM, "go elsewhere"),
    )
    result = run()
    assert result.exit_code == 1
    assert "problem this folder" in result.stdout and "-> go elsewhere" in result.stdout
    assert "1 problem; each tells its remedy" in result.stdout
    result = run("--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["works"] is False
    (problem,) = [found for found in told["findings"] if found["level"] == "problem"]
    assert problem["remedy"] == "go elsewhere"
