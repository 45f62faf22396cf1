from types import SimpleNamespace

import pytest

from halokeras.training.callback import Callback, Progress
from halokeras.training.loop import train_stages
from halokeras.training.schedule import Span


class Clock:
    """Time that goes by only where it is said."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("halokeras.training.loop.time", clock)
    return clock


def test_the_rate_of_steps_leaves_out_callbacks_and_what_compiles(tmp_path, clock):
    def update(crops):
        clock.now += 50.0 if crops == 0 else 2.0
        return {"painter_loss": 1.0}

    class Validates(Callback):
        def after_step(self, progress):
            clock.now += 1000.0

        def at_checkpoint(self, progress):
            clock.now += 1000.0

    stage = SimpleNamespace(
        span=Span("warm start", 0, 6), update=update, crops=range, set_rates=lambda step: None
    )
    devices = SimpleNamespace(
        compiled=lambda update: update,
        batches=lambda crops: range(6),
        mean=lambda logs: logs,
        any=lambda asked: asked,
        workers=1,
    )
    progress = Progress(tmp_path, stage.span, 0, 6)
    run = SimpleNamespace(checkpoint_every=2, log_every=3)
    train_stages([stage], progress, run, devices, [Validates()])
    assert progress.step == 6
    assert progress.rate == 0.5
    progress.enter(stage.span)
    assert progress.rate is None
