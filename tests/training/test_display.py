import io

import numpy as np
from rich.console import Console

from halokeras.training.display import TrainingDisplay, trend
from halokeras.training.history import Row, Validated
from halokeras.training.run import Progress
from halokeras.training.stages import Stage
from halokeras.training.validation import Validation


def shown(terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    one = np.array([1.0])
    stage = Stage("adversarial", 10, 30)
    with TrainingDisplay(console) as display:
        display.report(Progress(stage, 10, 30))
        losses = {"wasserstein": 0.25}
        rows = [
            Row(15, "adversarial", 60.0, {"wasserstein": 0.5}, Validated(0.1, 1.0, (), (), ())),
            Row(20, "adversarial", 125.0, losses),
        ]
        validation = Validation(one, 0.98 * one, one, 1.01, 0.2)
        display.report(Progress(stage, 20, 30, losses, validation, rows))
    return console.file.getvalue()


def test_a_log_file_gets_plain_lines():
    text = shown(terminal=False)
    assert "adversarial: step 10 of 30, compiling" in text
    assert "wasserstein 0.25" in text
    assert "mean 1.0100" in text
    assert "\x1b" not in text


def test_a_terminal_gets_stage_losses_and_validation():
    text = shown(terminal=True)
    for told in (
        "adversarial: step 20 of 30",
        "67% of the run, 2 min so far",
        "Wasserstein distance  0.25  █▁",
        "k [h/Mpc]",
        "0.980",
        "best 0.1000 at step 15",
        "Ctrl-C",
    ):
        assert told in text


def test_a_trend_goes_from_the_least_to_the_greatest_of_the_newest_values():
    assert trend([0.0, 1.0, 7.0]) == "▁▂█"
    assert trend([5.0]) == "▁"
    assert trend([9.0, *([1.0] * 31), 2.0]) == "▁" * 31 + "█"
