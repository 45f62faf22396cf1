"""A painter saved as plain arrays and JSON, with where it comes from and what it was trained on.

A saved painter is a folder of four files, none of which can run code::

    architecture.json   format, format version and the painter's constructor arguments
    weights.npz         one float32 array per weight, named and shaped as the architecture says
    provenance.json     training boxes, voxel size, redshift, cosmology, params, scores, ...
    manifest.json       SHA-256 of the other three, so that a damaged file is noticed and named
"""

import ctypes
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from halokeras.errors import ModelError, OutputError
from halokeras.files import sync, unwritable
from halokeras.networks.painter import Painter, built_painter
from halokeras.params import PainterParams
from halokeras.training.provenance import Provenance, read_provenance

FORMAT = "halopaint painter"
FORMAT_VERSION = 1
_ARCHITECTURE, _WEIGHTS, _PROVENANCE = "architecture.json", "weights.npz", "provenance.json"
_MANIFEST = "manifest.json"
_LARGEST_JSON = 16 * 2**20  # bytes
_LARGEST_WEIGHTS = 512 * 2**20  # bytes


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
        SHA-256 of the architecture and the weights; it names the painter in painted boxes.
    """

    painter: Painter
    provenance: Provenance
    hash: str


def save_painter(painter: Painter, provenance: dict[str, Any], folder: Path) -> None:
    """Write `painter` as a folder that is afterwards the new one, or on failure the old, whole.

    Parameters
    ----------
    painter
        A built painter.
    provenance
        The fields of `Provenance` and whatever else should be known: plain JSON values.
    folder
        Where to put it; a painter that is there is replaced.

    Raises
    ------
    ModelError
        If a weight is not finite, or the provenance lacks a field or is not plain JSON.
    OutputError
        If the folder cannot be written.
    """
    checked = read_provenance(provenance, _PROVENANCE)
    weights = _weights(painter)
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ModelError(f"weight {name} is not finite; a painter with it is not saved")
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, "painter": painter.get_config()}
    packed = io.BytesIO()
    np.savez(packed, allow_pickle=False, **weights)
    files = {
        _ARCHITECTURE: _to_json(header, _ARCHITECTURE),
        _WEIGHTS: packed.getvalue(),
        _PROVENANCE: _to_json(checked.model_dump(), _PROVENANCE),
    }
    manifest = {"sha256": {name: _sha256(content) for name, content in files.items()}}
    files[_MANIFEST] = _to_json(manifest, _MANIFEST)
    with _whole_folder(folder) as temporary:
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
    manifest = _parse(folder / _MANIFEST, _read(folder / _MANIFEST, _LARGEST_JSON))
    files = {
        _ARCHITECTURE: _read(folder / _ARCHITECTURE, _LARGEST_JSON),
        _PROVENANCE: _read(folder / _PROVENANCE, _LARGEST_JSON),
        _WEIGHTS: _read(folder / _WEIGHTS, _LARGEST_WEIGHTS),
    }
    header = _parse(folder / _ARCHITECTURE, files[_ARCHITECTURE])
    fields = _parse(folder / _PROVENANCE, files[_PROVENANCE])
    _check_format(folder, header)
    _check_manifest(folder, manifest, files)
    provenance = read_provenance(fields, str(folder / _PROVENANCE))
    painter = _build(folder / _ARCHITECTURE, header)
    weights = _unpack(folder / _WEIGHTS, files[_WEIGHTS], _weights(painter))
    for variable, values in zip(painter.weights, weights.values(), strict=True):
        variable.assign(values)
    return SavedPainter(painter, provenance, painter_hash(painter))


def painter_hash(painter: Painter) -> str:
    """Give the SHA-256 of the painter's configuration and weights, whatever file they are in."""
    digest = hashlib.sha256(_to_json(painter.get_config(), _ARCHITECTURE))
    for name, values in _weights(painter).items():
        digest.update(f"{name} {values.shape}".encode())
        digest.update(values.astype("<f4").tobytes())
    return digest.hexdigest()


def _weights(painter: Painter) -> dict[str, NDArray[np.float32]]:
    # Keras numbers the names of layers by process; the order and the last part are stable.
    return {
        f"{index:03d}.{variable.name}": np.asarray(variable, dtype=np.float32)
        for index, variable in enumerate(painter.weights)
    }


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


def _check_manifest(folder: Path, manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    checksums = manifest.get("sha256")
    if not isinstance(checksums, dict):
        raise ModelError(f"{folder / _MANIFEST} lists no checksums; copy the folder again")
    for name, content in files.items():
        if checksums.get(name) != _sha256(content):
            raise ModelError(
                f"{folder / name} is damaged or edited: its checksum is not the one in "
                f"{_MANIFEST}; copy the folder again"
            )


def _build(path: Path, header: dict[str, Any]) -> Painter:
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
    return built_painter(**params.model_dump())


def _unpack(
    path: Path, content: bytes, expected: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            held = {name.removesuffix(".npy") for name in archive.namelist()}
            for name in sorted(set(expected) ^ held):
                what = "lacks" if name in expected else "holds an unknown"
                raise ModelError(f"{path} {what} weight {name}; it belongs to another painter")
            return {name: _array(path, archive, name, like) for name, like in expected.items()}
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError, RuntimeError) as error:
        raise ModelError(f"{path} is not a plain .npz file ({error}); copy it again") from error


def _array(
    path: Path, archive: zipfile.ZipFile, name: str, like: NDArray[np.float32]
) -> NDArray[np.float32]:
    with archive.open(f"{name}.npy") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{name} is of another .npy version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != like.shape or dtype != np.dtype("<f4") or fortran:
            raise ModelError(
                f"{path}: weight {name} is {dtype} {shape}, and the architecture has "
                f"float32 {like.shape}"
            )
        values = np.frombuffer(file.read(like.nbytes), dtype="<f4").reshape(shape)
    if not np.isfinite(values).all():
        raise ModelError(f"{path}: weight {name} holds NaN or infinite values; train again")
    return values


@contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    temporary: Path | None = None
    target = target.resolve()
    if target.exists() and not (target / _ARCHITECTURE).exists() and not _is_empty(target):
        raise OutputError(f"{target} is there and no saved painter; choose another folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        temporary.chmod(0o755)
        yield temporary
        for path in [*temporary.iterdir(), temporary]:
            sync(path)
        _swap(temporary, target)
        sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _swap(temporary: Path, target: Path) -> None:
    """Give `temporary` the name `target`; what had that name gets the temporary one."""
    if not target.exists():
        temporary.rename(target)
        return
    if _exchange(temporary, target):
        return
    # A file system that cannot exchange, such as NFS: the old folder steps aside for a moment.
    aside = temporary.with_name(f"{temporary.name}.old")
    target.rename(aside)
    temporary.rename(target)
    aside.rename(temporary)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step of the system; tell whether it could."""
    libc = ctypes.CDLL(None)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        return bool(libc.renamex_np(*names, 2) == 0)
    return bool(libc.renameat2(-100, names[0], -100, names[1], 2) == 0)


def _is_empty(target: Path) -> bool:
    return target.is_dir() and not any(target.iterdir())
