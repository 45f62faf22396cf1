"""Figures of how runs went: losses, and how the painter did on held-out boxes.

Colours after Okabe and Ito; curves of one quantity at many steps go from dark to light.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from halokeras.storage.figure_file import save_figure
from halokeras.training.allowance import Allowance
from halokeras.training.callback import Callback, Progress
from halokeras.training.history import Row, best_row
from halokeras.training.schedule import WARM_START

LOSSES = {
    "painter_loss": "painter loss",
    "critic_loss": "critic loss",
    "wasserstein": "Wasserstein distance",
    "penalty": "gradient penalty",
}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "black")
_STYLES = ("-", "--", "-.", ":")
_MOST_SPECTRA = 12
"""Greatest number of steps of a run whose T and r are shown."""

Draw = Callable[[Axes], None]


class Curves(Callback):
    """Draws the curves of a run into its folder."""

    def __init__(self) -> None:
        self._allowance = Allowance()

    def at_checkpoint(self, progress: Progress) -> None:
        """Draw, if that leaves the training nearly all of the time."""
        self._allowance.spend_on(lambda: self.end(progress))

    def end(self, progress: Progress) -> None:
        """Draw."""
        draw_run(progress.rows, progress.folder.name, progress.folder)


def draw_run(rows: Sequence[Row], name: str, folder: Path) -> list[Path]:
    """Draw curves.png and curves.svg of a run's history into `folder`.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    figure = _panels(_of_one_run(rows))
    figure.suptitle(name, fontsize=11)
    targets = [folder / "curves.png", folder / "curves.svg"]
    for target in targets:
        save_figure(figure, target)
    return targets


def draw_comparison(
    histories: Mapping[str, Sequence[Row]], target: Path, overwrite: bool = True
) -> None:
    """Draw the curves of several runs, by name, on one another.

    Raises
    ------
    OutputError
        If `target` cannot be written, or is there, is another figure and `overwrite` is false.
    """
    save_figure(_panels(_of_many_runs(histories)), target, overwrite)


