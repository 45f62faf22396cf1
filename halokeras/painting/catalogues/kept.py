"""Pieces of a catalogue, kept as they are placed: a sweep of a large box takes hours.

They lie in a hidden folder beside the catalogue until that is written. The same command, killed,
goes on with them, and its sweep begins at the first piece that is missing.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.painting.catalogues.formats import Columns
from halokeras.painting.catalogues.piece import Piece
from halokeras.storage.files import whole_file

_DIGITS = 16
"""Of the checksum by which catalogues are told apart."""
_SUM_BYTES = 32
"""Of the SHA-256 that a file begins with."""


class KeptPieces:
    """The pieces of one catalogue.

    Parameters
    ----------
    target
        The catalogue.
    told
        What its halos are a function of; pieces that are there of others are not taken.
    """

    def __init__(self, target: Path, told: Mapping[str, Any]) -> None:
        target = target.resolve()
        self._folder = target.parent / f".{target.name}.placed"
        text = json.dumps(told, sort_keys=True, default=str)
        self._name = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

    def found(self, piece: Piece) -> Columns | None:
        """Return the halos of a piece; None if they are to be placed, or their file is damaged."""
        try:
            content = self._file(piece).read_bytes()
        except OSError:
            return None
        told, stored = content[:_SUM_BYTES], content[_SUM_BYTES:]
        if told != hashlib.sha256(stored).digest():  # as numpy reads some damage without a word
            return None
        with np.load(BytesIO(stored)) as columns:
            return dict(columns)

    def keep(self, piece: Piece, columns: Columns) -> None:
        """Keep the halos of a piece.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        arrays: dict[str, Any] = dict(columns)
        stored = BytesIO()
        np.savez(stored, **arrays)
        with whole_file(self._file(piece)) as temporary, temporary.open("wb") as file:
            file.write(hashlib.sha256(stored.getbuffer()).digest())
            file.write(stored.getbuffer())

    def remove(self) -> None:
        """Remove all that is kept, of other catalogues of that name too."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, piece: Piece) -> Path:
        return self._folder / f"{self._name}_{piece.x[0]:05d}_{piece.y[0]:05d}.piece"
