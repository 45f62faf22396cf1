import time

import pytest

from halokeras.benchmark.timing import interleave


def test_tasks_take_turns_after_one_run_that_is_not_timed():
    order = []
    found = interleave({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3
    assert {name: len(runs) for name, runs in found.items()} == {"a": 2, "b": 2}


def test_seconds_are_those_of_the_task():
    (seconds,) = interleave({"sleep": lambda: time.sleep(0.05)}, 1)["sleep"]
    assert seconds == pytest.approx(0.05, rel=0.5)