def _panels(draws: Sequence[Draw]) -> Figure:
    lines = max(1, -(-len(draws) // 2))
    figure = Figure(figsize=(10, 0.4 + 3 * lines), layout="constrained")
    grid = figure.subplots(lines, 2, squeeze=False).ravel()
    for axes, draw in zip(grid, draws, strict=False):
        draw(axes)
    for axes in grid[len(draws) :]:
        axes.set_axis_off()
    if not draws:
        figure.text(0.5, 0.5, "nothing is logged yet", ha="center")
    return figure


def _of_one_run(rows: Sequence[Row]) -> list[Draw]:
    warm = [row for row in rows if row.stage == WARM_START and row.losses]
    judged = [row for row in rows if row.stage != WARM_START and row.losses]
    validated = [row for row in rows if row.validated is not None]
    draws: list[Draw] = []
    if warm:
        draws.append(lambda axes: _losses(axes, warm, "Poisson likelihood, warm start"))
    if judged:
        draws.append(lambda axes: _losses(axes, judged, "losses, critic and painter"))
    if validated:
        draws += [
            lambda axes: _score(axes, {"": rows}),
            lambda axes: _mean(axes, rows),
            lambda axes: _evolution(axes, validated, "transfer_function", "$T(k)$"),
            lambda axes: _evolution(axes, validated, "cross_correlation", "$r(k)$"),
        ]
    return draws


def _of_many_runs(histories: Mapping[str, Sequence[Row]]) -> list[Draw]:
    draws: list[Draw] = []
    if any(row.validated for rows in histories.values() for row in rows):
        draws.append(lambda axes: _score(axes, histories))
    if any("wasserstein" in row.losses for rows in histories.values() for row in rows):
        draws.append(lambda axes: _distance(axes, histories))
    best = {name: row for name, rows in histories.items() if (row := best_row(rows)) is not None}
    if best:
        draws += [
            lambda axes: _best(axes, histories, "transfer_function", "$T(k)$ of the best"),
            lambda axes: _best(axes, histories, "cross_correlation", "$r(k)$ of the best"),
        ]
    return draws


def _losses(axes: Axes, rows: Sequence[Row], label: str) -> None:
    names = [name for name in LOSSES if any(name in row.losses for row in rows)]
    for name in names:
        logged = [row for row in rows if name in row.losses]
        colour = _COLOURS[list(LOSSES).index(name)]
        steps = [row.step for row in logged]
        values = [row.losses[name] for row in logged]
        axes.plot(steps, values, color=colour, lw=1.2, label=LOSSES[name])
    axes.set_ylabel(label)
    # above the axes: four curves leave no room among them
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, fontsize=8, frameon=False)
    _stage_ends(axes, rows)
    _steps(axes)


def _stage_ends(axes: Axes, rows: Sequence[Row]) -> None:
    """Mark where one stage of a run ends and the next begins."""
    for before, after in pairwise(rows):
        if before.stage != after.stage:
            axes.axvline(before.step, color="0.6", lw=0.8, ls=":", zorder=0)


def _score(axes: Axes, histories: Mapping[str, Sequence[Row]]) -> None:
    for number, (name, rows) in enumerate(histories.items()):
        scores = {row.step: row.validated.score for row in rows if row.validated is not None}
        colour, style = _look(number)
        axes.plot(list(scores), list(scores.values()), style, color=colour, marker=".", label=name)
        best = best_row(rows)
        if best is not None and best.validated is not None:
            told = f"best: {best.validated.score:.4f} at step {best.step}"
            label = f"{name} {told}".strip() if len(histories) == 1 else None
            axes.plot(best.step, best.validated.score, "*", color=colour, ms=12, label=label)
    axes.set_yscale("log")
    _label_in_full(axes)
    axes.set_ylabel("held-out score, 0 is perfect")
    if len(histories) == 1:
        _stage_ends(axes, *histories.values())
    _legend(axes)
    _steps(axes)


def _mean(axes: Axes, rows: Sequence[Row]) -> None:
    means = {row.step: row.validated.mean_ratio for row in rows if row.validated is not None}
    axes.axhline(1, color="black", lw=0.8)
    axes.plot(list(means), list(means.values()), ".-", color=_COLOURS[0])
    axes.set_ylabel("painted halos / reference halos")
    axes.ticklabel_format(axis="y", useOffset=False)
    _stage_ends(axes, rows)
    _steps(axes)


def _distance(axes: Axes, histories: Mapping[str, Sequence[Row]]) -> None:
    for number, (name, rows) in enumerate(histories.items()):
        logged = [row for row in rows if "wasserstein" in row.losses]
        steps = [row.step for row in logged]
        distances = [row.losses["wasserstein"] for row in logged]
        colour, style = _look(number)
        axes.plot(steps, distances, style, color=colour, lw=1.2, label=name)
    axes.set_ylabel("Wasserstein distance")
    _legend(axes)
    _steps(axes)


def _evolution(axes: Axes, rows: Sequence[Row], attribute: str, label: str) -> None:
    rows = [row for row in rows if row.validated is not None and row.validated.transfer_function]
    chosen = rows[:: max(1, -(-len(rows) // _MOST_SPECTRA))]
    if rows and chosen[-1] is not rows[-1]:
        chosen.append(rows[-1])
    if not chosen:
        return
    scale = Normalize(chosen[0].step, max(chosen[-1].step, chosen[0].step + 1))
    colours = mpl.colormaps["viridis_r"]
    for row in chosen:
        _spectrum(axes, row, attribute, color=colours(scale(row.step)), lw=1.2)
    axes.figure.colorbar(ScalarMappable(scale, colours), ax=axes, label="step", pad=0.01)
    _of_k(axes, label, chosen[-1])


def _best(axes: Axes, histories: Mapping[str, Sequence[Row]], attribute: str, label: str) -> None:
    row = None
    for number, (name, rows) in enumerate(histories.items()):
        best = best_row(rows)
        if best is not None:
            row = best
            colour, style = _look(number)
            told = f"{name}, step {best.step}"
            _spectrum(axes, best, attribute, color=colour, ls=style, marker=".", label=told)
    if row is not None:
        _of_k(axes, label, row)
    _legend(axes)


def _spectrum(axes: Axes, row: Row, attribute: str, **look: object) -> None:
    assert row.validated is not None
    values = getattr(row.validated, attribute)
    k = row.validated.k or range(1, len(values) + 1)
    axes.plot(k, values, **look)  # type: ignore[arg-type]


def _of_k(axes: Axes, label: str, row: Row) -> None:
    axes.axhline(1, color="black", lw=0.8)
    known = row.validated is not None and row.validated.k
    axes.set_xlabel(r"$k$ [h/Mpc]" if known else "bin of k, from large scales to small")
    axes.set_ylabel(label)


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8, framealpha=0.8, edgecolor="none")  # over curves, where it must be


def _look(number: int) -> tuple[str, str]:
    """Return a colour and a style: where curves coincide, a dashed one shows what is below."""
    return _COLOURS[number % len(_COLOURS)], _STYLES[number % len(_STYLES)]


def _steps(axes: Axes) -> None:
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def _label_in_full(axes: Axes) -> None:
    """Label a logarithmic axis 0.2, 0.5, 1, 2, ..."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
