"""Which stages a run goes through and at which steps; light, for those who only look at a run."""

from dataclasses import dataclass

from halokeras.params import Params

WARM_START, CRITIC_WARM_UP, ADVERSARIAL = "warm start", "critic warm-up", "adversarial"


@dataclass(frozen=True)
class Span:
    """When a stage is trained.

    Attributes
    ----------
    name
        Name of the stage, in the history and on the screen.
    start, stop
        Steps of the run before the stage, and with it.
    moves_painter
        Whether the painter changes meanwhile.
    """

    name: str
    start: int
    stop: int
    moves_painter: bool = True


def schedule(params: Params) -> list[Span]:
    """List the spans of a run in order, without the empty ones."""
    training = params.training
    lengths = {
        WARM_START: training.warm_start.steps,
        CRITIC_WARM_UP: training.critic_warm_steps if training.steps else 0,
        ADVERSARIAL: training.steps,
    }
    found, start = [], 0
    for name, length in lengths.items():
        if length:
            found.append(Span(name, start, start + length, name != CRITIC_WARM_UP))
        start += length
    return found
