"""A painter on every box of a suite: a scorecard each, and one table of all."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import read_box
from halokeras.boxes.masses import masses_of
from halokeras.boxes.suite import FORMAT, INDEX, Suite, SuiteBox, choose, read_suite
from halokeras.errors import ModelError, OutputError
from halokeras.evaluation.boxes import seen_hashes
from halokeras.evaluation.derivatives import Derivative, derivatives, paired_design, uneven_cuts
from halokeras.evaluation.evaluate import Evaluation, EvaluationRequest, evaluate
from halokeras.evaluation.sheets import Cell, Sheet
from halokeras.evaluation.verdict import Verdict, overall
from halokeras.painters.folders import painter_name
from halokeras.painting.inputs.check import misfits
from halokeras.painting.inputs.density import open_box_density
from halokeras.sections import Selection
from halokeras.statistics.spectra import POWER
from halokeras.statistics.statistic import Array
from halokeras.storage.files import check_could_be_written, refusal, write_text
from halokeras.strict_json import in_json

_SUMMARY = "suite.json"
_CONDITIONS = ("z", "omega_m", "sigma8", "H0", "n_s", "omega_b")


@dataclass(frozen=True)
class SuiteEvaluation:
    """What was found on the boxes of a suite.

    Attributes
    ----------
    suite
        Folder of the suite.
    scored
        Each box and its evaluation.
    files
        All that was written.
    derivatives
        Of the power of halos by parameters, where the suite is of pairs.
    """

    suite: Path
    scored: tuple[tuple[SuiteBox, Evaluation], ...]
    files: tuple[Path, ...]
    derivatives: tuple[Derivative, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Missed where one box or derivative misses a target, met where all meet all."""
        lines = [line for _, one in self.scored for line in one.scorecard.lines]
        return overall([*lines, *(one.line for one in self.derivatives)])

    def to_json(self) -> str:
        """Return conditions and targets of each box, and derivatives, as JSON text, as written."""
        return _json(self.suite, self.scored, self.derivatives)


