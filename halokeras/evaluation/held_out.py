"""Which boxes a painter may be scored on."""

from pathlib import Path

from halokeras.boxes.box import Box, box_hash
from halokeras.boxes.box_file import find_boxes, read_box
from halokeras.errors import ModelError
from halokeras.painters.model_store import SavedPainter


def held_out(box: str, saved: SavedPainter, model: str, allow_training: bool) -> dict[Path, Box]:
    """Read the box file `box`, or the realisations of box id `box` that training never saw.

    Parameters
    ----------
    box
        A file, or an id.
    saved, model
        The painter and its name.
    allow_training
        Give boxes that it was trained or validated on too.

    Raises
    ------
    BoxError
        If there is no such box, or one cannot be read.
    ModelError
        If all that there are were trained or validated on.
    """
    path = Path(box)
    sources = [path] if path.suffix or path.is_file() else find_boxes(box)
    told = saved.provenance.model_extra or {}
    seen = {*saved.provenance.training_boxes.values(), *told.get("validation_boxes", {}).values()}
    boxes = {path: read_box(path) for path in sources}
    if allow_training:
        return boxes
    unseen = {path: found for path, found in boxes.items() if box_hash(found) not in seen}
    if not unseen:
        raise ModelError(
            f"{model} was trained or validated on {sources[0]}, which proves nothing; choose "
            "another --box, or --allow-training-box"
        )
    return unseen
