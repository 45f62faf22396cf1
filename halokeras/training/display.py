"""What a run looks like in the terminal while it trains."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from halokeras.readable import duration
from halokeras.training.callback import Callback, Progress
from halokeras.training.curves import LOSSES
from halokeras.training.history import Row, best_row

_TREND = 32
"""Greatest number of values that a trend shows."""
_STOPPING = "stopping once this step is done and saved; Ctrl-C again stops at once, unsaved"


class TrainingDisplay(Callback):
    """A live panel on a terminal; elsewhere one plain line for each logged step.

    Used as a context manager around `train` or `resume`, and as one of their callbacks.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=2, transient=False)
        self._stage_began = 0, 0.0
        self._shown: RenderableType = ""
        self._stopping = False

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def preparing(self, what: str) -> None:
        """Show what is being prepared."""
        if self._console.is_terminal:
            self._show(Text(f"{what} ...", style="bold"), at_once=True)
        else:
            self._console.print(what, soft_wrap=True)

    def planned(self, what: str) -> None:
        """Print what the training will need, to stay."""
        self._console.print(what, soft_wrap=True, highlight=False)

    def begin(self, progress: Progress) -> None:
        """Show what was found amiss, and how the painter did when the run was left."""
        for warning in progress.warnings:
            self._console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
        if not self._console.is_terminal and (table := _validation_table(progress.rows)):
            self._console.print(table)

    def begin_stage(self, progress: Progress) -> None:
        """Show a stage whose first step is being compiled."""
        self._stage_began = progress.step, time.monotonic()
        self._report(progress, at_once=True)

    def after_step(self, progress: Progress) -> None:
        """Show where the run is, if the step is logged."""
        if not progress.is_logged:
            return
        self._report(progress)
        table = _validation_table(progress.rows)
        if progress.validation is not None and table and not self._console.is_terminal:
            self._console.print(table)

    def interrupted(self) -> None:
        """Say that the run is about to stop."""
        self._stopping = True
        if self._console.is_terminal:
            self._show(self._shown, at_once=True)
        else:
            self._console.print(_STOPPING)

    def _report(self, progress: Progress, at_once: bool = False) -> None:
        headline = self._headline(progress)
        if self._console.is_terminal:
            self._show(_panel(headline, progress), at_once)
            return
        losses = "  ".join(f"{name} {value:.4g}" for name, value in progress.losses.items())
        self._console.print(f"{headline}  {losses}", soft_wrap=True)

    def _headline(self, progress: Progress) -> str:
        first, since = self._stage_began
        line = f"{progress.stage.name}: step {progress.step} of {progress.total}"
        if progress.step == first:
            return f"{line}, compiling"
        if progress.rate is not None:
            line += f", {progress.rate:.2f} steps/s"
        # validation and checkpoints between the steps are part of what is left
        left = (progress.stage.stop - progress.step) * (time.monotonic() - since)
        return f"{line}, {duration(left / (progress.step - first))} left in this stage"

    def _show(self, what: RenderableType, at_once: bool = False) -> None:
        self._shown = what
        told = (_STOPPING, "yellow") if self._stopping else ("Ctrl-C saves and stops", "dim")
        self._live.update(Group(what, Text(*told)), refresh=at_once)


def _panel(headline: str, progress: Progress) -> RenderableType:
    whole = Table.grid(padding=(0, 1))
    elapsed = progress.rows[-1].seconds if progress.rows else 0.0
    whole.add_row(
        ProgressBar(progress.total, progress.step, width=40),
        f"{progress.step / progress.total:.0%} of the run, {duration(elapsed)} so far",
    )
    losses = _loss_table(progress.rows, progress.stage.name)
    parts: list[RenderableType] = [Text(headline, style="bold"), whole, losses]
    if table := _validation_table(progress.rows):
        parts.append(table)
    return Group(*parts)


def _loss_table(rows: Sequence[Row], stage: str) -> RenderableType:
    """List the losses of a stage: the newest of each, and how they went in it."""
    table = Table("", "", "", show_header=False, box=None)
    logged = [row.losses for row in rows if row.stage == stage]
    for name, label in LOSSES.items():
        values = [losses[name] for losses in logged if name in losses]
        if values:
            table.add_row(label, f"{values[-1]:.5g}", trend(values))
    return table


def _validation_table(rows: Sequence[Row]) -> RenderableType | None:
    """Tell of the newest validation and of the best one; None before the first."""
    validation = next((row.validated for row in reversed(rows) if row.validated), None)
    if validation is None:
        return None
    title = f"held-out boxes: mean {validation.mean_ratio:.4f}, score {validation.score:.4f}"
    best = best_row(rows)
    if best is not None and best.validated is not None:
        title += f", best {best.validated.score:.4f} at step {best.step}"
    table = Table(box=None, padding=(0, 1, 0, 0))  # ten bins fit 80 columns
    table.add_column(Text("k [h/Mpc]"))  # no markup
    for k in validation.k:
        table.add_column(f"{k:.2f}", justify="right")
    table.add_row("T", *(f"{value:.3f}" for value in validation.transfer_function))
    table.add_row("r", *(f"{value:.3f}" for value in validation.cross_correlation))
    return Group(Text(title), table)


def trend(values: Sequence[float]) -> str:
    """Draw the newest values as bars of eight heights, from their least to their greatest."""
    shown = values[-_TREND:]
    low, high = min(shown), max(shown)
    width = (high - low) or 1.0
    return "".join("▁▂▃▄▅▆▇█"[round(7 * (value - low) / width)] for value in shown)
