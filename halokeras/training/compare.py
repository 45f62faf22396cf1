"""Runs side by side: which params differ, and how each did."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from halokeras.params import Params
from halokeras.training.run_folder import RunRecord


def summary(run: RunRecord) -> dict[str, Any]:
    """Describe a run in plain values; times are seconds, or seconds since 1970."""
    best = run.best
    validated = best.validated if best is not None else None
    return {
        "folder": str(run.folder),
        "name": run.folder.name,
        "state": run.state,
        "steps": run.done,
        "steps_total": run.total,
        "best_score": None if validated is None else validated.score,
        "best_step": None if best is None else best.step,
        "best_mean_ratio": None if validated is None else validated.mean_ratio,
        "started": run.started,
        "updated": run.updated,
        "training_seconds": run.seconds,
    }


def curves(run: RunRecord) -> list[dict[str, Any]]:
    """Return a run's history in plain values, one dictionary a row."""
    return [
        {
            "step": row.step,
            "stage": row.stage,
            "seconds": row.seconds,
            **row.losses,
            **({} if row.validated is None else vars(row.validated)),
        }
        for row in run.rows
    ]


def differing_params(runs: Mapping[str, Params]) -> dict[str, dict[str, Any]]:
    """Return the fields whose values differ between runs, by dotted path, then by run.

    A run's name and folder are left out, as those always differ.
    """
    flat = {name: flattened(params.model_dump(mode="json")) for name, params in runs.items()}
    paths = dict.fromkeys(path for fields in flat.values() for path in fields)
    found = {}
    for path in paths:
        values = {name: fields.get(path) for name, fields in flat.items()}
        if path not in ("run.name", "run.directory") and _differ(list(values.values())):
            found[path] = values
    return found


def flattened(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the fields of nested objects by dotted path; lists are kept whole."""
    fields: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            fields |= flattened(inner, f"{path}{name}.")
        else:
            fields[path + name] = inner
    return fields


def _differ(values: Sequence[Any]) -> bool:
    return len({json.dumps(value) for value in values}) > 1
