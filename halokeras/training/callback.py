"""What goes on beside the updates of a training: whoever wants to, calls back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from halokeras.training.schedule import Span

if TYPE_CHECKING:  # validation imports TensorFlow, which those who only look at a run do without
    from halokeras.training.history import Row
    from halokeras.training.validation import Validation


@dataclass
class Progress:
    """Where a training is; one object for all of it, which the loop keeps up to date.

    Attributes
    ----------
    folder
        Folder of the run.
    stage
        Span of the stage that is trained, or will be.
    step, total
        Steps that are done, and those of the whole run.
    losses
        Losses by name, where this step is logged.
    validation
        How the painter did on held-out boxes after this step, if it was asked.
    rows
        History so far; its last row is this step's where `is_logged`.
    warnings
        What was found amiss as the run was taken up, a sentence each.
    is_cut
        Whether the training ends within a step, which is then not to be saved.
    entered
        Step at which this stage was taken up.
    seconds_of_steps
        Seconds that its steps took since then, without what callbacks do, such as validation and
        checkpoints, and without the first, which compiles.
    started
        When the training would have begun had it never stopped, by `time.monotonic`.
    """

    folder: Path
    stage: Span
    step: int
    total: int
    losses: dict[str, float] = field(default_factory=dict)
    validation: "Validation | None" = None
    rows: "Sequence[Row]" = ()
    warnings: tuple[str, ...] = ()
    is_cut: bool = False
    entered: int = 0
    seconds_of_steps: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, over all times that the run went on."""
        return time.monotonic() - self.started

    @property
    def rate(self) -> float | None:
        """Steps in a second of steps; None before the second of this stage."""
        timed = self.step - self.entered - 1
        return timed / max(self.seconds_of_steps, 1e-9) if timed > 0 else None

    @property
    def is_logged(self) -> bool:
        """Whether this step has a row in the history."""
        return bool(self.losses) or self.validation is not None

    def enter(self, stage: Span) -> None:
        """Go on with a stage."""
        self.stage, self.losses, self.validation = stage, {}, None
        self.entered, self.seconds_of_steps = self.step, 0.0

    def advance(self) -> None:
        """Count a step, of which nothing is known yet."""
        self.step, self.losses, self.validation = self.step + 1, {}, None

    def took(self, seconds: float) -> None:
        """Take note of what the last step took."""
        if self.step > self.entered + 1:
            self.seconds_of_steps += seconds

    def is_due(self, every: int) -> bool:
        """Whether what is done `every` so many steps, and as a stage ends, is done at this one."""
        return self.step == self.stage.stop or self.step % every == 0


class Callback:
    """Looks on while a painter is trained, and does what is not an update: nothing, by itself.

    A training calls, of all its callbacks in the order of their list,

    1. `preparing`, while it reads boxes and builds networks, and between the two `planned`,
    2. `begin`, once, with the step where the run starts or goes on,
    3. `begin_stage`, before the first step of each stage,
    4. `after_step`, after each step,
    5. `at_checkpoint`, after each step at which the state is saved, when all have had
       `after_step`,
    6. `end`, once, when the last step is done, or Ctrl-C or SIGTERM were answered; not after an
       error.

    The order of the list counts. `halokeras.training.run` makes it:

    - the validation, which fills in `Progress.validation` and saves the painter that is kept,
    - the history, which writes down both losses and validation and fills in `Progress.rows`,
    - TensorBoard, and what the caller gives, such as a display, which show those rows,
    - the checkpoints: what belongs to a step (its row, the frame of a movie) is on the disk
      before the checkpoint that would go on after it,
    - the movie and the curves, which may take long or fail, when all else is safe.

    Only the chief of several workers has callbacks. None may change what the updates see.
    """

    def preparing(self, what: str) -> None:
        """Take note of what is being prepared, before there is a step to speak of."""

    def planned(self, what: str) -> None:
        """Take note of what the training will need, now that its boxes are read."""

    def begin(self, progress: Progress) -> None:
        """Take up what is kept of the run up to this step, and forget what goes beyond it."""

    def begin_stage(self, progress: Progress) -> None:
        """Take note of a stage that begins or goes on; its first step is compiled next."""

    def after_step(self, progress: Progress) -> None:
        """Do what belongs to a step."""

    def at_checkpoint(self, progress: Progress) -> None:
        """Have the disk hold what a run that is killed after this step goes on from."""

    def interrupted(self) -> None:
        """Acknowledge Ctrl-C or SIGTERM, at once and from another thread, while a step goes on."""

    def end(self, progress: Progress) -> None:
        """Leave everything as a run leaves it that goes no further."""
