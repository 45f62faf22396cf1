import json
import os
import shutil
import subprocess
import sys

import pytest

from halokeras.errors import RunError
from halokeras.params import parse_params
from halokeras.training.compare import differing_params, flattened, summary
from halokeras.training.run_folder import (
    check_same_boxes,
    newest_unfinished,
    read_run,
    run_folders,
)

HISTORY = """step,stage,seconds,painter_loss,critic_loss,wasserstein,penalty,score,mean_ratio,\
transfer_function,cross_correlation,k
10,warm start,4.0,0.5,,,,,,,,
20,warm start,8.0,0.4,,,,0.3,1.01,0.9 0.8,1.0 0.7,0.1 0.2
30,warm start,12.0,0.4,,,,0.5,1.01,0.9 0.8,1.0 0.7,0.1 0.2
"""


def write_run(folder, started, finished=False, **training):
    folder.mkdir(parents=True)
    fields = {"training": {"steps": 0, "warm_start": {"steps": 30}, **training}}
    (folder / "params.json").write_text(json.dumps(fields))
    (folder / "history.csv").write_text(HISTORY)
    os.utime(folder / "params.json", (started, started))
    os.utime(folder / "history.csv", (started + 60, started + 60))
    if finished:
        (folder / "finished").write_text("30 steps\n")
        os.utime(folder / "finished", (started + 90, started + 90))


def test_a_run_tells_its_state_steps_and_best_score(tmp_path):
    write_run(tmp_path / "a", 1000)
    told = summary(read_run(tmp_path / "a"))
    assert (told["state"], told["steps"], told["steps_total"]) == ("unfinished", 30, 30)
    assert (told["best_score"], told["best_step"], told["training_seconds"]) == (0.3, 20, 12.0)
    assert (told["started"], told["updated"]) == (1000, 1060)


def test_a_finished_run_was_updated_as_it_ended(tmp_path):
    write_run(tmp_path / "a", 1000, finished=True)
    run = read_run(tmp_path / "a")
    assert (run.state, run.updated) == ("finished", 1090)


def test_a_checkpoint_that_goes_while_a_run_is_looked_at_is_passed_over(tmp_path, monkeypatch):
    write_run(tmp_path / "a", 1000)
    for step in (10, 20):
        checkpoint = tmp_path / "a" / "checkpoints" / f"step-{step:08d}"
        checkpoint.mkdir(parents=True)
        (checkpoint / "manifest.json").write_text("{}")
        os.utime(checkpoint / "manifest.json", (2000 + step, 2000 + step))
    scandir = os.scandir

    def removing(path):
        """Remove the older checkpoint after it was seen and before it is looked into."""
        if str(path).endswith("step-00000010"):
            shutil.rmtree(path, ignore_errors=True)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", removing)
    assert read_run(tmp_path / "a").updated == 2020
    assert newest_unfinished(tmp_path) == tmp_path / "a"


def test_runs_are_listed_oldest_first_and_nothing_else_is(tmp_path):
    write_run(tmp_path / "a_new", 2000)
    write_run(tmp_path / "b_old", 1000)
    (tmp_path / "no_run").mkdir()
    assert [path.name for path in run_folders(tmp_path)] == ["b_old", "a_new"]
    with pytest.raises(RunError, match="no_run is not a run"):
        read_run(tmp_path / "no_run")


def test_params_that_differ_are_named_by_dotted_path_but_not_the_names_of_the_runs():
    one = parse_params('{"run": {"name": "a"}, "critic": {"filters": [8, 16, 32, 64]}}', "a")
    two = parse_params('{"run": {"name": "b"}, "training": {"warm_start": {"steps": 7}}}', "b")
    assert differing_params({"a": one, "b": two}) == {"training.warm_start.steps": {"a": 0, "b": 7}}
    assert differing_params({"a": one, "b": one}) == {}
    assert flattened({"x": {"y": [1, 2]}, "z": 3}) == {"x.y": [1, 2], "z": 3}


def test_looking_at_runs_takes_no_tensorflow():
    code = (
        "import sys, halokeras.training.compare, halokeras.training.curves\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_run_goes_on_with_the_boxes_that_it_began_with(tmp_path):
    boxes = [("a.h5", "1"), ("b.h5", "2"), ("b.h5", "3")]
    check_same_boxes(tmp_path, boxes)
    check_same_boxes(tmp_path, boxes)
    for other in ([boxes[0], ("b.h5", "4"), boxes[2]], boxes[:2], [*boxes, ("c.h5", "4")]):
        with pytest.raises(RunError, match=r"[bc]\.h5 is not the box that the run in .* put that"):
            check_same_boxes(tmp_path, other)
    for damaged in ("[1]", "{", "", "{}", '["ab"]', '[["a.h5"]]', "[" * 50000):
        (tmp_path / "boxes.json").write_text(damaged)
        with pytest.raises(RunError, match=r"boxes\.json.* is damaged; delete it"):
            check_same_boxes(tmp_path, boxes)
