"""What a folder of slabs says that they are of, so that a killed run goes on as it was begun."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from halokeras.boxes.box import SOFTWARE
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.slabs.plan import Cuts

RECIPE = "recipe.json"
"""The file that says it, in the folder."""


def recipe_text(box: LptBox, cuts: Cuts) -> str:
    """Return what a folder says of the slabs of a box."""
    return json.dumps({**_told(box), "cuts": cuts._asdict()})


def cuts_begun(box: LptBox, folder: Path) -> Cuts | None:
    """Return how the box whose slabs lie in a folder was cut; None if it is another, or none."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        told = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        cuts = _cuts(told.pop("cuts"))
        # as JSON tells it, where tuples are lists
        return cuts if told == json.loads(json.dumps(_told(box))) else None
    return None


def _cuts(told: dict[str, Any]) -> Cuts:
    """Return the cuts that a file tells; or raise one of the errors of a file that is damaged."""
    cuts = Cuts(**told)
    # all of them: slabs of before had other rows in parts, and told of no 16 bits
    if set(told) != set(Cuts._fields) or not all(type(one) is int and one > 0 for one in cuts[:-1]):
        raise ValueError(f"no cuts: {cuts}")
    return cuts


def _told(box: LptBox) -> dict[str, Any]:
    return {
        "cosmology": dict(box.cosmology.parameters),
        "seed": box.seed,
        "voxels": box.voxels,
        "voxel_size": box.voxel_size,
        "redshift": box.redshift,
        "velocity": box.velocity,
        **SOFTWARE,
    }
