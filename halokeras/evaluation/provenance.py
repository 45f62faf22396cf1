"""Where a report's numbers come from: painter, boxes, draws and software."""

import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import halokeras
from halokeras.boxes.box import Box, box_hash
from halokeras.evaluation.contenders import SEED
from halokeras.painters.model_store import SavedPainter


def provenance(
    boxes: dict[str, Box],
    saved: SavedPainter,
    model: str,
    others: dict[str, SavedPainter],
    draws: int,
) -> dict[str, Any]:
    """Tell what was evaluated, in types that JSON has.

    Parameters
    ----------
    boxes, saved, others, draws
        As `halokeras.evaluation.report.report` takes them.
    model
        Name of the painter.
    """
    return {
        "painter": {**saved.provenance.model_dump(), "name": model, "hash": saved.hash},
        "against": {name: other.hash for name, other in others.items()},
        "boxes": {name: _box(box) for name, box in boxes.items()},
        "draws": {"seed": SEED, "realisations": draws if saved.draws is not None else 0},
        "software": {
            "halopaint": halokeras.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("keras", "numpy", "tensorflow")},
        },
    }


def _box(box: Box) -> dict[str, Any]:
    return {
        **box.provenance,
        "hash": box_hash(box),
        "voxels": list(box.shape),
        "voxel_size": float(box.voxel_size),
        "redshift": float(box.redshift),
        "cosmology": None if box.cosmology is None else asdict(box.cosmology),
    }
