"""What a painting writes, and what of it is there already."""

from pathlib import Path
from typing import Any

from halokeras.boxes.box_file import open_box_file
from halokeras.errors import HalopaintError
from halokeras.painting.asked import opened
from halokeras.painting.inputs import Density
from halokeras.painting.request import PaintRequest
from halokeras.painting.seeded_density import found_density
from halokeras.painting.written_rows import COUNTS, COUNTS_BY_MASS
from halokeras.storage.files import check_no_folder, refusal

PAINTING = ("model_hash", "source_box_hash", "draw_seed", "draw_realization")
"""What the provenance of a painted file tells, by which one painting is told from another."""


def written_files(request: PaintRequest) -> list[Path]:
    """Return the files that are written beside a density that is made."""
    pictures = [] if request.picture is None else [request.picture]
    return [*request.outputs, *request.catalogues, *pictures]


def check_no_folders(request: PaintRequest) -> None:
    """Refuse now names of files that folders have."""
    for path in written_files(request):
        check_no_folder(path)


def is_painted(request: PaintRequest) -> bool:
    """Whether all that is asked is there already, whole and of this very painting.

    Catalogues need only be there: how they list halos is not looked at.
    """
    files = [request.source.path, *written_files(request)]
    if request.overwrite or not all(path.exists() for path in files):
        return False
    wanted = request.lpt
    if wanted is not None and found_density(request.source.path, wanted) != "whole":
        return False
    with opened(request) as given:
        return all(
            _is_painting(output, told_of_painting(request, given, number))
            for number, output in enumerate(request.outputs)
        )


def check_outputs(request: PaintRequest, given: Density) -> None:
    """Refuse to replace what is not this painting made again."""
    if request.overwrite:
        return
    for number, output in enumerate(request.outputs):
        told = told_of_painting(request, given, number)
        beside = request.catalogues[number : number + 1]
        if request.picture is not None and number == 0:
            beside.append(request.picture)
        for path in (output, *beside):  # what lies beside a painting belongs to it
            if path.exists() and not _is_painting(output, told):
                raise refusal(path)


def told_of_painting(request: PaintRequest, given: Density, number: int) -> dict[str, Any]:
    """Return what the provenance of the file of that number tells of its painting."""
    return {
        "model_hash": request.painter.saved.hash,
        "source_box_hash": given.hash,
        **request.told(number),
    }


def _is_painting(path: Path, told: dict[str, Any]) -> bool:
    """Whether a file is the painting that `told` tells of, and nothing more."""
    if not path.exists():
        return False
    try:
        with open_box_file(path) as (header, fields):
            held = [header.provenance.get(key) for key in PAINTING]
            painted = set(fields) <= {COUNTS, COUNTS_BY_MASS}
            return painted and held == [told.get(key) for key in PAINTING]
    except HalopaintError:
        return False
