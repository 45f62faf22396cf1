"""Where a scorecard's numbers come from: painter, boxes, draws and software."""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import halokeras
from halokeras.boxes.box import Box, box_hash
from halokeras.evaluation.contenders import Contenders, draw_seed
from halokeras.evaluation.words import masses
from halokeras.painters.model_store import SavedPainter


def provenance(
    boxes: Mapping[str, Box],
    contenders: Contenders,
    model: str,
    painted: tuple[str, str] | None = None,
    notes: Iterable[str] = (),
) -> dict[str, Any]:
    """Tell what was evaluated, in types that JSON has.

    Parameters
    ----------
    boxes
        Boxes by name.
    contenders, model
        What paints on them, and the name of its painter.
    painted
        Name and hash of the file that was painted before, if it was.
    notes
        What was left out and why, one sentence each.

    Returns
    -------
    dict
        Its ``identity`` is one hash for painter, boxes, draws, painters beside and painted file:
        that of the same evaluation made again.
    """
    saved, others = contenders.saved, contenders.others
    told = {name: _box(box) for name, box in boxes.items()}
    draws = 0 if painted or saved.draws is None else contenders.draws
    hashes = [saved.hash, *sorted(one["hash"] for one in told.values())]
    subject = (*hashes, *sorted(other.hash for other in others.values()), contenders.draws, painted)
    return {
        "identity": hashlib.sha256(repr(subject).encode()).hexdigest(),
        "painter": {**saved.provenance.model_dump(), "name": model, "hash": saved.hash},
        "painted": None if painted is None else painted[0],
        "against": {name: other.hash for name, other in others.items()},
        "others": {name: describe(other) for name, other in others.items()},
        "notes": list(notes),
        "boxes": told,
        "draws": {"realisations": draws},
        "software": {
            "halopaint": halokeras.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("keras", "numpy", "tensorflow")},
        },
    }


def describe(saved: SavedPainter) -> str:
    """Say in one sentence what a painter learned, and from what."""
    told = saved.provenance
    boxes = len(told.training_boxes)
    extra = told.model_extra or {}
    steps = f", {extra['step']} steps" if "step" in extra else ""
    return (
        f"trained on {boxes} {'box' if boxes == 1 else 'boxes'}{steps}; halos "
        f"{masses(told.selection)}, voxels of {told.voxel_size:g} Mpc/h, redshift {told.epochs}"
    )


def _box(box: Box) -> dict[str, Any]:
    return {
        **box.provenance,
        "hash": box_hash(box),
        "draw_seed": draw_seed(box),
        "voxels": list(box.shape),
        "voxel_size": float(box.voxel_size),
        "redshift": float(box.redshift),
        "cosmology": None if box.cosmology is None else box.cosmology.parameters,
    }
