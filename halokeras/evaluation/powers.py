"""The power spectra of many painted boxes in one file, for a covariance."""

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from halokeras.boxes.box import total_counts
from halokeras.boxes.box_file import open_box_file
from halokeras.errors import BoxError
from halokeras.fields.spectra import Spectra, measure
from halokeras.painting.wanted.outputs import PAINTING
from halokeras.storage.files import check_could_be_written, refusal, whole_file
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.unreadable import UNREADABLE

_BYTES_PER_VOXEL = 40
"""Of a field whose power is measured: it, its modes, their wavenumbers and bins."""


def write_powers(painted: Sequence[Path], target: Path, overwrite: bool = False) -> None:
    """Measure the power of painted boxes of one shape, and write it as ``.npz``, whole.

    The file holds ``power``, a row for each box [(Mpc/h)^3], ``k``, ``upper`` and ``modes`` as
    `halokeras.fields.spectra.Spectra` tells them, ``files``, the names of the boxes, and
    ``paintings``, JSON of what each was painted by and on. One that holds some of these powers
    already is replaced by all of them.

    Raises
    ------
    BoxError
        If a box has no halos, or there is too little memory.
    OutputError
        If the file cannot be written, or holds the power of another painting and is not to be
        replaced.
    """
    found = [_power(path) for path in painted]
    first, paintings = found[0][0], [painting for _, painting in found]
    names = [path.name for path in painted]
    check_powers(painted, target, overwrite)
    if not overwrite and target.exists():
        asked = dict(zip(names, paintings, strict=True))
        if any(asked[name] != painting for name, painting in _held(target).items()):
            raise refusal(target, "holds the powers of other paintings", "--spectra")
    with whole_file(target) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            power=np.stack([one.first for one, _ in found]),
            k=first.k,
            upper=first.upper,
            modes=first.modes,
            files=np.array(names),
            paintings=np.array(paintings),
        )


def check_powers(painted: Sequence[Path], target: Path, overwrite: bool = False) -> None:
    """Refuse now to replace what is not the powers of some of the boxes of these names.

    And a target that cannot be written.
    """
    check_could_be_written(target)
    if overwrite or not target.exists():
        return
    others = sorted({*_held(target)} - {path.name for path in painted})
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        told = f"holds the power of {others[0]}{more}, which this command does not paint"
        raise refusal(target, told, "--spectra")


def _held(target: Path) -> dict[str, str]:
    """Return of a file of powers what each box was painted by and on, by its name.

    Raises
    ------
    OutputError
        If it is no such file.
    """
    try:
        with target.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return dict(zip(held["files"].tolist(), held["paintings"].tolist(), strict=True))
    except (*UNREADABLE, AttributeError, TypeError) as error:  # of an array that stands alone
        raise refusal(target, "is there and holds no powers of boxes", "--spectra") from error


def _power(path: Path) -> tuple[Spectra, str]:
    """Measure the power of a box; return with it what tells its painting from another."""
    with open_box_file(path) as (header, fields):
        stored = fields["counts"]
        refuse_beyond_memory(_BYTES_PER_VOXEL * prod(stored.shape), f"the power of {path}")
        counts = total_counts(stored.load())
    if not counts.any():
        raise BoxError(f"{path} holds no halos, which have no power; leave --spectra out")
    told = {name: header.provenance.get(name) for name in PAINTING}
    return measure(counts, counts, header.voxel_size), json.dumps(told)
