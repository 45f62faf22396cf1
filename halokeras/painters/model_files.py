"""The files of a saved painter, read with suspicion and without TensorFlow.

A saved painter is a folder of files, none of which can run code, and from which no more is read
or allocated than the architecture, within limits, says::

    architecture.json   format, format version and the painter's constructor arguments
    weights.npz         one float32 array per weight, named and shaped as the architecture says
    provenance.json     training boxes, voxel size, redshift, cosmology, params, scores, ...
    manifest.json       SHA-256 of the others, so that a damaged file is noticed and named

and, where the training had a warm start, what integer counts are drawn from::

    expected.npz        weights of the painter that paints expected counts, as weights.npz
    count_law.json      probabilities of 0, 1, 2, ... halos at expected counts
"""

import hashlib
import io
import json
import math
import os
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from halokeras.errors import ModelError
from halokeras.painters.count_law import MOST_HALOS, CountLaw
from halokeras.painters.provenance import Provenance, read_provenance
from halokeras.params import PainterParams
from halokeras.resources import shipped
from halokeras.storage.unreadable import UNREADABLE
from halokeras.strict_json import strict_json
from halokeras.suggestions import beside

FORMAT = "halopaint painter"
FORMAT_VERSION = 1
ARCHITECTURE, WEIGHTS, PROVENANCE = "architecture.json", "weights.npz", "provenance.json"
EXPECTED, LAW = "expected.npz", "count_law.json"
MANIFEST = "manifest.json"
_LARGEST_HEADER = 2**16  # bytes
_LARGEST_JSON = 4 * 2**20  # bytes
_LARGEST_WEIGHTS = 512 * 2**20  # bytes
_LARGEST_ENTRY = 2**12  # bytes of names and headers of an array
_LARGEST_NUMBER = 4096
_MOST_LAYERS = 512
_MOST_WORK = 3 * 10**11  # multiplications, some seconds
_MOST_MEMORY = 4 * 2**30  # bytes of a layer over a tile as they are painted
_TILE = 64  # voxels
_UNITY = 1e-6  # by which a sum of probabilities may miss 1

_NOT_AN_ARCHIVE = (*UNREADABLE, struct.error)
"""What zipfile and numpy raise for malformed input."""

Expected = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weights = dict[str, NDArray[np.float32]]


class _LawFields(BaseModel):
    """What count_law.json holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    expected: Annotated[list[Expected], Field(min_length=1, max_length=4096)]
    probabilities: list[Annotated[list[Probability], Field(max_length=MOST_HALOS + 1)]]

    @model_validator(mode="after")
    def _is_a_law(self) -> "_LawFields":
        if any(below >= above for below, above in pairwise(self.expected)):
            raise ValueError("expected counts do not ascend")
        if len(self.probabilities) != len(self.expected):
            raise ValueError("expected counts and rows of probabilities are not equally many")
        if len({len(row) for row in self.probabilities}) != 1:
            raise ValueError("rows of probabilities are not equally long")
        if any(abs(sum(row) - 1) > _UNITY for row in self.probabilities):
            raise ValueError("a row of probabilities does not sum to 1")
        return self


@dataclass(frozen=True)
class PainterFiles:
    """What the folder of a saved painter holds, checked but for whether the weights fit.

    Parameters
    ----------
    params
        Of the architecture.
    provenance
        What the folder tells of its training.
    weights
        Arrays by name, in the order of the file, which is that of the network.
    expected, law
        Weights of the painter of expected counts and the law of the counts, or None without.
    """

    params: PainterParams
    provenance: Provenance
    weights: Weights
    expected: Weights | None = None
    law: CountLaw | None = None

    @property
    def hash(self) -> str:
        """SHA-256 that names the painter, see `hash_painter`."""
        parts = [self.weights] if self.expected is None else [self.weights, self.expected]
        return hash_painter(self.params.model_dump(mode="json"), parts, self.law)


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
    manifest = _parse(folder / MANIFEST, _read(folder / MANIFEST, _LARGEST_HEADER))
    checksums = _checksums(folder, manifest)

    def read(name: str, largest: int) -> bytes:
        content = _read(folder / name, largest)
        if checksums[name] != sha256(content):
            raise ModelError(
                f"{folder / name} is damaged or edited: its checksum is not the one in "
                f"{MANIFEST}; copy the folder again"
            )
        return content

    header = _parse(folder / ARCHITECTURE, read(ARCHITECTURE, _LARGEST_HEADER))
    _check_format(folder, header)
    fields = _parse(folder / PROVENANCE, read(PROVENANCE, _LARGEST_JSON))
    provenance = read_provenance(fields, str(folder / PROVENANCE))
    params = _read_architecture(folder / ARCHITECTURE, header)
    largest = _largest_file(params)
    weights = _unpack(folder / WEIGHTS, read(WEIGHTS, largest))
    if LAW not in checksums:
        return PainterFiles(params, provenance, weights)
    expected = _unpack(folder / EXPECTED, read(EXPECTED, largest))
    law = _read_law(folder / LAW, read(LAW, _LARGEST_JSON))
    return PainterFiles(params, provenance, weights, expected, law)


def hash_painter(
    configuration: dict[str, Any], weights: Sequence[Weights], law: CountLaw | None
) -> str:
    """Return the SHA-256 of a painter's configuration, weights and draws, in whatever file."""
    digest = hashlib.sha256(to_json(configuration, ARCHITECTURE))
    for part in weights:
        for name, values in part.items():
            digest.update(f"{name} {values.shape}".encode())
            digest.update(values.astype("<f4").tobytes())
    if law is not None:
        digest.update(to_json(law_fields(law), LAW))
    return digest.hexdigest()


