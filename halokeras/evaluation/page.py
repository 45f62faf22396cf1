"""A scorecard as one HTML page that needs nothing else: no network, no other file, no script."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from halokeras.evaluation.curves import NUMBERS, statistic_figures
from halokeras.evaluation.names import MEANINGS
from halokeras.evaluation.scorecard import Scorecard
from halokeras.evaluation.sheets import errors_in_words, statistic_sheets, target_sheets
from halokeras.evaluation.slices import draw_panel, slab_panels
from halokeras.evaluation.words import masses, scientific
from halokeras.fields.slab import Slab
from halokeras.storage.figure_file import new_figure, svg_text

_TEMPLATE = Path(__file__).with_name("page.html.j2")

_NUMBERS = ("Single numbers", "What each number is off from that of the halos, in per cent.")


@dataclass(frozen=True)
class _Drawing:
    """A figure, its title, and what it says in words."""

    title: str
    meaning: str
    svg: Markup


def page(
    card: Scorecard, provenance: Mapping[str, Any], catalogues: Scorecard | None = None
) -> str:
    """Return the page of a scorecard; every string that comes from a file is escaped.

    Parameters
    ----------
    card
        What to show.
    provenance
        As `halokeras.evaluation.provenance.provenance` returns it.
    catalogues
        Scorecard of the catalogues of draws, if there is one.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["scientific"] = scientific
    cards = [card] if catalogues is None else [card, catalogues]
    statistics = [one for shown in cards for one in shown.statistics]
    titles = {one.name: (one.title, one.meaning) for one in statistics} | {NUMBERS: _NUMBERS}
    names = [name for shown in cards for name in shown.comparisons]
    painter = dict(provenance["painter"])
    name, slab = next(iter(card.slabs.items()))
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        card=card,
        halos=masses(card.selection),
        tally={verdict.value: count for verdict, count in card.tally().items()},
        errors=errors_in_words(card),
        targets=[sheet for shown in cards for sheet in target_sheets(shown)],
        sheets=[sheet for shown in cards for sheet in statistic_sheets(shown)],
        statistics=statistics,
        contenders={known: told for known, told in MEANINGS.items() if known in names},
        drawings=[
            _Drawing(*titles[name], svg(figure, f"{name}{number or ''}"))
            for number, shown in enumerate(cards)
            for name, figure in statistic_figures(shown).items()
        ],
        sliced=f"{name}, {slab.extent}",
        slices=[
            _Drawing(title, f"Slice of the {title}", svg(figure, f"slice{number}"))
            for number, (title, figure) in enumerate(_slices(slab).items())
        ],
        provenance=provenance,
        painter=painter,
        every_field=list(flattened(painter)),
    )
    return f"{text}\n"


def svg(figure: Figure, name: str) -> Markup:
    """Return a figure as an SVG element whose ids start with `name`, ours and not a file's."""
    text = svg_text(figure, name)
    text = re.sub(r"<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return Markup(text)


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Return nested values as rows: the names that lead to each, and its text."""
    entries: Any = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        entries = enumerate(value)
    else:
        yield name, ", ".join(map(_text, value)) if isinstance(value, list) else _text(value)
    for key, entry in entries:
        yield from flattened(entry, f"{name}, {key}" if name else str(key))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return scientific(value, 6) if isinstance(value, float) else str(value)


def _slices(slab: Slab) -> dict[str, Figure]:
    """Return each panel of a slab as a figure of its own, by title."""
    figures = {}
    for panel in slab_panels(slab):
        aspect = panel.image.shape[1] / panel.image.shape[0]
        figures[panel.title] = new_figure(4.2, min(max(0.4 + 3.3 * aspect, 1.8), 7.0))
        draw_panel(figures[panel.title].subplots(), panel, slab.voxel_size)
    return figures
