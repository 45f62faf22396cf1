"""A report as one HTML page that needs nothing else: no network, no other file, no script."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from halokeras.evaluation.figures import svg_text
from halokeras.evaluation.report import Report
from halokeras.evaluation.report_figure import report_figures, slab_figures
from halokeras.evaluation.sheets import (
    Sheet,
    bispectrum_sheet,
    clustering_sheet,
    counts_sheet,
    targets_sheet,
)
from halokeras.storage.files import write_text

_TEMPLATE = Path(__file__).with_name("page.html.j2")

_MEANINGS = {
    "power": (
        "Power spectrum",
        "P(k) tells how strongly halos cluster at each wavenumber k = 2π / wavelength; the "
        "painted one should lie on the black points of the simulated halos.",
    ),
    "transfer": (
        "Transfer function",
        "T(k) = √(P / P of the halos) is 1 where what was painted clusters exactly as strongly as "
        "the halos, whatever its phases.",
    ),
    "correlation": (
        "Cross-correlation",
        "r(k) is 1 where peaks and troughs stand where those of the halos stand and 0 where they "
        "have nothing in common; what the painter adds is its lead over the 2LPT density, and "
        "draws fall below by their shot noise.",
    ),
    "bispectrum": (
        "Reduced bispectrum",
        "Q compares triples of wavevectors over the angle between two of them: it is large near "
        "0 and π where halos line up along filaments, and sees what no power spectrum does.",
    ),
    "voxels": (
        "Counts in voxels",
        "How many voxels of a box hold 0, 1, 2, … halos; a painted mean is a smooth field, so "
        "only draws are meant to have the histogram of halos.",
    ),
    "histogram": (
        "Counts over those of the halos",
        "The same histogram divided by that of the halos: 1 where there are as many such voxels.",
    ),
}


@dataclass(frozen=True)
class _Drawing:
    """A figure, what it says in words, and its title."""

    title: str
    meaning: str
    svg: Markup


def write_page(report: Report, provenance: Mapping[str, Any], path: Path) -> None:
    """Write the page of a report.

    Parameters
    ----------
    report
        What to show.
    provenance
        As `halokeras.evaluation.provenance.provenance` gives it.
    path
        The file to write.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    write_text(path, page(report, provenance))


def page(report: Report, provenance: Mapping[str, Any]) -> str:
    """Return the page; every string that comes from a file is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    verdicts = [verdict for line in report.lines for verdict in line.passed.values()]
    sheets: dict[str, Sheet] = {
        "transfer": clustering_sheet(report),
        "bispectrum": bispectrum_sheet(report),
        "voxels": counts_sheet(report),
    }
    drawings = {
        name: _Drawing(*_MEANINGS[name], svg(figure, name))
        for name, figure in report_figures(report).items()
    }
    slices = [
        _Drawing(title, f"Slice of the {title}", svg(figure, f"slice{number}"))
        for number, (title, figure) in enumerate(slab_figures(report).items())
    ]
    painter = dict(provenance["painter"])
    text = environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        report=report,
        met=sum(verdicts),
        asked=len(verdicts),
        targets=targets_sheet(report),
        sheets=sheets,
        drawings=drawings,
        slices=slices,
        provenance=provenance,
        painter=painter,
        every_field=json.dumps(painter, indent=1, ensure_ascii=False),
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
