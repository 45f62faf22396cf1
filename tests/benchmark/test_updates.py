import dataclasses
import os
import signal

import pytest

from halokeras.benchmark.crew import Crew, crew
from halokeras.benchmark.problem import published_problem
from halokeras.benchmark.updates import (
    OURS,
    STOCK,
    TOLERANCE,
    _difference,
    contenders,
    differences,
    time_updates,
)


@pytest.fixture(scope="module")
def problem():
    return published_problem(crop_size=24)


def of_another_penalty(problem):
    training = problem.params.training.model_copy(update={"gradient_penalty": 10.1})
    params = problem.params.model_copy(update={"training": training})
    return contenders()[STOCK](dataclasses.replace(problem, params=params))


def of_a_penalty_at_the_real_crops(problem):
    other = dataclasses.replace(problem, weights=problem.weights * 0 + 1)
    return contenders()[STOCK](other)


class Dying:
    def values(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def update(self):
        raise AssertionError("it died before")


def dying(problem):
    return Dying()


def not_installed(problem):
    raise ModuleNotFoundError("No module named 'numeric'")


@pytest.mark.slow
def test_everyone_computes_the_same_and_who_dies_is_told_in_a_line(problem):
    lines = []
    builds = {
        **contenders(),
        "dying": dying,
        "missing": not_installed,
    }
    with crew(builds, problem, lines.append) as everyone:
        found = differences(everyone)
        times = time_updates(everyone, 2)
    assert sorted(lines) == [
        "dying is left out: its process died (Segmentation fault)",
        "missing is left out: ModuleNotFoundError: No module named 'numeric'",
    ]
    for name in set(contenders()) - {OURS}:
        assert set(found[name]) == {"values", "critic_gradients", "painter_gradients"}
        assert max(found[name].values()) < TOLERANCE
    assert set(times) == set(contenders())
    assert all(len(runs) == 2 and min(runs) > 0 for runs in times.values())


@pytest.mark.slow
def test_the_stock_contender_has_a_gradient_penalty_of_its_own(problem):
    """Ours and stock in this process, which both are of TensorFlow."""
    ours, *others = (
        build(problem).critic_gradients()
        for build in (
            *(contenders()[name] for name in (OURS, STOCK)),
            of_another_penalty,
            of_a_penalty_at_the_real_crops,
        )
    )
    same, another, real_crops = (
        max(_difference(*pair) for pair in zip(found, ours, strict=True)) for found in others
    )
    assert same < TOLERANCE < min(another, real_crops)


def test_turns_are_taken_after_one_run_that_is_not_timed():
    order = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def ask(self, method):
            order.append((self.name, method))
            return float(len(order)), None

    team = Crew({"a": Recorder("a"), "b": Recorder("b")}, pytest.fail)
    found = team.take_turns(["x", "y"], 2)
    assert order == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")] * 3
    assert list(found.values()) == [[5, 9], [6, 10], [7, 11], [8, 12]]
