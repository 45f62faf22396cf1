"""What a run leaves to look at while it trains: curves, and if asked a movie and TensorBoard.

It only reads the run, so the weights are those of a run that nobody watches.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from halokeras.networks.painter import Painter
from halokeras.training.curves import draw_run
from halokeras.training.history import History
from halokeras.training.movie import Movie
from halokeras.training.stages import Stage
from halokeras.training.tensorboard import Board
from halokeras.training.validation import HeldOut

MOVIE, TENSORBOARD = "movie", "tensorboard"
_SHARE = 0.01
"""Of a run's time that pictures may take before its end."""
_FIRST_GUESS = 2.0
"""Seconds that pictures take, before any was drawn."""


class Watch:
    """Draws what is to be seen of a run into its folder.

    A movie and TensorBoard are kept up where their folders are: `train` makes them, and a
    resumed run goes on with what it finds.

    Parameters
    ----------
    folder
        The run's.
    history
        Its rows.
    box
        The held-out box whose slice the movie shows.
    stages
        Of the run.
    """

    def __init__(
        self, folder: Path, history: History, box: HeldOut, stages: Sequence[Stage]
    ) -> None:
        self.folder, self.history = folder, history
        self.movie: Movie | None = None
        if (folder / MOVIE).is_dir():
            self.movie = Movie(folder / MOVIE, folder / "movie.gif", box, stages)
        self.board: Board | None = None
        self._allowance = Allowance()

    def begin(self, step: int, painter: Painter) -> None:
        """Take up what is kept at the step where the run starts or goes on."""
        if (self.folder / TENSORBOARD).is_dir():
            self.board = Board(self.folder / TENSORBOARD, self.history.rows)
        if self.movie is not None:
            self.movie.forget_after(step)
            self.after_step(step, painter)

    def after_step(self, step: int, painter: Painter) -> None:
        """Take a frame, if the movie shows this step."""
        if self.movie is not None and step in self.movie.steps:
            self.movie.take(step, painter)

    def after_row(self) -> None:
        """Tell TensorBoard the newest row."""
        if self.board is not None:
            self.board.write(self.history.rows[-1])

    def after_checkpoint(self) -> None:
        """Draw, if that leaves the training nearly all of the time."""
        if self.board is not None:
            self.board.flush()
        self._allowance.spend_on(self.draw)

    def draw(self) -> None:
        """Draw the curves and the movie as they are now."""
        draw_run(self.history.rows, self.folder.name, self.folder)
        if self.movie is not None:
            self.movie.write()
        if self.board is not None:
            self.board.flush()


class Allowance:
    """Lets something be done only as often as it takes a small share of the time."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._spent, self._expected = 0.0, _FIRST_GUESS

    def spend_on(self, work: Callable[[], None]) -> None:
        """Do `work`, unless it and what was done before would take more than the share."""
        before = time.monotonic()
        if self._spent + self._expected > _SHARE * (before - self._since):
            return
        work()
        self._expected = time.monotonic() - before
        self._spent += self._expected