def law_fields(law: CountLaw) -> dict[str, Any]:
    """Return what count_law.json holds."""
    return {"expected": law.expected.tolist(), "probabilities": law.probabilities.tolist()}


def to_json(value: dict[str, Any], name: str) -> bytes:
    """Return the text of a JSON file, or raise `ModelError` that names it."""
    try:
        return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} takes plain, finite JSON values only: {error}") from error


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def check_weights(path: Path, held: Weights, expected: Weights) -> None:
    """Refuse the weights of file `path` that are not of the names and shapes of `expected`."""
    for name in sorted(set(expected) ^ set(held)):
        what = "lacks" if name in expected else "holds an unknown"
        raise ModelError(f"{path} {what} weight {name}; it belongs to another painter")
    for name, values in held.items():
        if values.shape != expected[name].shape:
            raise ModelError(
                f"{path}: weight {name} is {values.shape}, and the architecture has "
                f"{expected[name].shape}; it belongs to another painter"
            )


def _read_law(path: Path, content: bytes) -> CountLaw:
    try:
        fields = _LawFields.model_validate(_parse(path, content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path}: {where or 'law'}: {first['msg']}") from error
    return CountLaw(np.array(fields.expected), np.array(fields.probabilities))


def _read(path: Path, largest: int) -> bytes:
    try:
        # A pipe without a writer would keep an ordinary open waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ModelError(f"{path} is not a regular file; copy the folder again")
            content = file.read(largest + 1)
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent} is not a saved painter: it has no {path.name}") from error
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; copy the folder again") from error
    if len(content) > largest:
        raise ModelError(f"{path} has more than the {largest} bytes such a file ever holds")
    return content


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value = strict_json(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON ({error}); copy the folder again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object; copy the folder again")
    if not all(text.isprintable() for text in _texts(value)):
        raise ModelError(f"{path} holds control characters; remove them")
    return value


def _texts(value: Any) -> Iterator[str]:
    """Return all texts of a JSON value, line breaks and tabs made spaces: some will be shown."""
    if isinstance(value, str):
        yield value.translate({ord(c): " " for c in "\n\r\t"})
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (name, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _check_format(folder: Path, header: dict[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise ModelError(f"{folder} is not a saved painter: {ARCHITECTURE} is of another format")
    if header.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{folder} has format version {header.get('format_version')!r} and this halopaint "
            f"reads {FORMAT_VERSION}; install the halopaint that wrote it"
        )


def _checksums(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    checksums = manifest.get("sha256")
    always = {ARCHITECTURE, WEIGHTS, PROVENANCE}
    if not isinstance(checksums, dict) or set(checksums) not in (
        always,
        always | {EXPECTED, LAW},
    ):
        raise ModelError(
            f"{folder / MANIFEST} does not list the checksums of a painter's files; copy the "
            "folder again"
        )
    return checksums


def _read_architecture(path: Path, header: dict[str, Any]) -> PainterParams:
    try:
        params = PainterParams.model_validate(header.get("painter"))
    except ValidationError as error:
        field = ".".join(str(part) for part in ("painter", *error.errors()[0]["loc"]))
        raise ModelError(f"{path}: {field}: {error.errors()[0]['msg']}") from error
    try:
        check_size(params)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return params


def check_size(params: PainterParams) -> None:
    """Raise `ModelError` if a painter is larger than any that `read_files` would take."""
    numbers = (params.blocks, params.filters, params.head_layers, params.head_filters)
    if max(*numbers, *params.kernel_sizes) > _LARGEST_NUMBER:
        raise ModelError(f"a number above {_LARGEST_NUMBER} is more than any painter has")
    layers = params.blocks * len(params.kernel_sizes) + params.head_layers
    if layers > _MOST_LAYERS:
        raise ModelError(f"{layers} layers are more than any painter has ({_MOST_LAYERS})")
    weights = _count_weights(params)
    if 4 * weights > _LARGEST_WEIGHTS:
        raise ModelError(f"about {weights:.1g} weights are more than any painter has")
    work = weights * (2 * params.margin + 1) ** 3
    if work > _MOST_WORK:
        raise ModelError(f"{work:.1g} multiplications to build it are more than any painter has")
    branches = params.filters * len(params.kernel_sizes)
    memory = 4 * (_TILE + 2 * params.margin) ** 3 * max(branches, params.head_filters)
    if memory > _MOST_MEMORY:
        raise ModelError(f"layers of {memory / 2**30:.0f} GiB a tile are more than any painter has")


def _count_weights(params: PainterParams) -> int:
    """Return about how many weights a painter has: those between its layers, without biases."""
    kernels = sum(size**3 for size in params.kernel_sizes)
    weights = params.blocks * kernels * params.filters**2
    return weights + (
        params.head_layers * params.head_filters**2 + params.filters * params.head_filters
    )


def _largest_file(params: PainterParams) -> int:
    """Return bytes that the weights of a painter and their names take at most, generously."""
    layers = params.blocks * (len(params.kernel_sizes) + 2) + params.head_layers + 2
    widest = max(params.filters * len(params.kernel_sizes), params.head_filters)
    return 2 * 4 * _count_weights(params) + 2 * layers * (_LARGEST_ENTRY + 4 * widest)


def _unpack(path: Path, content: bytes) -> Weights:
    """Return the arrays of a .npz file, which together hold no more than the file itself."""
    weights: Weights = {}
    left = len(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name in weights:
                    raise ValueError(f"it holds {name} twice")
                weights[name] = _array(path, archive, member, left)
                left -= weights[name].nbytes
    except _NOT_AN_ARCHIVE as error:
        raise ModelError(f"{path} is not a plain .npz file ({error}); copy it again") from error
    return weights


def _array(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, largest: int
) -> NDArray[np.float32]:
    name = member.filename.removesuffix(".npy")
    if member.compress_type != zipfile.ZIP_STORED:  # a few bytes could unpack to any size
        raise ValueError(f"{name} is compressed")
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another .npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.dtype("<f4") or fortran:
            raise ModelError(f"{path}: weight {name} is {dtype} {shape} and not float32 in C order")
        size = 4 * math.prod(shape)
        if min(shape, default=1) < 1 or size > largest:
            raise ModelError(f"{path}: weight {name} promises {shape} values, which it cannot hold")
        content = file.read(size + 1)
        if len(content) != size:
            raise ValueError(f"{name} has not the size that it states")
        values = np.frombuffer(content, dtype="<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise ModelError(f"{path}: weight {name} holds NaN or infinite values; train again")
    return values
