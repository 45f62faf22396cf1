"""The weights of a painter in a file: safetensors, or the ``.npz`` of older painters.

Neither can run code. From a ``.npz`` no more is allocated than the file itself holds;
safetensors checks that its header covers the file before anything is read.
"""

import io
import math
import struct
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from halokeras.errors import ModelError
from halokeras.storage.unreadable import UNREADABLE

Weights = dict[str, NDArray[np.float32]]

SUFFIX, OLDER_SUFFIX = ".safetensors", ".npz"

_NOT_AN_ARCHIVE = (*UNREADABLE, struct.error)
"""What zipfile and numpy raise for malformed input."""


def pack(weights: Weights) -> bytes:
    """Return the content of a safetensors file, or raise `ModelError` for what is not finite."""
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ModelError(f"weight {name} is not finite; a painter with it is not saved")
    return bytes(save(weights))


def unpack(path: Path, content: bytes) -> Weights:
    """Return the finite float32 arrays in the content of `path`, in the order of their names.

    Raises
    ------
    ModelError
        If the file is malformed or holds anything else.
    """
    if path.suffix == OLDER_SUFFIX:
        weights = _unpack_npz(path, content)
    else:
        try:
            weights = load(content)
        except (SafetensorError, *UNREADABLE) as error:
            raise ModelError(
                f"{path} is not a safetensors file ({error}); copy it again"
            ) from error
    for name, values in weights.items():
        if values.dtype != np.dtype("<f4"):
            raise ModelError(f"{path}: weight {name} is {values.dtype} and not float32")
        if not np.isfinite(values).all():
            raise ModelError(f"{path}: weight {name} holds NaN or infinite values; train again")
    return dict(sorted(weights.items()))


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


def _unpack_npz(path: Path, content: bytes) -> Weights:
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
        return np.frombuffer(content, dtype="<f4").reshape(shape)
