"""The files of a saved painter, read with suspicion and without TensorFlow.

A saved painter is a folder of files, none of which can run code, and from which no more is read
or allocated than the architecture, within limits, says::

    architecture.json     format, format version, and the params of the painter with its kind
    weights.safetensors   one float32 array per weight, named and shaped as the architecture says
    provenance.json       training boxes, voxel size, redshift, cosmology, params, scores, ...
    manifest.json         SHA-256 of the others, so that a damaged file is noticed and named

and, where the training had a warm start, what integer counts are drawn from::

    expected.safetensors  weights of the painter that paints expected counts
    count_law.json        probabilities of 0, 1, 2, ... halos at expected counts

and, where its channels are bins of mass, what masses are drawn from::

    mass_law.json         masses at evenly spaced cumulative probabilities of each bin
    exclusion.json        how halos exclude each other by mass (older painters do not know)
    peaks.json            corrections of expected counts around peaks (older painters have none)
    surroundings.json     the law of the counts by what is expected around (older ones have none)

Older painters have their weights in ``.npz`` files and, being all of one kind, do not name it.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from halokeras.errors import ModelError, first_problem
from halokeras.painter_params import FIRST_KIND, AnyPainterParams, PainterParams
from halokeras.painters.law_files import LAW, LAW_FILES, Laws, law_contents, read_laws
from halokeras.painters.painter_json import parse, to_json
from halokeras.painters.provenance import Provenance, read_provenance
from halokeras.painters.weights_file import OLDER_SUFFIX, SUFFIX, Weights, unpack
from halokeras.resources import shipped
from halokeras.suggestions import beside

FORMAT = "halopaint painter"
FORMAT_VERSION = 1
ARCHITECTURE, PROVENANCE, MANIFEST = "architecture.json", "provenance.json", "manifest.json"
WEIGHTS, EXPECTED = "weights", "expected"
"""Names of the files of weights, without their suffix."""
_LARGEST_HEADER = 2**16  # bytes
_LARGEST_JSON = 4 * 2**20  # bytes
_LARGEST_WEIGHTS = 512 * 2**20  # bytes
_LARGEST_ENTRY = 2**12  # bytes of names and headers of an array
_MOST_LAYERS = 512  # of weights that are kernels and biases, in three digits of their names
_MOST_WORK = 3 * 10**11  # multiplications, some seconds
_MOST_MEMORY = 4 * 2**30  # bytes of a layer over a tile as they are painted
_TILE = 64  # voxels


class _Architecture(BaseModel):
    """What architecture.json holds beside its format."""

    painter: AnyPainterParams


@dataclass(frozen=True)
class PainterFiles:
    """What the folder of a saved painter holds, checked but for whether the weights fit.

    Parameters
    ----------
    params
        The architecture.
    provenance
        What the folder tells of its training.
    weights
        Arrays by name, in the order of the network.
    expected, laws
        Weights of the painter of expected counts and what draws are made by, or None without.
    """

    params: PainterParams
    provenance: Provenance
    weights: Weights
    expected: Weights | None = None
    laws: Laws | None = None

    @property
    def hash(self) -> str:
        """SHA-256 that names the painter, see `hash_painter`."""
        parts = [self.weights] if self.expected is None else [self.weights, self.expected]
        return hash_painter(self.params, parts, self.laws)


def read_files(folder: Path) -> PainterFiles:
    """Read and check the files of a saved painter; nothing in the folder is executed.

    Raises
    ------
    ModelError
        In one sentence, if there is no such folder, it is not a saved painter or of another
        format version, or a file is damaged or malformed.
    """
    if not folder.is_dir():
        meant = beside(folder, shipped("saved_models"))
        raise ModelError(f"no saved painter {folder}{meant}; give the folder that training wrote")
    manifest = parse(folder / MANIFEST, _read(folder / MANIFEST, _LARGEST_HEADER))
    checksums, suffix = _checksums(folder, manifest)

    def read(name: str, largest: int) -> bytes:
        content = _read(folder / name, largest)
        if checksums[name] != sha256(content):
            raise ModelError(
                f"{folder / name} is damaged or edited: its checksum is not the one in "
                f"{MANIFEST}; copy the folder again"
            )
        return content

    def read_weights(name: str) -> Weights:
        return unpack(folder / f"{name}{suffix}", read(f"{name}{suffix}", _largest_file(params)))

    header = parse(folder / ARCHITECTURE, read(ARCHITECTURE, _LARGEST_HEADER))
    _check_format(folder, header)
    fields = parse(folder / PROVENANCE, read(PROVENANCE, _LARGEST_JSON))
    provenance = read_provenance(fields, str(folder / PROVENANCE))
    params = _read_architecture(folder / ARCHITECTURE, header)
    try:
        params.selections(provenance.selection)
    except ValueError as error:
        told = str(error).splitlines()[0]
        raise ModelError(f"{folder} is of halos that it cannot part by mass: {told}") from error
    weights = read_weights(WEIGHTS)
    if LAW not in checksums:
        return PainterFiles(params, provenance, weights)
    contents = {name: read(name, _LARGEST_JSON) for name in checksums if name in LAW_FILES}
    laws = read_laws(folder, contents, params.channels, len(params.told))
    return PainterFiles(params, provenance, weights, read_weights(EXPECTED), laws)


def hash_painter(
    params: PainterParams,
    weights: Sequence[Weights],
    laws: Laws | None = None,
) -> str:
    """Return the SHA-256 of a painter's params, weights and draws, in whatever file."""
    fields = params.model_dump(mode="json")
    if params.kind == FIRST_KIND:
        del fields["kind"]  # painted files tell the hashes of painters that had none
    digest = hashlib.sha256(to_json(fields, ARCHITECTURE))
    for part in weights:
        for name, values in part.items():
            digest.update(f"{name} {values.shape}".encode())
            digest.update(values.astype("<f4").tobytes())
    if laws is not None:
        for content in law_contents(laws).values():
            digest.update(content)
    return digest.hexdigest()


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _read(path: Path, largest: int) -> bytes:
    try:
        # A pipe without a writer would keep an ordinary open waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ModelError(f"{path} is not a regular file; copy the folder again")
            content = file.read(largest + 1)
    except FileNotFoundError as error:
        if path.name == MANIFEST:
            raise ModelError(
                f"{path.parent} is not a saved painter: it has no {MANIFEST}; name the folder that "
                "training wrote"
            ) from error
        raise ModelError(
            f"{path} is missing, which {MANIFEST} lists as a part of this painter; copy the "
            "folder again"
        ) from error
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; copy the folder again") from error
    if len(content) > largest:
        raise ModelError(f"{path} has more than the {largest} bytes such a file ever holds")
    return content


