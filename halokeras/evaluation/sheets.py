"""A scorecard's tables as plain words, for a terminal and for a page alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from halokeras.evaluation.names import DENSITY, HALOS, beside, shown
from halokeras.evaluation.scorecard import Scorecard
from halokeras.evaluation.verdict import SIGMAS, Line, Verdict, average
from halokeras.evaluation.words import measured
from halokeras.statistics.statistic import DRAWS, FIELD, Array, Statistic

_RATIOS = "the halos' own, and what it is over theirs"


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and the verdict on it if there is one."""

    text: str
    verdict: Verdict | None = None

    def __str__(self) -> str:
        return self.text if self.verdict is None else f"{self.text} {self.verdict}"


@dataclass(frozen=True)
class Sheet:
    """One table.

    Attributes
    ----------
    words
        Number of columns, the first ones, that are words and stand on the left; the others are
        numbers.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 0
    caption: str | None = None


def target_sheets(card: Scorecard) -> list[Sheet]:
    """Return every target at its worst with the verdicts: fields beside fields, draws by draws."""
    sheets = []
    for leader in (FIELD, DRAWS):
        names = beside(leader, list(card.comparisons))
        lines = [line for line in card.lines if leader in line.verdict]
        if leader not in card.comparisons or not lines:
            continue
        rows = (
            (Cell(line.statistic), Cell(line.target), *(worst_cell(line, name) for name in names))
            for line in lines
        )
        sheets.append(
            Sheet(
                title=f"Targets of {leader if leader == DRAWS else 'fields'}: worst deviation from "
                "the halos, or least gain of r",
                headings=("statistic", "target", *names),
                rows=tuple(rows),
                words=2,
            )
        )
    return [*sheets[:-1], *(replace(one, caption=errors_in_words(card)) for one in sheets[-1:])]


def statistic_sheets(card: Scorecard) -> list[Sheet]:
    """Return a table of each statistic along its axis, and one of all single numbers."""
    sheets = [_along_axis(card, one) for one in card.statistics if one.axis and card.at(one).size]
    numbers = any(one.axis is None for one in card.statistics)
    return [*([_numbers(card)] if numbers else []), *sheets]


def errors_in_words(card: Scorecard) -> str:
    """Say what errors are and how they decide."""
    if len(card.boxes) > 1:
        errors = f"errors are standard errors of the mean over {len(card.boxes)} boxes"
    else:
        errors = (
            "errors of the one box are what its modes and halos let expect, a lower limit; "
            "none where that is not known"
        )
    return f"{errors}; met or missed by {SIGMAS:g} of them, else undecided"


def worst_cell(line: Line, name: str) -> Cell:
    """Return how far a contender is from a target at worst, with the verdict."""
    worst, error = line.worst[name], line.error[name]
    if line.is_gain:
        return Cell(measured(worst, error, sign="+"), line.verdict.get(name))
    text = measured(worst, error, scale=100, sign="+")
    return Cell(text if text == "-" else f"{text} %", line.verdict.get(name))


def _along_axis(card: Scorecard, statistic: Statistic) -> Sheet:
    axis = statistic.axis
    assert axis is not None  # single numbers have a sheet of their own
    columns = _columns(card, statistic)
    places, first = card.at(statistic), next(iter(card.comparisons.values()))[0][statistic.name]
    values = [mean for name, (mean, _) in columns.items() if name != HALOS]
    known = [i for i in range(places.size) if any(np.isfinite(mean[i]) for mean in values)]
    return Sheet(
        title=f"{statistic.title}, {_quantity(statistic)}",
        headings=(axis.heading, *columns),
        rows=tuple(
            (
                Cell(axis.words(float(places[i]))),
                *(Cell(measured(mean[i], error[i])) for mean, error in columns.values()),
            )
            for i in known
        ),
        caption=_RATIOS if first.painted is not None else None,
    )


def _numbers(card: Scorecard) -> Sheet:
    numbers = [statistic for statistic in card.statistics if statistic.axis is None]
    names = (HALOS, *card.comparisons)
    rows = []
    for statistic in numbers:
        columns = _columns(card, statistic, list(card.comparisons))
        cells = (measured(*columns[name]) if name in columns else "-" for name in names)
        rows.append((Cell(_quantity(statistic)), *map(Cell, cells)))
    return Sheet("Single numbers", ("", *names), tuple(rows), 1, _RATIOS)


def _columns(
    card: Scorecard, statistic: Statistic, names: Sequence[str] = ()
) -> dict[str, tuple[Array, Array]]:
    """Return means and errors by column: the halos' own, where there are any, and contenders'."""
    names = names or shown(statistic, list(card.comparisons))
    found = {
        name: card.measurements(name, statistic)
        for name in names
        if not (statistic.of_counts and name == DENSITY)
    }
    first = next(iter(found.values()))
    halos = {} if first[0].halos is None else {HALOS: average(first, "halos")}
    return {**halos, **{name: average(some) for name, some in found.items()}}


def _quantity(statistic: Statistic) -> str:
    return f"{statistic.symbol} [{statistic.unit}]" if statistic.unit else statistic.symbol
