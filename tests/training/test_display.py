import io

import numpy as np
from rich.console import Console

from halokeras.training.display import TrainingDisplay
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
        display.report(Progress(stage, 20, 30, losses, Validation(one, 0.98 * one, one, 1.01, 0.2)))
    return console.file.getvalue()


def test_a_log_file_gets_plain_lines():
    text = shown(terminal=False)
    assert "adversarial: step 10 of 30, compiling" in text
    assert "wasserstein 0.25" in text
    assert "mean 1.0100" in text
    assert "\x1b" not in text


def test_a_terminal_gets_stage_losses_and_validation():
    text = shown(terminal=True)
    for told in ("adversarial: step 20 of 30", "Wasserstein distance", "0.980", "Ctrl-C"):
        assert told in text
