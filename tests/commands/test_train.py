"""What `train` and `resume` tell, of runs that are there already."""

import json

import pytest

from halokeras.training.run import Interrupted

HISTORY = """step,stage,seconds,painter_loss,critic_loss,wasserstein,penalty,score,mean_ratio,\
transfer_function,cross_correlation,k
20,warm start,8.0,0.4,,,,0.31,1.01,0.9 0.8,1.0 0.7,0.1 0.2
30,warm start,12.0,0.4,,,,0.52,1.01,0.9 0.8,1.0 0.7,0.1 0.2
"""


@pytest.fixture
def quick(run, tmp_path, monkeypatch):
    """A run that `train` takes for the one that it has just trained."""
    folder = tmp_path / "runs" / "quick"
    folder.mkdir(parents=True)
    fields = {"training": {"steps": 0, "warm_start": {"steps": 30}}, "run": {"name": "quick"}}
    (tmp_path / "quick.json").write_text(json.dumps(fields))
    (folder / "params.json").write_text(json.dumps(fields))
    (folder / "history.csv").write_text(HISTORY)
    monkeypatch.setattr(
        "halokeras.training.run.train",
        lambda *told, **options: folder.relative_to(tmp_path) / "best",
    )
    return folder


def test_the_score_what_it_means_and_the_next_command_are_told(run, quick):
    result = run("train", "--params", "quick.json")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "wrote runs/quick/best\n"
    first, score, following = result.stderr.splitlines()
    assert first.startswith("Loading: TensorFlow")
    assert score.startswith("Score: 0.3100 at step 20") and "0 is perfect" in score
    assert following == "Next: halopaint evaluate --box 00 --model runs/quick"


def test_the_score_is_told_as_json(run, quick):
    result = run("train", "--params", "quick.json", "--json")
    assert json.loads(result.stdout) == {"wrote": ["runs/quick/best"], "score": 0.31, "step": 20}


def test_a_painter_that_paints_nothing_is_not_kept_and_that_is_told(run, quick):
    (quick / "history.csv").write_text(HISTORY.replace("0.31", "inf").replace("0.52", "inf"))
    result = run("train", "--params", "quick.json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no painter was kept" in result.stderr


def test_a_run_that_keeps_its_last_painter_tells_the_score_of_that(run, quick):
    fields = json.loads((quick / "params.json").read_text())
    fields["run"]["keep"] = "last"
    (quick / "params.json").write_text(json.dumps(fields))
    assert "Score: 0.5200 at step 30" in run("train", "--params", "quick.json").stderr


def test_an_interrupted_run_ends_with_130(run, quick, monkeypatch):
    def stopped(folder, callbacks):
        raise Interrupted(f"stopped and saved; `halopaint resume --run {folder}` goes on")

    monkeypatch.setattr("halokeras.training.run.resume", stopped)
    result = run("resume")
    assert result.exit_code == 130
    assert "halopaint resume --run runs/quick" in result.stderr


def test_that_there_is_nothing_to_resume_is_told_before_tensorflow_is_loaded(run, quick):
    (quick / "finished").write_text("30 steps\n")
    result = run("resume", "--run", "runs/quick")
    assert result.exit_code == 1
    (told,) = result.stderr.splitlines()
    assert "is finished; its painter is runs/quick/best" in told
