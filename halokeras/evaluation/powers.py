"""The power spectra of many painted boxes in one file, for a covariance."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from halokeras.boxes.box import total_counts
from halokeras.boxes.box_file import open_box_file
from halokeras.errors import BoxError
from halokeras.fields.spectra import Spectra, measure
from halokeras.storage.files import check_no_folder, refusal, whole_file
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.unreadable import UNREADABLE

_BYTES_PER_VOXEL = 40
"""Of a field whose power is measured: it, its modes, their wavenumbers and bins."""


def write_powers(painted: Sequence[Path], target: Path) -> None:
    """Measure the power of painted boxes of one shape, and write it as ``.npz``, whole.

    The file holds ``power``, a row for each box [(Mpc/h)^3], ``k``, ``upper`` and ``modes`` as
    `halokeras.fields.spectra.Spectra` tells them, and ``files``, the names of the boxes.

    Raises
    ------
    BoxError
        If a box has no halos, or there is too little memory.
    OutputError
        If the file cannot be written.
    """
    found = [_power(path) for path in painted]
    first = found[0]
    names = np.array([path.name for path in painted])
    with whole_file(target) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            power=np.stack([one.first for one in found]),
            k=first.k,
            upper=first.upper,
            modes=first.modes,
            files=names,
        )


def check_powers(painted: Sequence[Path], target: Path, overwrite: bool = False) -> None:
    """Refuse to replace what is not the powers of these very boxes."""
    check_no_folder(target)
    if overwrite or not target.exists():
        return
    try:
        with np.load(target, allow_pickle=False) as held:
            same = held["files"].tolist() == [path.name for path in painted]
    except UNREADABLE:
        same = False
    if not same:
        raise refusal(target, option="--spectra")


def _power(path: Path) -> Spectra:
    with open_box_file(path) as (header, fields):
        stored = fields["counts"]
        refuse_beyond_memory(_BYTES_PER_VOXEL * prod(stored.shape), f"the power of {path}")
        counts = total_counts(stored.load())
    if not counts.any():
        raise BoxError(f"{path} holds no halos, which have no power; leave --spectra out")
    return measure(counts, counts, header.voxel_size)
