"""What a run looks like in the terminal while it trains."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from halokeras.training.run import Progress
from halokeras.training.validation import Validation


class TrainingDisplay:
    """A live panel on a terminal; elsewhere one plain line for each report.

    Used as a context manager around `train` or `resume`, with `report` as their callback.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=2, transient=False)
        self._losses: dict[str, float] = {}
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
        self._losses = progress.losses or self._losses
        self._validation = progress.validation or self._validation
        if self._first is None or self._first[0] != progress.stage.name:
            self._first = (progress.stage.name, progress.step, time.monotonic())
        for warning in progress.warnings:
            self._console.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
        headline = self._headline(progress)
        if self._console.is_terminal:
            self._live.update(self._panel(headline))
            return
        losses = "  ".join(f"{name} {value:.4g}" for name, value in progress.losses.items())
        self._console.print(f"{headline}  {losses}", soft_wrap=True)
        if progress.validation is not None:
            self._console.print(_validation_table(progress.validation))

    def _headline(self, progress: Progress) -> str:
        assert self._first is not None
        _, first, since = self._first
        rate = (progress.step - first) / max(time.monotonic() - since, 1e-9)
        line = f"{progress.stage.name}: step {progress.step} of {progress.total}"
        if rate == 0:
            return f"{line}, compiling"
        left = (progress.stage.stop - progress.step) / rate
        return f"{line}, {rate:.2f} steps/s, {_duration(left)} left in this stage"

    def _panel(self, headline: str) -> RenderableType:
        losses = Table("", "", show_header=False, box=None)
        for name, value in self._losses.items():
            losses.add_row(_LABELS[name], f"{value:.5g}")
        parts: list[RenderableType] = [Text(headline, style="bold"), losses]
        if self._validation is not None:
            parts.append(_validation_table(self._validation))
        parts.append(Text("Ctrl-C saves and stops", style="dim"))
        return Group(*parts)


_LABELS = {
    "painter_loss": "painter loss",
    "critic_loss": "critic loss",
    "wasserstein": "Wasserstein distance",
    "penalty": "gradient penalty",
}


def _validation_table(validation: Validation) -> RenderableType:
    title = f"held-out boxes: mean {validation.mean_ratio:.4f}, score {validation.score:.4f}"
    table = Table(box=None, padding=(0, 1, 0, 0))  # ten bins fit 80 columns
    table.add_column("k [h/Mpc]")
    for k in validation.k:
        table.add_column(f"{k:.2f}", justify="right")
    table.add_row("T", *(f"{value:.3f}" for value in validation.transfer_function))
    table.add_row("r", *(f"{value:.3f}" for value in validation.cross_correlation))
    return Group(Text(title), table)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
