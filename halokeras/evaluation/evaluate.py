"""Evaluate a painter: boxes in, a scorecard and its files out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from halokeras.boxes.box import Box, box_hash
from halokeras.boxes.box_file import read_box
from halokeras.errors import ModelError, OutputError
from halokeras.evaluation.boxes import (
    alike,
    check_reference,
    lacks_light_halos,
    misfit,
    painted_counts,
    unseen_boxes,
)
from halokeras.evaluation.catalogues import CatalogueScores
from halokeras.evaluation.contenders import Contenders
from halokeras.evaluation.curves import NUMBERS, scorecard_figure, statistic_figures
from halokeras.evaluation.names import HALOS
from halokeras.evaluation.page import page
from halokeras.evaluation.provenance import provenance
from halokeras.evaluation.scorecard import Scorecard, score
from halokeras.evaluation.slices import difference_panel, slab_panels, slices_figure
from halokeras.painters.folders import painter_name
from halokeras.painters.model_store import SavedPainter, load_painter
from halokeras.painting.inputs.check import check_input, misfits
from halokeras.painting.inputs.density import density_of
from halokeras.resources import shipped
from halokeras.statistics import STATISTICS
from halokeras.statistics.catalogues import CATALOGUE_STATISTICS
from halokeras.statistics.statistic import DRAWS, FIELD
from halokeras.storage.figure_file import FigureFormat, save_figure
from halokeras.storage.files import check_could_be_written, check_writable, write_text

PUBLISHED_PAINTER = "paper"
"""Shipped painter that stands beside every other that it can be compared with."""


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate, and where to write it.

    Attributes
    ----------
    box
        A box id, of which every realisation held out is scored, or a box file.
    saved, model
        The painter and its name.
    painted
        A box that it painted before; None to paint now.
    against
        Painters to show beside it, by name; None for the published one, where that fits.
    draws
        Draws of each box that are scored.
    allow_training
        Whether boxes that it was trained on are scored too.
    output
        Folder to write; None for one that the painter and the box name.
    figures
        What figures are written as.
    page
        HTML page to write; None for none.
    overwrite
        Whether files of another evaluation are replaced.
    """

    box: str
    saved: SavedPainter
    model: str
    painted: Path | None = None
    against: Mapping[str, SavedPainter] | None = None
    draws: int = 4
    allow_training: bool = False
    output: Path | None = None
    figures: FigureFormat = FigureFormat.PNG
    page: Path | None = None
    overwrite: bool = False

    @property
    def folder(self) -> Path:
        """Folder that is written."""
        if self.painted is None:
            named = f"{Path(self.box).stem}{self.saved.mass_part}"
        else:
            named = self.painted.stem
        return self.output or Path("evaluation") / painter_name(Path(self.model)) / named


@dataclass(frozen=True)
class Evaluation:
    """Scorecards of fields and of catalogues, where their numbers come from, and their files."""

    scorecard: Scorecard
    provenance: dict[str, Any]
    files: list[Path] = field(default_factory=list)
    catalogues: Scorecard | None = None

    def to_json(self) -> str:
        """Return all of it as JSON text, as it is written."""
        told = {**self.scorecard.to_json(), "provenance": self.provenance}
        if self.catalogues is not None:
            told["catalogues"] = self.catalogues.to_json()
        return json.dumps(told, indent=1, allow_nan=False) + "\n"


