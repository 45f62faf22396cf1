import io

from rich.console import Console

from halokeras.training.callback import Progress
from halokeras.training.display import TrainingDisplay, trend
from halokeras.training.history import Row, Validated
from halokeras.training.schedule import Span

JUDGED = Validated(0.1, 1.01, (0.31,), (0.98,), (0.87,))
BEFORE = [Row(10, "warm start", 60.0, {"painter_loss": 0.5}, JUDGED)]


def resumed(folder, console):
    """The progress and the rows of a run that goes on at step 10."""
    rows = list(BEFORE)
    return Progress(folder, Span("adversarial", 10, 30), 10, 30, rows=rows), rows


def shown(terminal, folder, *, interrupt=False):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    progress, rows = resumed(folder, console)
    with TrainingDisplay(console) as display:
        display.preparing("reading 2 boxes")
        display.begin(progress)
        display.begin_stage(progress)
        for step in (15, 20):
            progress.step, progress.losses = step, {"wasserstein": 5.0 / step}
            rows.append(Row(step, "adversarial", 6.0 * step, progress.losses))
            display.after_step(progress)
        if interrupt:
            display.interrupted()
    return console.file.getvalue()


def test_a_log_file_gets_plain_lines(tmp_path):
    text = shown(False, tmp_path)
    assert text.startswith("reading 2 boxes\n")
    assert "adversarial: step 10 of 30, compiling" in text
    assert "wasserstein 0.25" in text
    assert "\x1b" not in text


def test_a_terminal_gets_stage_losses_and_validation(tmp_path):
    text = shown(True, tmp_path)
    for told in (
        "reading 2 boxes",
        "adversarial: step 20 of 30",
        "67% of the run, 2 min so far",
        "Wasserstein distance  0.25  █▁",
        "k [h/Mpc]",
        "Ctrl-C",
    ):
        assert told in text, told


def test_t_and_r_stay_when_a_run_goes_on(tmp_path):
    for terminal in (False, True):
        text = shown(terminal, tmp_path)
        last = text[text.rindex("held-out boxes") :] if terminal else text
        assert "mean 1.0100, score 0.1000, best 0.1000 at step 10" in last
        assert "0.980" in last and "0.870" in last


def test_ctrl_c_is_acknowledged(tmp_path):
    for terminal in (False, True):
        assert "stopping once this step is done" not in shown(terminal, tmp_path)
        text = shown(terminal, tmp_path, interrupt=True)
        assert "stopping once this step is done and saved; Ctrl-C again" in text


def test_a_trend_goes_from_the_least_to_the_greatest_of_the_newest_values():
    assert trend([0.0, 1.0, 7.0]) == "▁▂█"
    assert trend([5.0]) == "▁"
    assert trend([9.0, *([1.0] * 31), 2.0]) == "▁" * 31 + "█"


def test_the_rate_is_that_of_steps_and_what_is_left_is_all(tmp_path, monkeypatch):
    clock = iter([0.0, 100.0])
    monkeypatch.setattr("halokeras.training.display.time.monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), width=120)
    progress, _ = resumed(tmp_path, console)
    progress.enter(progress.stage)
    display = TrainingDisplay(console)
    display.begin_stage(progress)
    progress.step, progress.losses, progress.seconds_of_steps = 15, {"wasserstein": 1.0}, 8.0
    display.after_step(progress)
    assert "step 15 of 30, 0.50 steps/s, 5 min left in this stage" in console.file.getvalue()
