import json

import pytest
from typer.testing import CliRunner

from halokeras.commands.app import app

HISTORY = """step,stage,seconds,painter_loss,critic_loss,wasserstein,penalty,score,mean_ratio,\
transfer_function,cross_correlation,k
10,warm start,4.0,0.5,,,,,,,,
20,adversarial,80.0,1.0,2.0,3.0,0.1,{score},1.01,0.9 0.8,1.0 0.7,0.1 0.2
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, score, rate in (("one", "0.3", 1e-4), ("two[b]", "inf", 2e-4)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        optimizer = {"learning_rate": rate}
        (folder / "params.json").write_text(
            json.dumps({"training": {"critic_optimizer": optimizer}})
        )
        (folder / "history.csv").write_text(HISTORY.format(score=score))
    return lambda *words: CliRunner().invoke(app, ["runs", *words])


def test_runs_are_listed(run):
    result = run()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "one", "two[b]"]
    assert "20/10000" in lines[1] and "0.3000" in lines[1] and "80 s" in lines[1]


def test_one_that_cannot_be_read_is_left_out_with_the_reason(run, tmp_path):
    (tmp_path / "runs" / "one" / "params.json").write_text('{"nonsense": 1}')
    result = run("runs")
    assert result.exit_code == 0 and "two[b]" in result.stdout
    assert "left out runs/one" in result.stderr and "nonsense" in result.stderr


def test_comparing_names_what_differs_and_draws(run, tmp_path):
    result = run("--compare", "one", "runs/two[b]", "--figure", "both.svg")
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stdout.splitlines() if "learning_rate" in line]
    assert line.split() == ["training.critic_optimizer.learning_rate", "0.0001", "0.0002"]
    assert "T at k [h/Mpc]" in result.stdout
    assert result.stdout.endswith("wrote both.svg\n")
    assert "<svg" in (tmp_path / "both.svg").read_text()


def test_json_is_json_even_of_an_infinite_score(run, tmp_path):
    listed = json.loads(run("--json").stdout)
    assert [run["best_score"] for run in listed] == [0.3, None]
    assert [row["step"] for row in listed[0]["curves"]] == [10, 20]
    result = run("--compare", "one", "two[b]", "--json", "--figure", "both.png")
    told = json.loads(result.stdout)
    assert list(told["runs"]) == ["one", "two[b]"]
    assert list(told["params"]) == ["training.critic_optimizer.learning_rate"]
    assert (tmp_path / "both.png").exists()


def test_a_figure_of_mine_is_not_replaced(run, tmp_path):
    (tmp_path / "mine.svg").write_text("mine")
    words = ["--compare", "one", "two[b]", "--figure", "mine.svg"]
    refused = run(*words)
    assert refused.exit_code == 1
    assert "mine.svg is there and not this figure" in refused.stderr
    assert (tmp_path / "mine.svg").read_text() == "mine"
    assert run(*words, "--overwrite").exit_code == run(*words).exit_code == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--compare", "one"], 2, "two runs or more"),
        (["one", "two[b]"], 2, "add --compare"),
        (["--figure", "f.png"], 2, "goes with --compare"),
        (["--compare", "one", "two[b]", "--figure", "f.txt"], 2, ".png, .svg or .pdf"),
        (["--compare", "one", "runs/one"], 2, "named twice"),
        (["--compare", "one", "three"], 1, "three is not a run"),
        (["nowhere"], 1, "no run in nowhere"),
    ],
)
def test_wrong_usage_is_told(run, tmp_path, words, code, told):
    result = run(*words)
    assert result.exit_code == code, result.output
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert not list(tmp_path.glob("f.*"))
