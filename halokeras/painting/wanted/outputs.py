"""What a painting writes, and what of it is there already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from halokeras.boxes.box import SOFTWARE
from halokeras.boxes.box_file import Header, describe, open_box, open_box_file
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import DamagedError, HalopaintError
from halokeras.painting.expected.paint import painted_header
from halokeras.painting.expected.written_rows import COUNTS, COUNTS_BY_MASS
from halokeras.painting.inputs.density import Density, open_box_density
from halokeras.painting.request import PaintRequest
from halokeras.painting.wanted.density import opened
from halokeras.readable import differences_told
from halokeras.simulation.files.densities import LACKING, differences
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density_file import header_to_make
from halokeras.storage.files import (
    DAMAGED,
    check_could_be_written,
    check_no_folder,
    refusal_of_other,
)

PAINTING = ("model_hash", "source_box_hash", "draw_seed", "draw_realization")
"""What the provenance of a painted file tells, by which one painting is told from another."""

_NO_COSMOLOGY = dict.fromkeys(Cosmology.__dataclass_fields__)

_DENSITY = ("seed", "redshift", "voxel_size", *_NO_COSMOLOGY)
"""And what the density of a seed comes from, by which one is told before it is made."""

_PLAINLY = {"model": "painter", "draw_seed": "seed of the draw", "seed": "seed of the density"}
_HASHES = {"model_hash": "hash of the painter", "source_box_hash": "hash of the density"}
"""How a message calls them; the hashes after all else, which says more."""


def written_files(request: PaintRequest) -> list[Path]:
    """Return the files that are written beside a density that is made."""
    pictures = [] if request.picture is None else [request.picture]
    return [*request.outputs, *request.catalogues, *pictures]


def check_targets(request: PaintRequest) -> None:
    """Refuse now names of files that folders have, and a folder that cannot be written."""
    for path in written_files(request):
        check_no_folder(path)
    check_could_be_written(request.outputs[0])  # beside which all others lie


class FoundDensity(NamedTuple):
    """What there is of a wanted density.

    Attributes
    ----------
    state
        Whether its file is there, holds it whole, lacks but its velocity, is damaged, or is
        another.
    otherwise
        What it has instead, for a message.
    """

    state: Literal["absent", "whole", "without velocity", "damaged", "other"]
    otherwise: str = ""


def found_density(path: Path, wanted: LptBox) -> FoundDensity:
    """Say whether a file holds a wanted density."""
    if not path.exists():
        return FoundDensity("absent")
    try:
        with open_box_density(path) as given:
            other = differences(given.header, given.shape, given.velocity is not None, wanted)
    except DamagedError:
        return FoundDensity("damaged", "is damaged")
    except HalopaintError:
        return FoundDensity("other", "cannot be read as the box of a density")
    if other == [LACKING]:
        return FoundDensity("without velocity")
    return FoundDensity("other", f"has {', '.join(other)}") if other else FoundDensity("whole")


class FoundPainting(NamedTuple):
    """What there is of a painting.

    Attributes
    ----------
    whole
        Whether all that is asked is there already, undamaged and of this very painting.
        Catalogues need only be there: what they hold is not looked at.
    damaged
        The painted files that are damaged; None where nobody had to look.
    """

    whole: bool = False
    damaged: Sequence[Path] | None = None


def found_painting(request: PaintRequest) -> FoundPainting:
    """Say what is there of all that is asked."""
    files = [request.source.path, *written_files(request)]
    if request.overwrite or not all(path.exists() for path in files):
        return FoundPainting()
    wanted = request.lpt
    if wanted is not None and found_density(request.source.path, wanted).state != "whole":
        return FoundPainting()
    with opened(request) as given:
        for number, output in enumerate(request.outputs):
            if _otherwise(output, request, number, given.header, given.hash):
                return FoundPainting()
    damaged = damaged_outputs(request)
    return FoundPainting(not damaged, damaged)


def check_outputs(request: PaintRequest, given: Density) -> None:
    """Refuse to replace what is not this painting made again."""
    _check_outputs(request, given.header, given.hash)


def check_outputs_to_come(request: PaintRequest, wanted: LptBox) -> None:
    """Refuse the same, as far as is known of it, before the density is made."""
    _check_outputs(request, header_to_make(wanted))


def _check_outputs(request: PaintRequest, header: Header, hashed: str | None = None) -> None:
    if request.overwrite:
        return
    for number, output in enumerate(request.outputs):
        beside = request.catalogues[number : number + 1]
        if request.picture is not None and number == 0:
            beside.append(request.picture)
        there = [path for path in (output, *beside) if path.exists()]
        other = _otherwise(output, request, number, header, hashed) if there else ""
        if other:  # what lies beside a painting belongs to it
            raise refusal_of_other(there[0], other)


def damaged_outputs(request: PaintRequest) -> list[Path]:
    """Return the painted files that are there and damaged, after `check_outputs`."""
    there = [] if request.overwrite else filter(Path.exists, request.outputs)
    return [output for output in there if not _is_undamaged(output)]


def _otherwise(
    output: Path, request: PaintRequest, number: int, header: Header, hashed: str | None
) -> str:
    """Say in what a file is another painting than the one that is asked; nothing if it is that.

    Of a density that is not made yet there is no hash, but all else that it comes from.
    """
    if not output.exists():
        return f"{output}, which it lies beside, is not there"
    try:
        with open_box_file(output) as (told, fields):
            others = sorted(set(fields) - {COUNTS, COUNTS_BY_MASS})
    except DamagedError:
        return "" if request.names_tell else DAMAGED
    except HalopaintError:
        return "it cannot be read as a painted box"
    if others:
        return f"no painted box: it has {others[0]}"
    saved, name = request.painter.saved, request.painter.name
    asked = painted_header(header, hashed or "to come", saved, name, **request.told(number))
    wanted, held = _plainly(asked), _plainly(told)
    decide = [_plain_name(name) for name in (*PAINTING, *(() if hashed else _DENSITY))]
    if hashed is None:
        unknown = _plain_name("source_box_hash")
        held[unknown] = wanted[unknown]
    if all(held.get(name) == wanted.get(name) for name in decide):
        return ""
    # what it tells beside, such as edges of mass, follows from these
    unlike = [name for name in wanted if held.get(name) != wanted[name]]
    return differences_told(unlike, held, wanted)


def _plainly(header: Header) -> dict[str, Any]:
    """Return what a painted file tells by the names of messages, what says most first."""
    cosmology = _NO_COSMOLOGY if header.cosmology is None else vars(header.cosmology)
    scale = {"redshift": header.redshift, "voxel_size": header.voxel_size}
    told = {**scale, **header.provenance, **cosmology}
    names = [*_PLAINLY, *sorted({*told} - {*_PLAINLY, *_HASHES, *SOFTWARE}), *_HASHES]
    return {_plain_name(name): told.get(name) for name in names}


def _plain_name(name: str) -> str:
    return (_PLAINLY | _HASHES).get(name, name)


def _is_undamaged(path: Path) -> bool:
    """Whether a painted file can be read, and is what its checksums say."""
    try:
        with open_box(path) as store:
            _, fields = describe(store)
            store.check_values(fields)
    except HalopaintError:
        return False
    return True
