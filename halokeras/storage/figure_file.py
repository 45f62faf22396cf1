"""Figures as files: whole, of the format that their name tells, the same bytes each time."""

import io
import re
from enum import StrEnum
from pathlib import Path

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from halokeras.errors import OutputError
from halokeras.storage.files import refusal, whole_file


class FigureFormat(StrEnum):
    """What a figure is written as: pixels, or lines and letters that stay sharp."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a width and height [inches] that no window shows."""
    figure = Figure(figsize=(width, height), layout="compressed")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path, overwrite: bool = True) -> None:
    """Write a figure as PNG, SVG or PDF, as the suffix of `path` says, whole.

    The same figure gives the same bytes; the fonts of a PDF are those that journals take.

    Parameters
    ----------
    figure
        What is drawn.
    path
        The file to write.
    overwrite
        Whether it may replace a file that is not this very figure.

    Raises
    ------
    OutputError
        If `path` has another suffix, is not to be replaced, or cannot be written.
    """
    suffix = path.suffix.removeprefix(".")
    if suffix not in list(FigureFormat):
        raise OutputError(f"cannot draw {path}: figures end in .png, .svg or .pdf; name one so")
    with whole_file(path) as temporary:
        if suffix == FigureFormat.SVG:
            temporary.write_text(svg_text(figure, path.stem), encoding="utf-8")
        else:
            undated = {"CreationDate": None} if suffix == FigureFormat.PDF else None
            with rc_context({"pdf.fonttype": 42}):
                figure.savefig(
                    temporary, format=suffix, dpi=150, bbox_inches="tight", metadata=undated
                )
        if not overwrite and path.exists() and path.read_bytes() != temporary.read_bytes():
            raise refusal(path, "is there and not this figure", "--figure")


def svg_text(figure: Figure, name: str) -> str:
    """Return a figure as SVG whose names of clip paths start with `name` and a dash."""
    written = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(written, format="svg", dpi=150, bbox_inches="tight", metadata=nothing)
    text = written.getvalue()
    # matplotlib names them by places whose last, unseen digits are not the same each time
    names = dict.fromkeys(re.findall(r"url\(#(p[0-9a-f]{10})\)", text))
    for number, clip in enumerate(names):
        text = text.replace(clip, f"{name}-clip{number}")
    return text
