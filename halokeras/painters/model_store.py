"""A painter as a folder of plain arrays and JSON, written whole and read with suspicion.

What the folder holds is told in `halokeras.painters.model_files`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halokeras.networks.painter import Painter, built_painter
from halokeras.painters.count_law import CountLaw
from halokeras.painters.exclusion import Exclusion
from halokeras.painters.mass_law import MassLaw
from halokeras.painters.model_files import (
    ARCHITECTURE,
    EXCLUSION,
    EXPECTED,
    FORMAT,
    FORMAT_VERSION,
    LAW,
    MANIFEST,
    MASSES,
    PROVENANCE,
    WEIGHTS,
    check_size,
    exclusion_fields,
    hash_painter,
    law_fields,
    mass_fields,
    read_files,
    sha256,
)
from halokeras.painters.painter_json import to_json
from halokeras.painters.provenance import Provenance, read_provenance
from halokeras.painters.weights_file import SUFFIX, Weights, check_weights, pack
from halokeras.storage.files import whole_folder


@dataclass(frozen=True)
class DrawModel:
    """What integer counts are drawn from.

    Parameters
    ----------
    painter
        Paints the expected counts.
    law
        Of the counts of all channels together, at what is expected of them together.
    masses
        Of the halos of each channel, where the channels are bins of mass.
    exclusion
        How they exclude each other by mass; None for an older painter.
    """

    painter: Painter
    law: CountLaw
    masses: MassLaw | None = None
    exclusion: Exclusion | None = None


@dataclass(frozen=True)
class SavedPainter:
    """A painter as loaded from its folder.

    Parameters
    ----------
    painter
        The network, built, with its weights.
    provenance
        What the folder tells of its training.
    hash
        SHA-256 of the architecture, the weights and what draws are made from; it names the
        painter in painted boxes.
    draws
        What integer counts are drawn from; None for a painter trained without a warm start.
    """

    painter: Painter
    provenance: Provenance
    hash: str
    draws: DrawModel | None = None


def save_painter(
    painter: Painter, provenance: dict[str, Any], folder: Path, draws: DrawModel | None = None
) -> None:
    """Write `painter` as a folder that is afterwards the new one, or on failure the old, whole.

    Parameters
    ----------
    painter
        A built painter.
    provenance
        The fields of `Provenance` and whatever else should be known: plain JSON values.
    folder
        Where to put it; a painter that is there is replaced.
    draws
        What integer counts are drawn from, of the same architecture.

    Raises
    ------
    ModelError
        If a weight is not finite, or the provenance lacks a field or is not plain JSON.
    OutputError
        If the folder cannot be written.
    """
    checked = read_provenance(provenance, PROVENANCE)
    check_size(painter.params)
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "painter": painter.get_config()}
    files = {
        ARCHITECTURE: to_json(header, ARCHITECTURE),
        f"{WEIGHTS}{SUFFIX}": pack(_weights(painter)),
        PROVENANCE: to_json(checked.model_dump(), PROVENANCE),
    }
    if draws is not None:
        files[f"{EXPECTED}{SUFFIX}"] = pack(_weights(draws.painter))
        files[LAW] = to_json(law_fields(draws.law), LAW)
        if draws.masses is not None:
            files[MASSES] = to_json(mass_fields(draws.masses), MASSES)
            if draws.exclusion is not None:
                files[EXCLUSION] = to_json(exclusion_fields(draws.exclusion), EXCLUSION)
    manifest = {"sha256": {name: sha256(content) for name, content in files.items()}}
    files[MANIFEST] = to_json(manifest, MANIFEST)
    with whole_folder(folder, ARCHITECTURE, "saved painter") as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)


def load_painter(folder: Path) -> SavedPainter:
    """Read and check a saved painter; nothing in the folder is executed.

    Raises
    ------
    ModelError
        In one sentence, if there is no such folder, it is not a saved painter or of another
        format version, a file is damaged or malformed, or the weights do not fit.
    """
    files = read_files(folder)
    painter = built_painter(files.params)
    _fill(painter, folder / WEIGHTS, files.weights)
    draws = None
    if files.expected is not None and files.law is not None:
        expected = painter.twin()
        _fill(expected, folder / EXPECTED, files.expected)
        draws = DrawModel(expected, files.law, files.masses, files.exclusion)
    return SavedPainter(painter, files.provenance, painter_hash(painter, draws), draws)


def painter_hash(painter: Painter, draws: DrawModel | None = None) -> str:
    """Return the SHA-256 of a painter's configuration, weights and draws, in whatever file."""
    parts = [painter] if draws is None else [painter, draws.painter]
    laws = () if draws is None else (draws.law, draws.masses, draws.exclusion)
    return hash_painter(painter.params, [_weights(part) for part in parts], *laws)


def _fill(painter: Painter, path: Path, weights: Weights) -> None:
    expected = _weights(painter)
    check_weights(path, weights, expected)
    for variable, name in zip(painter.weights, expected, strict=True):
        variable.assign(weights[name])


def _weights(painter: Painter) -> Weights:
    # Keras numbers the names of layers by process; the order and the last part are stable.
    return {
        f"{index:03d}.{variable.name}": np.asarray(variable, dtype=np.float32)
        for index, variable in enumerate(painter.weights)
    }
