"""A painter saved as plain arrays and JSON, with where it comes from and what it was trained on.

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
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from halokeras.errors import ModelError
from halokeras.files import whole_folder
from halokeras.networks.painter import Painter, built_painter
from halokeras.params import PainterParams
from halokeras.training.count_law import MOST_HALOS, CountLaw
from halokeras.training.provenance import Provenance, read_provenance

FORMAT = "halopaint painter"
FORMAT_VERSION = 1
_ARCHITECTURE, _WEIGHTS, _PROVENANCE = "architecture.json", "weights.npz", "provenance.json"
_EXPECTED, _LAW = "expected.npz", "count_law.json"
_MANIFEST = "manifest.json"
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

_NOT_AN_ARCHIVE = (
    zipfile.BadZipFile,
    struct.error,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
)
"""What zipfile and numpy raise for malformed input."""

Expected = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True)
class DrawModel:
    """What integer counts are drawn from.

    Parameters
    ----------
    painter
        Paints the expected counts.
    law
        Of the counts at each expectation.
    """

    painter: Painter
    law: CountLaw


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
    checked = read_provenance(provenance, _PROVENANCE)
    check_size(PainterParams.model_validate(painter.get_config()))
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "painter": painter.get_config()}
    files = {
        _ARCHITECTURE: _to_json(header, _ARCHITECTURE),
        _WEIGHTS: _pack(painter),
        _PROVENANCE: _to_json(checked.model_dump(), _PROVENANCE),
    }
    if draws is not None:
        files[_EXPECTED] = _pack(draws.painter)
        files[_LAW] = _to_json(_law_fields(draws.law), _LAW)
    manifest = {"sha256": {name: _sha256(content) for name, content in files.items()}}
    files[_MANIFEST] = _to_json(manifest, _MANIFEST)
    with whole_folder(folder, _ARCHITECTURE, "saved painter") as temporary:
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
    if not folder.is_dir():
        raise ModelError(f"no saved painter {folder}; give the folder that training wrote")
    manifest = _parse(folder / _MANIFEST, _read(folder / _MANIFEST, _LARGEST_HEADER))
    checksums = _checksums(folder, manifest)

    def read(name: str, largest: int) -> bytes:
        content = _read(folder / name, largest)
        if checksums.get(name) != _sha256(content):
            raise ModelError(
                f"{folder / name} is damaged or edited: its checksum is not the one in "
                f"{_MANIFEST}; copy the folder again"
            )
        return content

    header = _parse(folder / _ARCHITECTURE, read(_ARCHITECTURE, _LARGEST_HEADER))
    _check_format(folder, header)
    fields = _parse(folder / _PROVENANCE, read(_PROVENANCE, _LARGEST_JSON))
    provenance = read_provenance(fields, str(folder / _PROVENANCE))
    painter = _build(folder / _ARCHITECTURE, header)
    # No more is read than such a painter's weights take.
    largest = sum(
        4 * int(variable.size) + _LARGEST_ENTRY for variable in _weights(painter).values()
    )
    _fill(painter, folder / _WEIGHTS, read(_WEIGHTS, largest))
    draws = None
    if _LAW in checksums:
        expected = painter.twin()
        _fill(expected, folder / _EXPECTED, read(_EXPECTED, largest))
        draws = DrawModel(expected, _read_law(folder / _LAW, read(_LAW, _LARGEST_JSON)))
    return SavedPainter(painter, provenance, painter_hash(painter, draws), draws)


def painter_hash(painter: Painter, draws: DrawModel | None = None) -> str:
    """Give the SHA-256 of a painter's configuration, weights and draws, in whatever file."""
    digest = hashlib.sha256(_to_json(painter.get_config(), _ARCHITECTURE))
    parts = [painter] if draws is None else [painter, draws.painter]
    for part in parts:
        for name, values in _weights(part).items():
            digest.update(f"{name} {values.shape}".encode())
            digest.update(values.astype("<f4").tobytes())
    if draws is not None:
        digest.update(_to_json(_law_fields(draws.law), _LAW))
    return digest.hexdigest()


def _law_fields(law: CountLaw) -> dict[str, Any]:
    return {"expected": law.expected.tolist(), "probabilities": law.probabilities.tolist()}


def _read_law(path: Path, content: bytes) -> CountLaw:
    try:
        fields = _LawFields.model_validate(_parse(path, content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path}: {where or 'law'}: {first['msg']}") from error
    return CountLaw(np.array(fields.expected), np.array(fields.probabilities))


def _pack(painter: Painter) -> bytes:
    weights = _weights(painter)
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ModelError(f"weight {name} is not finite; a painter with it is not saved")
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **weights)
    return packed.getvalue()


def _fill(painter: Painter, path: Path, content: bytes) -> None:
    weights = _unpack(path, content, _weights(painter))
    for variable, values in zip(painter.weights, weights.values(), strict=True):
        variable.assign(values)