def evaluate_suite(
    request: EvaluationRequest,
    tell: Callable[[str], None] = lambda warning: None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> SuiteEvaluation:
    """Score a painter on every box of the suite that a request names as its box.

    The scorecard of a box goes into a folder of its name, in that of the request.

    Raises
    ------
    OutputError
        If a page is asked for, which is of one scorecard, or as `evaluate`.
    BoxError
        If the folder is no suite, a box of it is missing, or as `evaluate`.
    ModelError
        As `evaluate`.
    """
    if request.page is not None:
        raise OutputError("--report is a page of one scorecard; name a box of the suite for it")
    folder = Path(request.box)
    suite = read_suite(folder)
    named = f"{folder.resolve().name}{request.saved.mass_part}"
    target = request.output or Path("evaluation") / painter_name(Path(request.model)) / named
    summary = target / _SUMMARY
    _check_summary(summary, folder, request.overwrite)
    boxes = _fitting(_unseen(choose(suite), request, tell), request, tell)
    scored = []
    for number, box in enumerate(boxes):
        # that it is none of the training's was seen
        one = replace(
            request, box=str(box.path), output=target / box.path.stem, allow_training=True
        )

        def share(fraction: float, done: int = number) -> None:
            progress((done + fraction) / len(boxes))

        def warn(warning: str, name: str = box.path.name) -> None:
            tell(f"{name}: {warning}")

        scored.append((box, _bare(evaluate(one, warn, share))))
    found = _derivatives(suite, scored, request.saved.provenance.selection, tell)
    write_text(summary, _json(folder, scored, found))
    files = [file for _, one in scored for file in one.files]
    return SuiteEvaluation(folder, tuple(scored), (summary, *files), found)


def _derivatives(
    suite: Suite,
    scored: Sequence[tuple[SuiteBox, Evaluation]],
    selection: Selection,
    tell: Callable[[str], None],
) -> tuple[Derivative, ...]:
    """Return what the pairs of a suite tell of derivatives; none of another suite."""
    design = paired_design(suite)
    if design is None:
        return ()
    powers = [
        (box, {name: measured[0][POWER.name] for name, measured in card.comparisons.items()})
        for box, card in ((box, one.scorecard) for box, one in scored)
    ]
    found = derivatives(design, powers, scored[0][1].scorecard.at(POWER))
    if not found:
        tell("no derivatives: of no pair of boxes both are scored")
    for told in uneven_cuts(design, _masses(scored, selection), selection.mass_min):
        tell(told)
    return found


def _masses(
    scored: Sequence[tuple[SuiteBox, Evaluation]], selection: Selection
) -> list[tuple[SuiteBox, Array]]:
    """Return the masses of all halos of the boxes of one realisation and redshift."""
    first = scored[0][0]
    found = []
    for box, _ in scored:
        if (box.member.seed, box.redshift) == (first.member.seed, first.redshift):
            read = read_box(box.path)
            assert read.halos is not None  # or it was not scored
            mass = masses_of(read.halos, selection.mass_definition, read.provenance)
            if mass is not None:
                found.append((box, mass))
    return found


def _unseen(
    boxes: list[SuiteBox], request: EvaluationRequest, tell: Callable[[str], None]
) -> list[SuiteBox]:
    """Leave out the boxes that the painter was trained or validated on, unless they are asked."""
    if request.allow_training:
        return boxes
    seen = seen_hashes(request.saved)
    unseen = [box for box in boxes if box_hash(read_box(box.path)) not in seen]
    if not unseen:
        raise ModelError(
            f"{request.model} was trained or validated on every box of {request.box}, which proves "
            "nothing; choose another suite, or --allow-training-box"
        )
    if len(unseen) < len(boxes):
        tell(f"{len(boxes) - len(unseen)} boxes are left out: the painter was trained on them")
    return unseen


def _fitting(
    boxes: list[SuiteBox], request: EvaluationRequest, tell: Callable[[str], None]
) -> list[SuiteBox]:
    """Leave out the boxes that the painter cannot paint on, and tell why."""
    fitting, left_out = [], []
    for box in boxes:
        with open_box_density(box.path) as given:
            found = misfits(request.saved.provenance, given.header)
        if found:
            left_out.append(f"{box.path.name} is left out: {found[0]}")
        else:
            fitting.append(box)
    if not fitting:
        raise ModelError(
            f"{left_out[0]}; no box of {request.box} fits, choose another suite or --model"
        )
    for why in left_out:
        tell(why)
    return fitting


def suite_sheet(found: SuiteEvaluation) -> Sheet:
    """Return a table of the boxes of a suite, with how many targets each meets."""
    rows = []
    for box, one in found.scored:
        told, tally = box.member.cosmology, one.scorecard.tally()
        numbers = (box.redshift, *(getattr(told, name) for name in _CONDITIONS[1:]))
        counted = [Cell(str(tally[verdict])) for verdict in Verdict]
        conditions = [Cell(f"{number:.4g}") for number in numbers]
        rows.append((Cell(box.path.stem), *conditions, *counted))
    return Sheet(
        title=f"{len(rows)} boxes of {found.suite}: conditions, and targets met or not",
        headings=("box", *_CONDITIONS, *(str(one) for one in Verdict)),
        rows=tuple(rows),
        words=1,
    )


def _check_summary(summary: Path, folder: Path, overwrite: bool) -> None:
    """Refuse now to replace the index of a suite, which has the same name, or another's summary."""
    check_could_be_written(summary)
    told = _told(summary)
    if summary.resolve() == (folder / INDEX).resolve() or told.get("format") == FORMAT:
        raise OutputError(
            f"{summary} is the index of a suite, which its evaluation would replace; choose "
            "another --output"
        )
    named = Path(told["suite"]).name if isinstance(told.get("suite"), str) else None
    ours = named in (folder.name, folder.resolve().name)
    if summary.exists() and not overwrite and not ours:
        raise refusal(summary, "is there and of another suite")


def _told(summary: Path) -> dict[str, Any]:
    """Return what the file of a summary tells, nothing if it is none."""
    try:
        told = json.loads(summary.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _bare(found: Evaluation) -> Evaluation:
    """Leave out the slabs, so that memory does not grow with the suite."""
    return replace(found, scorecard=replace(found.scorecard, slabs={}))


def _json(
    folder: Path,
    scored: Sequence[tuple[SuiteBox, Evaluation]],
    derivatives: Sequence[Derivative],
) -> str:
    boxes = []
    for box, one in scored:
        lines = one.scorecard.to_json()["lines"]
        boxes.append(
            {
                "box": box.path.name,
                "redshift": box.redshift,
                "cosmology": box.member.cosmology.parameters,
                "verdict": one.scorecard.verdict,
                "lines": lines,
            }
        )
    told: dict[str, Any] = {"suite": str(folder), "boxes": boxes}
    if derivatives:
        told["derivatives"] = in_json([one.to_json() for one in derivatives])
    return json.dumps(told, indent=1, allow_nan=False) + "\n"
