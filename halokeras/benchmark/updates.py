"""One weight update of the published networks, and whether all contenders compute the same."""

import importlib.util

import numpy as np

from halokeras.benchmark.crew import Build, Crew
from halokeras.benchmark.problem import Contender, Fields, Problem
from halokeras.environment import load_tensorflow

OURS = "halopaint"
STOCK = "stock Keras Conv3D"

TOLERANCE = 1e-4
"""Largest norm of the difference of a layer's gradient from ours, relative to the gradient's."""
_NO_GRADIENT = 1e-3
"""Norm below which a gradient is zero: that of the critic's last bias is, but for rounding."""
_RESULTS = ("values", "critic_gradients", "painter_gradients")


def contenders(with_torch: bool = True) -> dict[str, Build]:
    """Return how every implementation that is installed is made, ours first."""
    found: dict[str, Build] = {OURS: _ours, STOCK: _stock}
    if with_torch and importlib.util.find_spec("torch") is not None:
        found |= {"PyTorch": _torch, "PyTorch, channels last": _torch_channels_last}
    return found


def differences(crew: Crew) -> dict[str, dict[str, float]]:
    """Compare everyone's painted field and gradients with ours, before any update.

    Returns
    -------
    dict
        For each but ours the norm of the difference in the painted ``values``, relative to
        theirs, and the largest such of a layer in the ``critic_gradients`` and
        ``painter_gradients``. A time means nothing where one is above `TOLERANCE`.
    """
    expected = _results(crew, OURS)
    found = {}
    for name in [name for name in crew.workers if name != OURS]:
        results = _results(crew, name)
        if name in crew.workers:
            found[name] = {
                what: max(_difference(*pair) for pair in zip(values, expected[what], strict=True))
                for what, values in results.items()
            }
    return found


def time_updates(crew: Crew, repeats: int) -> dict[str, list[float]]:
    """Time one weight update of everyone, in turn."""
    return {name: runs for (name, _), runs in crew.take_turns(["update"], repeats).items()}


def time_painting(crew: Crew, repeats: int) -> dict[str, float]:
    """Paint a box of 128^3 voxels with everyone's published painter, in turn.

    Returns
    -------
    dict
        Seconds: ours as `paint` does it, the others' the better of one pass over the whole box
        and of our tiles.
    """
    found: dict[str, float] = {}
    for (name, _), runs in crew.take_turns(["paint_tiles", "paint_whole"], repeats).items():
        found[name] = min(float(np.median(runs)), found.get(name, np.inf))
    return found


def _results(crew: Crew, name: str) -> dict[str, list[Fields]]:
    answers = {what: crew.ask(name, what) for what in _RESULTS}
    return {what: answer[1] for what, answer in answers.items() if answer is not None}


def _difference(found: Fields, expected: Fields) -> float:
    size = float(np.linalg.norm(expected))
    return float(np.linalg.norm(found - expected)) / max(size, _NO_GRADIENT)


def _ours(problem: Problem) -> Contender:
    load_tensorflow()
    from halokeras.benchmark.ours import OurContender

    return OurContender(problem)


def _stock(problem: Problem) -> Contender:
    load_tensorflow()
    from halokeras.benchmark.stock import StockContender

    return StockContender(problem)


def _torch(problem: Problem) -> Contender:
    from halokeras.benchmark.pytorch import TorchContender

    return TorchContender(problem, channels_last=False)


def _torch_channels_last(problem: Problem) -> Contender:
    from halokeras.benchmark.pytorch import TorchContender

    return TorchContender(problem, channels_last=True)