def _weights(painter: Painter) -> dict[str, NDArray[np.float32]]:
    # Keras numbers the names of layers by process; the order and the last part are stable.
    return {
        f"{index:03d}.{variable.name}": np.asarray(variable, dtype=np.float32)
        for index, variable in enumerate(painter.weights)
    }


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
        value = json.loads(content, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not valid JSON ({error}); copy the folder again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path} is not a JSON object; copy the folder again")
    if not all(text.isprintable() for text in _texts(value)):
        raise ModelError(f"{path} holds control characters; remove them")
    return value


def _texts(value: Any) -> Iterator[str]:
    """Give all texts of a JSON value, line breaks and tabs made spaces: some will be shown."""
    if isinstance(value, str):
        yield value.translate({ord(c): " " for c in "\n\r\t"})
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from (name, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field appears twice")
    return fields


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _to_json(value: dict[str, Any], name: str) -> bytes:
    try:
        return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} takes plain, finite JSON values only: {error}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_format(folder: Path, header: dict[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise ModelError(f"{folder} is not a saved painter: {_ARCHITECTURE} is of another format")
    if header.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{folder} has format version {header.get('format_version')!r} and this halopaint "
            f"reads {FORMAT_VERSION}; install the halopaint that wrote it"
        )


def _checksums(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    checksums = manifest.get("sha256")
    always = {_ARCHITECTURE, _WEIGHTS, _PROVENANCE}
    if not isinstance(checksums, dict) or set(checksums) not in (
        always,
        always | {_EXPECTED, _LAW},
    ):
        raise ModelError(
            f"{folder / _MANIFEST} does not list the checksums of a painter's files; copy the "
            "folder again"
        )
    return checksums


def _build(path: Path, header: dict[str, Any]) -> Painter:
    try:
        params = PainterParams.model_validate(header.get("painter"))
    except ValidationError as error:
        field = ".".join(str(part) for part in ("painter", *error.errors()[0]["loc"]))
        raise ModelError(f"{path}: {field}: {error.errors()[0]['msg']}") from error
    try:
        check_size(params)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return built_painter(**params.model_dump())


def check_size(params: PainterParams) -> None:
    """Raise `ModelError` if a painter is larger than any that `load_painter` would build."""
    numbers = (params.blocks, params.filters, params.head_layers, params.head_filters)
    if max(*numbers, *params.kernel_sizes) > _LARGEST_NUMBER:
        raise ModelError(f"a number above {_LARGEST_NUMBER} is more than any painter has")
    layers = params.blocks * len(params.kernel_sizes) + params.head_layers
    if layers > _MOST_LAYERS:
        raise ModelError(f"{layers} layers are more than any painter has ({_MOST_LAYERS})")
    kernels = sum(size**3 for size in params.kernel_sizes)
    weights = params.blocks * kernels * params.filters**2
    weights += params.head_layers * params.head_filters**2 + params.filters * params.head_filters
    if 4 * weights > _LARGEST_WEIGHTS:
        raise ModelError(f"about {weights:.1g} weights are more than any painter has")
    work = weights * (2 * params.margin + 1) ** 3
    if work > _MOST_WORK:
        raise ModelError(f"{work:.1g} multiplications to build it are more than any painter has")
    branches = params.filters * len(params.kernel_sizes)
    memory = 4 * (_TILE + 2 * params.margin) ** 3 * max(branches, params.head_filters)
    if memory > _MOST_MEMORY:
        raise ModelError(f"layers of {memory / 2**30:.0f} GiB a tile are more than any painter has")


def _unpack(
    path: Path, content: bytes, expected: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            held = {name.removesuffix(".npy") for name in names}
            if len(names) > len(held):
                raise ValueError("it holds an array twice")
            for name in sorted(set(expected) ^ held):
                what = "lacks" if name in expected else "holds an unknown"
                raise ModelError(f"{path} {what} weight {name}; it belongs to another painter")
            return {name: _array(path, archive, name, like) for name, like in expected.items()}
    except _NOT_AN_ARCHIVE as error:
        raise ModelError(f"{path} is not a plain .npz file ({error}); copy it again") from error


def _array(
    path: Path, archive: zipfile.ZipFile, name: str, like: NDArray[np.float32]
) -> NDArray[np.float32]:
    entry = archive.getinfo(f"{name}.npy")
    if entry.compress_type != zipfile.ZIP_STORED:  # a few bytes could unpack to any size
        raise ValueError(f"{name} is compressed")
    with archive.open(entry) as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another .npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != like.shape or dtype != np.dtype("<f4") or fortran:
            raise ModelError(
                f"{path}: weight {name} is {dtype} {shape}, and the architecture has "
                f"float32 {like.shape}"
            )
        content = file.read(like.nbytes + 1)
        if len(content) != like.nbytes:
            raise ValueError(f"{name} has not the size that it states")
        values = np.frombuffer(content, dtype="<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise ModelError(f"{path}: weight {name} holds NaN or infinite values; train again")
    return values
