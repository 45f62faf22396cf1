"""The files of a saved painter, read with suspicion and without TensorFlow.

A saved painter is a folder of files, none of which can run code::

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
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from halokeras.errors import ModelError
from halokeras.params import PainterParams
from halokeras.resources import shipped
from halokeras.suggestions import beside
from halokeras.training.count_law import MOST_HALOS, CountLaw
from halokeras.training.provenance import Provenance, read_provenance

FORMAT = "halopaint painter"
FORMAT_VERSION = 1
ARCHITECTURE, WEIGHTS, PROVENANCE = "architecture.json", "weights.npz", "provenance.json"
EXPECTED, LAW = "expected.npz", "count_law.json"
MANIFEST = "manifest.json"
_LARGEST_JSON = 16 * 2**20  # bytes
_LARGEST_WEIGHTS = 512 * 2**20  # bytes
_UNITY = 1e-6  # by which a sum of probabilities may miss 1

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
    manifest = _parse(folder / MANIFEST, _read(folder / MANIFEST, _LARGEST_JSON))
    names = {ARCHITECTURE: _LARGEST_JSON, PROVENANCE: _LARGEST_JSON, WEIGHTS: _LARGEST_WEIGHTS}
    if LAW in _checksums(folder, manifest):
        names |= {EXPECTED: _LARGEST_WEIGHTS, LAW: _LARGEST_JSON}
    files = {name: _read(folder / name, largest) for name, largest in names.items()}
    header = _parse(folder / ARCHITECTURE, files[ARCHITECTURE])
    fields = _parse(folder / PROVENANCE, files[PROVENANCE])
    _check_format(folder, header)
    _check_manifest(folder, manifest, files)
    provenance = read_provenance(fields, str(folder / PROVENANCE))
    params = _read_architecture(folder / ARCHITECTURE, header)
    weights = _unpack(folder / WEIGHTS, files[WEIGHTS])
    if LAW not in files:
        return PainterFiles(params, provenance, weights)
    expected = _unpack(folder / EXPECTED, files[EXPECTED])
    return PainterFiles(params, provenance, weights, expected, _read_law(folder / LAW, files[LAW]))


def hash_painter(
    configuration: dict[str, Any], weights: Sequence[Weights], law: CountLaw | None
) -> str:
    """Give the SHA-256 of a painter's configuration, weights and draws, in whatever file."""
    digest = hashlib.sha256(to_json(configuration, ARCHITECTURE))
    for part in weights:
        for name, values in part.items():
            digest.update(f"{name} {values.shape}".encode())
            digest.update(values.astype("<f4").tobytes())
    if law is not None:
        digest.update(to_json(law_fields(law), LAW))
    return digest.hexdigest()


def law_fields(law: CountLaw) -> dict[str, Any]:
    """Give what count_law.json holds."""
    return {"expected": law.expected.tolist(), "probabilities": law.probabilities.tolist()}


def to_json(value: dict[str, Any], name: str) -> bytes:
    """Give the text of a JSON file, or raise `ModelError` that names it."""
    try:
        return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} takes plain, finite JSON values only: {error}") from error


def sha256(content: bytes) -> str:
    """Give the SHA-256 of a file's content, hexadecimal."""
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
        size = path.stat().st_size
        if size > largest:
            raise ModelError(f"{path} has {size} bytes, more than a painter's file ever holds")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent} is not a saved painter: it has no {path.name}") from error
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error


def _parse(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON ({error}); copy the folder again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object; copy the folder again")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"field {name!r} is given twice")
        fields[name] = value
    return fields


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


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
    if not isinstance(checksums, dict):
        raise ModelError(f"{folder / MANIFEST} lists no checksums; copy the folder again")
    return checksums


def _check_manifest(folder: Path, manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    checksums = _checksums(folder, manifest)
    for name, content in files.items():
        if checksums.get(name) != sha256(content):
            raise ModelError(
                f"{folder / name} is damaged or edited: its checksum is not the one in "
                f"{MANIFEST}; copy the folder again"
            )


def _read_architecture(path: Path, header: dict[str, Any]) -> PainterParams:
    try:
        params = PainterParams.model_validate(header.get("painter"))
    except ValidationError as error:
        field = ".".join(str(part) for part in ("painter", *error.errors()[0]["loc"]))
        raise ModelError(f"{path}: {field}: {error.errors()[0]['msg']}") from error
    kernels = sum(size**3 for size in params.kernel_sizes)
    weights = params.blocks * kernels * params.filters**2
    weights += params.head_layers * params.head_filters**2 + params.filters * params.head_filters
    if 4 * weights > _LARGEST_WEIGHTS:
        raise ModelError(f"{path} describes about {weights:.1g} weights, more than any painter has")
    return params


def _unpack(path: Path, content: bytes) -> Weights:
    """Give the arrays of a .npz file, which together hold no more than the file itself."""
    weights: Weights = {}
    left = len(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                weights[name] = _array(path, archive, member, left)
                left -= weights[name].nbytes
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError, RuntimeError) as error:
        raise ModelError(f"{path} is not a plain .npz file ({error}); copy it again") from error
    return weights


def _array(path: Path, archive: zipfile.ZipFile, member: str, largest: int) -> NDArray[np.float32]:
    name = member.removesuffix(".npy")
    with archive.open(member) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another .npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.dtype("<f4") or fortran:
            raise ModelError(f"{path}: weight {name} is {dtype} {shape} and not float32 in C order")
        size = 4 * math.prod(shape)
        if min(shape, default=1) < 1 or size > largest:
            raise ModelError(f"{path}: weight {name} promises {shape} values, which it cannot hold")
        values = np.frombuffer(file.read(size), dtype="<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise ModelError(f"{path}: weight {name} holds NaN or infinite values; train again")
    return values
