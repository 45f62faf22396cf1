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
from halokeras.training.curves import LOSSES
from halokeras.training.history import Row, best_row
from halokeras.training.run import Progress
from halokeras.training.validation import Validation

_TREND = 32
"""Values that a trend shows, at most."""


class TrainingDisplay:
    """A live panel on a terminal; elsewhere one plain line for each report.

    Used as a context manager around `train` or `resume`, with `report` as their callback.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=2, transient=False)
        self._validation: Validation | None = None
        self._first: tuple[str, int, float] | None = None

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

    def report(self, progress: Progress) -> None:
        """Show where the run is."""
        self._validation = progress.validation or self._validation
        if self._first is None or self._first[0] != progress.stage.name:
            self._first = (progress.stage.name, progress.step, time.monotonic())
        for warning in progress.warnings:
            self._console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
        headline = self._headline(progress)
        if self._console.is_terminal:
            self._live.update(self._panel(headline, progress))
            return
        losses = "  ".join(f"{name} {value:.4g}" for name, value in progress.losses.items())
        self._console.print(f"{headline}  {losses}", soft_wrap=True)
        if progress.validation is not None:
            self._console.print(_validation_table(progress.validation, progress.rows))

    def _headline(self, progress: Progress) -> str:
        assert self._first is not None
        _, first, since = self._first
        rate = (progress.step - first) / max(time.monotonic() - since, 1e-9)
        line = f"{progress.stage.name}: step {progress.step} of {progress.total}"
        if rate == 0:
            return f"{line}, compiling"
        left = (progress.stage.stop - progress.step) / rate
        return f"{line}, {rate:.2f} steps/s, {duration(left)} left in this stage"

    def _panel(self, headline: str, progress: Progress) -> RenderableType:
        whole = Table.grid(padding=(0, 1))
        elapsed = progress.rows[-1].seconds if progress.rows else 0.0
        whole.add_row(
            ProgressBar(progress.total, progress.step, width=40),
            f"{progress.step / progress.total:.0%} of the run, {duration(elapsed)} so far",
        )
        parts: list[RenderableType] = [
            Text(headline, style="bold"),
            whole,
            _loss_table(progress.rows, progress.stage.name),
        ]
        if self._validation is not None:
            parts.append(_validation_table(self._validation, progress.rows))
        parts.append(Text("Ctrl-C saves and stops", style="dim"))
        return Group(*parts)


def _loss_table(rows: Sequence[Row], stage: str) -> RenderableType:
    """List the losses of a stage: the newest of each, and how they went in it."""
    table = Table("", "", "", show_header=False, box=None)
    held = [row.losses for row in rows if row.stage == stage]
    for name, label in LOSSES.items():
        values = [losses[name] for losses in held if name in losses]
        if values:
            table.add_row(label, f"{values[-1]:.5g}", trend(values))
    return table


def _validation_table(validation: Validation, rows: Sequence[Row]) -> RenderableType:
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
