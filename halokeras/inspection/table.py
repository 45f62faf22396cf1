"""An inspection for the terminal: tables, and the slices as a small picture."""

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from halokeras.fields.slab import Slab
from halokeras.inspection.facts import Fact, Inspection, Section

_WIDEST = 32  # pixels of a picture
_RAMP = " .:-=+*#%@"
_DARK_TO_BRIGHT = np.array(
    [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]]
)
"""Five colours along matplotlib's magma."""


def inspection_table(found: Inspection, coloured: bool) -> Group:
    """Return an inspection as what rich prints, its picture in colours or in letters."""
    parts: list[RenderableType] = [Text(_printable(found.headline), style="bold")]
    if found.slab is not None and found.slab.columns:
        parts += ["", _picture(found.slab, coloured)]
    for section in found.sections:
        parts += ["", _table(section)]
    if found.preparation is not None:
        report = _printable(found.preparation, keep="\n")
        parts += ["", Text("preparation", style="bold"), Text(report)]
    if found.advice:
        parts += ["", Text(f"next: {_printable(found.advice)}")]
    return Group(*parts)


def _table(section: Section) -> Table:
    table = Table(
        title=Text(section.title, style="bold"),
        title_justify="left",
        box=box.SIMPLE,
        show_header=False,
        show_edge=False,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    for fact in section.facts:
        if fact.text != "":
            table.add_row(Text(_printable(fact.label)), Text(_shown(fact)))
    if not section.facts:
        table.add_row(Text(section.absent), Text(""))
    return table


def _shown(fact: Fact) -> str:
    value = fact.text
    if value is None:
        value = f"{fact.value:.6g}" if isinstance(fact.value, float) else str(fact.value)
    return _printable(f"{value} {fact.unit}".rstrip())


def _printable(text: str, keep: str = "") -> str:
    """Show what a terminal would obey or hide, such as an escape, as its code."""
    return "".join(
        letter if letter.isprintable() or letter in keep else ascii(letter)[1:-1] for letter in text
    )


def _picture(slab: Slab, coloured: bool) -> Table:
    """Draw density and halos side by side, x to the right and y up."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_row(*(Text(f"{name}, {slab.extent}") for name in slab.columns))
    images = [_coarse(columns) for columns in slab.columns.values()]
    with np.errstate(invalid="ignore", divide="ignore"):
        images = [
            np.log(image) if name == "density" else image
            for name, image in zip(slab.columns, images, strict=True)
        ]
    grid.add_row(*(_drawn(_bright(image), coloured) for image in images))
    return grid


def _coarse(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average blocks of pixels until at most `_WIDEST` remain along x and y."""
    factor = -(-max(image.shape) // _WIDEST)
    for axis, length in enumerate(image.shape):
        starts = np.arange(0, length, factor)
        widths = np.diff(starts, append=length)
        summed = np.add.reduceat(image, starts, axis=axis)
        image = summed / (widths[:, None] if axis == 0 else widths)
    return image


def _bright(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale to 0 to 1 between percentiles; what is not finite is dark."""
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    scaled = np.clip((image - low) / max(high - low, 1e-12), 0, 1)
    return np.nan_to_num(scaled, nan=0.0)


def _drawn(bright: NDArray[np.float64], coloured: bool) -> Text:
    """Draw two rows of pixels a line: as half blocks of colour, or as one letter for both."""
    rows = bright.T[::-1]
    if len(rows) % 2:
        rows = np.vstack([rows, rows[-1:]])
    lines = [
        _half_blocks(upper, lower) if coloured else _letters((upper + lower) / 2)
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
    return Text("\n").join(lines)


def _half_blocks(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> Text:
    line = Text()
    for above, below in zip(_colours(upper), _colours(lower), strict=True):
        line.append("▀", Style(color=above, bgcolor=below))
    return line


def _letters(bright: NDArray[np.float64]) -> Text:
    places = np.minimum((bright * len(_RAMP)).astype(int), len(_RAMP) - 1)
    return Text("".join(_RAMP[place] for place in places))


def _colours(bright: NDArray[np.float64]) -> list[str]:
    knots = np.linspace(0, 1, len(_DARK_TO_BRIGHT))
    channels = [np.rint(np.interp(bright, knots, row)).astype(int) for row in _DARK_TO_BRIGHT.T]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in zip(*channels, strict=True)]
