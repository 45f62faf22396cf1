"""What the folder of a training run tells: how far it came, how it did, and its best painter."""

from pathlib import Path

from halokeras.errors import ModelError
from halokeras.evaluation.words import masses
from halokeras.inspection.facts import Fact, Inspection, Section
from halokeras.inspection.painters import painter_sections
from halokeras.painters.folders import BEST
from halokeras.painters.model_files import read_files
from halokeras.params import BoxName, Params
from halokeras.readable import duration
from halokeras.training.history import Row
from halokeras.training.run_folder import (
    CHECKPOINTS,
    RunRecord,
    checkpoints_in,
    read_run,
)
from halokeras.training.schedule import schedule


def inspect_run(folder: Path) -> Inspection:
    """Read the folder of a run, finished or not, without TensorFlow.

    Raises
    ------
    ParamsError
        If its params are not valid.
    RunError
        If its history cannot be read.
    """
    run = read_run(folder)
    problems: list[str] = []
    sections = [
        _progress(run),
        _params(run.params),
        Section("latest losses", _losses(run.rows), "none logged yet"),
        Section("best validation", _validation(run.best), "none yet"),
    ]
    best = folder / BEST
    if best.is_dir():
        try:
            sections.append(_painter(best))
        except ModelError as error:
            problems.append(str(error))
    on = f"halopaint resume --run {folder}"
    return Inspection(
        kind="run",
        path=folder,
        headline=f"training run, {run.state}: step {run.done:,} of {run.total:,}",
        sections=sections,
        problems=problems,
        rows=run.rows,
        advice=f"halopaint paint --model {folder}" if run.state == "finished" else on,
    )


def _progress(run: RunRecord) -> Section:
    checkpoints = sorted(set(checkpoints_in(run.folder / CHECKPOINTS).values()))
    listed = "at steps " + ", ".join(f"{step:,}" for step in checkpoints)
    planned = schedule(run.params)
    facts = [
        Fact("state", run.state),
        Fact("done", run.done, text=f"{run.done:,} of {run.total:,} steps"),
        Fact("total", run.total, text=""),
        Fact(
            "stages",
            [{"name": one.name, "start": one.start, "stop": one.stop} for one in planned],
            text=", ".join(f"{one.name} to {one.stop:,}" for one in planned),
        ),
        Fact("training_seconds", run.seconds, text=duration(run.seconds)),
        Fact("checkpoints", checkpoints, text=listed if checkpoints else "none yet"),
    ]
    if run.rows:
        facts.insert(3, Fact("stage", run.rows[-1].stage))
    return Section("progress", facts)


def _painter(folder: Path) -> Section:
    found = {section.title: section for section in painter_sections(folder, read_files(folder))}
    step = [fact for fact in found["provenance"].facts if fact.name == "step"]
    return Section("best painter", [Fact("folder", str(folder)), *step, *found["network"].facts])


def _params(params: Params) -> Section:
    training, selection = params.training, params.box.selection
    return Section(
        "params",
        [
            Fact("train", [str(name) for name in params.box.train], text=_boxes(params.box.train)),
            Fact(
                "validate_on",
                [str(name) for name in params.box.validate_on],
                text=_boxes(params.box.validate_on),
            ),
            Fact("selection", selection.model_dump(), text=masses(selection)),
            Fact("painter", params.painter.model_dump(mode="json"), text=params.painter.sentence),
            Fact("seed", training.seed),
            Fact("crop_size", training.crop_size, "voxels"),
            Fact("batch_size", training.batch_size),
            Fact("all", params.model_dump(mode="json"), text=""),
        ],
    )


def _losses(rows: list[Row]) -> list[Fact]:
    logged = [row for row in rows if row.losses]
    return [Fact(name, value) for name, value in logged[-1].losses.items()] if logged else []


def _validation(best: Row | None) -> list[Fact]:
    if best is None or best.validated is None:
        return []
    found = best.validated
    facts = [
        Fact("step", best.step, text=f"{best.step:,}"),
        Fact("score", found.score),
        Fact("mean_ratio", found.mean_ratio),
    ]
    for name in ("transfer_function", "cross_correlation"):
        values = getattr(found, name)
        if values:
            facts.append(Fact(name, list(values), text=f"{min(values):.3f} to {max(values):.3f}"))
    return facts


def _boxes(names: tuple[BoxName, ...]) -> str:
    return ", ".join(map(str, names))