def evaluate(
    request: EvaluationRequest,
    tell: Callable[[str], None] = lambda warning: None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> Evaluation:
    """Score a painter on boxes with halos and write the scorecard, its figures and its page.

    Parameters
    ----------
    request
        What to evaluate.
    tell
        Called with each warning, one sentence.
    progress
        Called with the fraction that is done.

    Raises
    ------
    BoxError
        If a box is missing, has no halos, or its halos are not where its density is.
    ModelError
        If the painter was trained on all boxes, or does not fit them.
    OutputError
        If files of another evaluation would be replaced, or one cannot be written.
    """
    saved = request.saved
    if request.page is not None:
        _check_page(request.page)
    boxes = unseen_boxes(request.box, saved, request.model, request.allow_training)
    painted: dict[str, dict[str, NDArray[Any]]] = {}
    source = None
    if request.painted is not None:
        found = read_box(request.painted)
        source = str(request.painted), box_hash(found)
        name, counts = painted_counts(found, str(request.painted), boxes, saved)
        painted[name] = {DRAWS if counts.dtype.kind in "iu" else FIELD: counts}
        boxes = {name: boxes[name]}
    boxes, notes = alike(boxes)
    for name, box in boxes.items():
        check_reference(box, name, saved.provenance)
    if request.painted is None:
        notes += _fit(saved, boxes)
    notes += filter(None, (lacks_light_halos(box, name, saved) for name, box in boxes.items()))
    others, left_out = _others(request)
    contenders = Contenders(saved, others, request.draws)
    about = provenance(boxes, contenders, request.model, source, notes + left_out)
    _check_replaceable(request, about["identity"], list(boxes))
    for note in about["notes"]:
        tell(note)
    listed = CatalogueScores(saved)
    card = score(boxes, contenders, painted, progress, listed.add)
    for note in listed.notes:
        tell(note)
    about["notes"] += listed.notes
    scored = Evaluation(card, about, catalogues=listed.card())
    return replace(scored, files=_write(scored, request))


def _fit(saved: SavedPainter, boxes: Mapping[str, Box]) -> list[str]:
    """Refuse boxes that the painter cannot paint on; say in what others differ from training."""
    warnings: list[str] = []
    for name, box in boxes.items():
        given = density_of(box)
        found = misfits(saved.provenance, given.header)
        if found:
            raise ModelError(f"{name}: {found[0]}; choose a --box or a --model that fits")
        warnings += check_input(saved.provenance, given)
    return list(dict.fromkeys(warnings))


def _others(request: EvaluationRequest) -> tuple[dict[str, SavedPainter], list[str]]:
    """Return the painters to show beside, and why the published one is not among them."""
    if request.against is not None:
        for name, other in request.against.items():
            why = misfit(request.saved, other)
            if why:
                raise ModelError(f"--against {name}: {why}; the two cannot be compared")
        return dict(request.against), []
    if request.painted is not None:
        return {}, []
    published = load_painter(shipped("saved_models") / PUBLISHED_PAINTER)
    if published.hash == request.saved.hash:
        return {}, []
    why = misfit(request.saved, published)
    if why:
        return {}, [f"{PUBLISHED_PAINTER} does not stand beside: {why}"]
    return {PUBLISHED_PAINTER: published}, []


def _check_page(path: Path) -> None:
    if path.suffix not in (".html", ".htm"):
        named = path.with_suffix(".html") if path.name else Path("report.html")
        raise OutputError(f"--report {path}: the page is HTML; name it {named}")
    check_writable(path)


def _check_replaceable(request: EvaluationRequest, identity: str, boxes: list[str]) -> None:
    """Refuse to replace what is not the same evaluation made again."""
    card = request.folder / "scorecard.json"
    check_could_be_written(card)
    drawn = ["scorecard", NUMBERS, *(one.name for one in STATISTICS if one.drawing is not None)]
    drawn += _slices(boxes)
    drawn += [f"catalogue_{one.name}" for one in CATALOGUE_STATISTICS if one.drawing is not None]
    figures = [request.folder / f"{name}.{request.figures}" for name in drawn]
    told = [path for path in (card, request.page) if path is not None and path.exists()]
    others = [path for path in told if identity not in path.read_text("utf-8", errors="replace")]
    others += [path for path in figures if path.exists() and not card.exists()]
    if others and not request.overwrite:
        option = "--report" if others[0] == request.page else "--output"
        raise OutputError(
            f"{others[0]} is there and of another evaluation; choose another {option}, "
            "or --overwrite"
        )


def _slices(boxes: list[str]) -> list[str]:
    """Return the names of the figures of boxes' slices."""
    return ["slices"] if len(boxes) == 1 else [f"slices_{name}" for name in boxes]


def _write(found: Evaluation, request: EvaluationRequest) -> list[Path]:
    """Write the scorecard, its figures and, if asked for, its page."""
    card = found.scorecard
    figures = {"scorecard": scorecard_figure(card), **statistic_figures(card)}
    if found.catalogues is not None:
        listed = statistic_figures(found.catalogues)
        figures |= {f"catalogue_{name}": figure for name, figure in listed.items()}
    for drawn, (name, slab) in zip(_slices(list(card.slabs)), card.slabs.items(), strict=True):
        panels = slab_panels(slab)
        ours = next(name for name in (FIELD, DRAWS) if name in slab.columns)
        panels.append(difference_panel(slab, ours, f"{ours} less {HALOS}"))
        title = f"{painter_name(Path(request.model))} on {name}, z = {card.redshift:g}"
        figures[drawn] = slices_figure(panels, slab, title)
    files = [request.folder / "scorecard.json"]
    write_text(files[0], found.to_json())
    for name, figure in figures.items():
        files.append(request.folder / f"{name}.{request.figures}")
        save_figure(figure, files[-1])
    if request.page is not None:
        write_text(request.page, page(card, found.provenance, found.catalogues))
        files.append(request.page)
    return files
