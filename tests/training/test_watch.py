"""A run that is watched: the same weights, and what it leaves to look at."""

import pytest
from halokeras.training.watch import Allowance

from halokeras.errors import RunError
from halokeras.training import tensorboard
from halokeras.training.history import Row, Validated


def test_pictures_take_no_more_than_their_share(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("halokeras.training.watch.time.monotonic", lambda: now[0])
    allowance, drawn = Allowance(), []

    def draw():
        drawn.append(now[0])
        now[0] += 3.0

    for _ in range(10_000):
        now[0] += 0.5
        allowance.spend_on(draw)
    assert drawn[0] == 200.0  # two seconds are guessed before the first
    assert 0.005 < 3.0 * len(drawn) / now[0] <= 0.01


def test_tensorboard_reads_every_row(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    held = Validated(0.25, 1.5, (0.1,), (0.75,), (0.5,))
    board = tensorboard.Board(tmp_path / "board", [Row(5, "adversarial", 1.0, {"penalty": 2.0})])
    board.write(Row(9, "adversarial", 2.0, {"penalty": 4.0}, held))
    board.flush()
    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()

    def read(name):
        import tensorflow as tf

        return {e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(name)}

    assert read("losses/penalty") == {5: 2.0, 9: 4.0}
    assert read("validation/score") == {9: 0.25}
    assert read("validation/mean_ratio") == {9: 1.5}
    assert read("transfer_function/k=0.10") == {9: 0.75}
    assert read("cross_correlation/k=0.10") == {9: 0.5}


def test_a_lacking_tensorboard_is_told_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunError, match=r"pip install 'halopaint\[tensorboard\]'"):
        tensorboard.Board(tmp_path / "board", [])
    assert not (tmp_path / "board").exists()
