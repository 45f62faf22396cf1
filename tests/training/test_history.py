import numpy as np
import pytest

from halokeras.errors import RunError
from halokeras.training.history import History, best_row, read_history


class Validation:
    """What `halokeras.training.validation.Validation` holds, without TensorFlow."""

    def __init__(self, score):
        self.k = np.array([0.05, 0.1])
        self.transfer_function = np.array([0.98, 1.02])
        self.cross_correlation = np.array([0.99, 0.95])
        self.mean_ratio, self.score = 1.01, score


@pytest.fixture
def history(tmp_path):
    history = History(tmp_path / "history.csv")
    history.forget_after(0)
    history.write(10, "warm start", 1.25, {"painter_loss": 0.5}, None)
    history.write(20, "adversarial", 3.0, {"wasserstein": 2.0, "penalty": 0.1}, Validation(0.2))
    history.write(30, "adversarial", 5.0, {}, Validation(0.3))
    history.write(40, "adversarial", 6.0, {}, Validation(float("inf")))
    return history


def test_what_is_written_is_read(history):
    rows = read_history(history.path)
    assert [row.step for row in rows] == [10, 20, 30, 40]
    assert rows[0].losses == {"painter_loss": 0.5} and rows[0].validated is None
    assert rows[1].losses == {"wasserstein": 2.0, "penalty": 0.1}
    assert rows[1].validated.k == (0.05, 0.1)
    assert rows[1].validated.transfer_function == (0.98, 1.02)
    assert History(history.path).seconds == 6.0


def test_the_best_row_is_that_of_the_least_finite_score(history):
    assert best_row(read_history(history.path)).step == 20
    assert best_row(read_history(history.path)[:1]) is None


def test_writing_rows_again_changes_no_byte(history):
    before = history.path.read_bytes()
    History(history.path).forget_after(40)
    assert history.path.read_bytes() == before


@pytest.mark.parametrize("kept", range(1, 60, 7))
def test_a_row_that_a_killed_run_cut_is_left_out(history, kept):
    whole = history.path.read_bytes()
    start = whole.index(b"20,adversarial")
    history.path.write_bytes(whole[: start + kept])
    assert [row.step for row in read_history(history.path)] == [10]


def test_a_history_of_before_k_was_logged_is_read(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(
        "step,stage,seconds,painter_loss,critic_loss,wasserstein,penalty,score,mean_ratio,"
        "transfer_function,cross_correlation\n5,adversarial,1.0,,,,,0.4,1.0,0.9 0.8,1.0 0.7\n"
    )
    (row,) = read_history(path)
    assert row.validated.k == () and row.validated.cross_correlation == (1.0, 0.7)


def test_none_is_empty_and_one_that_cannot_be_read_is_told(tmp_path):
    assert read_history(tmp_path / "history.csv") == []
    (tmp_path / "history.csv").write_bytes(b"\xff\xfe\x00\n\xff")
    assert read_history(tmp_path / "history.csv") == []
    with pytest.raises(RunError, match="cannot be read"):
        read_history(tmp_path)
