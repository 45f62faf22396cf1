import shutil

import pytest

from halokeras.errors import ParamsError
from halokeras.inspection.inspect import inspect
from halokeras.params import parse_params
from halokeras.training.history import History, Row, Validated

PARAMS = """{"training": {"steps": 50, "warm_start": {"steps": 30}}, "run": {"name": "tiny"}}"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "runs" / "tiny"
    folder.mkdir(parents=True)
    (folder / "params.json").write_text(parse_params(PARAMS, "params").model_dump_json())
    return folder


def log(folder, *rows):
    history = History(folder / "history.csv")
    history.rows = list(rows)
    history.forget_after(10**6)


def validated(score):
    return Validated(score, 1.01, (0.1, 0.2), (1.02, 0.97), (0.9, 0.8))


def test_a_run_that_has_just_begun(run):
    found = inspect(run)
    told = found.to_json()
    assert told["kind"] == "run"
    assert told["progress"]["state"] == "unfinished"
    assert (told["progress"]["done"], told["progress"]["total"]) == (0, 80)
    assert told["progress"]["checkpoints"] == []
    assert told["latest_losses"] is None
    assert told["best_validation"] is None
    assert "best_painter" not in told
    assert found.advice == f"halopaint resume --run {run}"


def test_a_run_tells_its_progress_and_best(run, tiny_model):
    log(
        run,
        Row(30, "warm start", 60.0, {"painter_loss": 0.3}, validated(0.2)),
        Row(40, "adversarial", 300.0, {"painter_loss": 1.5, "critic_loss": -2.0}, validated(0.1)),
        Row(45, "adversarial", 360.0, {"painter_loss": 1.4, "critic_loss": -2.5}),
    )
    (run / "checkpoints").mkdir()
    for step in (5, 45):
        (run / "checkpoints" / f"step-{step:08d}").mkdir()
    shutil.copytree(tiny_model, run / "best")
    told = inspect(run).to_json()
    assert told["progress"]["done"] == 45
    assert told["progress"]["stage"] == "adversarial"
    assert told["progress"]["training_seconds"] == 360.0
    assert told["progress"]["checkpoints"] == [5, 45]
    assert told["latest_losses"] == {"painter_loss": 1.4, "critic_loss": -2.5}
    assert told["best_validation"]["step"] == 40
    assert told["best_validation"]["score"] == 0.1
    assert told["best_painter"]["hash"] == inspect(tiny_model).to_json()["network"]["hash"]
    assert told["params"]["all"]["training"]["steps"] == 50
    (run / "finished").write_text("80 steps\n")
    found = inspect(run)
    assert found.to_json()["progress"]["state"] == "finished"
    assert found.advice == f"halopaint paint --model {run}"


def test_a_damaged_best_painter_is_a_problem_of_the_run(run, tiny_model):
    shutil.copytree(tiny_model, run / "best")
    (run / "best" / "weights.safetensors").write_bytes(b"")
    found = inspect(run)
    (problem,) = found.problems
    assert "weights.safetensors" in problem
    assert found.kind == "run"


def test_params_of_another_version_are_named(run):
    (run / "params.json").write_text('{"magic": 1}')
    with pytest.raises(ParamsError, match=r"params.json.*magic"):
        inspect(run)