def _check_format(folder: Path, header: dict[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise ModelError(f"{folder} is not a saved painter: {ARCHITECTURE} is of another format")
    if header.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{folder} has format version {header.get('format_version')!r} and this halopaint "
            f"reads {FORMAT_VERSION}; install the halopaint that wrote it"
        )


def _checksums(folder: Path, manifest: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the checksums of a painter's files, and the suffix of those of weights."""
    checksums = manifest.get("sha256")
    for suffix in (SUFFIX, OLDER_SUFFIX):
        always = {ARCHITECTURE, f"{WEIGHTS}{suffix}", PROVENANCE}
        drawing = always | {f"{EXPECTED}{suffix}"}
        numbers = range(1, len(LAW_FILES) + 1)
        known = (always, *(drawing | set(LAW_FILES[:laws]) for laws in numbers))
        if isinstance(checksums, dict) and set(checksums) in known:
            return checksums, suffix
    raise ModelError(
        f"{folder / MANIFEST} does not list the checksums of a painter's files; copy the folder "
        "again"
    )


def _read_architecture(path: Path, header: dict[str, Any]) -> PainterParams:
    try:
        params = _Architecture.model_validate(header).painter
    except ValidationError as error:
        raise ModelError(f"{path}: {first_problem(error)}") from error
    try:
        check_size(params)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return params


def check_size(params: PainterParams) -> None:
    """Raise `ModelError` if a painter is larger than any that `read_files` would take."""
    if params.layers > _MOST_LAYERS:
        raise ModelError(f"{params.layers} layers are more than any painter has ({_MOST_LAYERS})")
    if 4 * params.weights > _LARGEST_WEIGHTS:
        raise ModelError(f"{params.weights:.1g} weights are more than any painter has")
    work = params.weights * (2 * params.margin + 1) ** 3
    if work > _MOST_WORK:
        raise ModelError(f"{work:.1g} multiplications to build it are more than any painter has")
    memory = 4 * (_TILE + 2 * params.margin) ** 3 * params.width
    if memory > _MOST_MEMORY:
        raise ModelError(f"layers of {memory / 2**30:.0f} GiB a tile are more than any painter has")


def _largest_file(params: PainterParams) -> int:
    """Return bytes that the weights of a painter and their names take at most, generously."""
    return 4 * params.weights + 2 * params.layers * _LARGEST_ENTRY + _LARGEST_HEADER
