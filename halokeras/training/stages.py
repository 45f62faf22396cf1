"""The stages of a run, as its params tell them; light, for those who only look at a run."""

from dataclasses import dataclass

from halokeras.params import Params


@dataclass(frozen=True)
class Stage:
    """Steps `start` to `stop` of a run, all of one kind."""

    name: str
    start: int
    stop: int


def stages(params: Params) -> list[Stage]:
    """List the stages of a run in order, without the empty ones."""
    training = params.training
    lengths = {
        "warm start": training.warm_start.steps,
        "critic warm-up": training.critic_warm_steps if training.steps else 0,
        "adversarial": training.steps,
    }
    found, start = [], 0
    for name, length in lengths.items():
        if length:
            found.append(Stage(name, start, start + length))
        start += length
    return found
