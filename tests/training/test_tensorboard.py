import pytest

from halokeras.errors import RunError
from halokeras.training import tensorboard
from halokeras.training.callback import Progress
from halokeras.training.history import Row, Validated
from halokeras.training.schedule import Span


def test_tensorboard_reads_every_row(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    validated = Validated(0.25, 1.5, (0.1,), (0.75,), (0.5,))
    board = tensorboard.Board(tmp_path / "board")
    rows = [Row(5, "adversarial", 1.0, {"penalty": 2.0})]
    progress = Progress(tmp_path, Span("adversarial", 0, 9), 5, 9, rows=rows)
    board.begin(progress)
    for _ in range(3):
        progress.advance()
        board.after_step(progress)  # which is not logged
    progress.advance()
    progress.losses = {"penalty": 4.0}
    rows.append(Row(9, "adversarial", 2.0, progress.losses, validated))
    board.after_step(progress)
    board.end(progress)
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
        tensorboard.Board(tmp_path / "board")
    assert not (tmp_path / "board").exists()
