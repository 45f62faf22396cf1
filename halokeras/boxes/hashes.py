"""The hash that names a box, and what is seen of a grid while it is hashed, slab by slab.

An array of one slab, up to 2^24 values, is hashed as it is; of a larger one the SHA-256 of every
slab is, in their order. So the slabs of a large array are hashed in any order and by anybody, and
whoever has their digests has the hash.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from halokeras.boxes.halos import DATASETS
from halokeras.cosmology.cosmology import Cosmology
from halokeras.storage.grid import Grid, Survey, least_and_total, slab_ranges, slabs

_HASHED_PROVENANCE = ("density_scheme", "halo_finder", "mass_definition", "particle_mass")
_DTYPES = {"density": "f4", **{name: column.dtype for name, column in DATASETS.items()}}


class Seen(NamedTuple):
    """What was seen of a slab of a density.

    Attributes
    ----------
    minimum, total, size
        The least value, the sum, and the number of values; the first two are not finite if a
        value is not.
    digest
        SHA-256 of the values as they are hashed.
    """

    minimum: float
    total: float
    size: int
    digest: bytes


def see(density: Grid) -> list[Seen]:
    """Look at every value of a density once, in the slabs that it is hashed in."""
    return [see_slab(slab) for slab in slabs(density)]


def see_slab(slab: NDArray[Any]) -> Seen:
    """Look at every value of one of those slabs."""
    minimum, total = least_and_total(slab)
    values = _stored_bytes(slab, np.dtype(_DTYPES["density"]).newbyteorder("<"))
    return Seen(minimum, total, slab.size, hashlib.sha256(values).digest())


def surveyed_by(seen: Sequence[Seen]) -> Survey:
    """Return what was seen of all slabs together."""
    minimum, total = np.inf, 0.0
    for slab in seen:
        minimum = float(np.minimum(minimum, slab.minimum))  # keeps a NaN
        total += slab.total
    return Survey(minimum, total / sum(slab.size for slab in seen))


def hash_fields(
    voxel_size: float,
    redshift: float,
    cosmology: Cosmology | None,
    provenance: Mapping[str, str | int | float],
    arrays: Mapping[str, Grid],
    seen: Mapping[str, Sequence[Seen]] | None = None,
) -> str:
    """Hash what `box_hash` hashes, of a box whose arrays may still be in their file.

    Parameters
    ----------
    voxel_size, redshift, cosmology, provenance
        As a box tells them.
    arrays
        By the names that they have in its file.
    seen
        What was seen of some of them, which are not read again for it.

    Returns
    -------
    str
        sha256, hexadecimal.
    """
    digest = hashlib.sha256()
    attributes: list[object] = [float(voxel_size), float(redshift), cosmology]
    attributes += [provenance.get(name) for name in _HASHED_PROVENANCE]
    digest.update(repr(attributes).encode())
    for name, array in arrays.items():
        kept = _DTYPES.get(name, array[:0].dtype)  # counts are hashed in their own
        stored = np.dtype(kept).newbyteorder("<")
        digest.update(f"{name} {tuple(array.shape)} {stored.str}".encode())
        known = (seen or {}).get(name)
        if len(slab_ranges(array.shape)) <= 1:
            for slab in slabs(array):
                digest.update(_stored_bytes(slab, stored))
        elif known is not None:
            digest.update(b"".join(slab.digest for slab in known))
        else:
            for slab in slabs(array):
                digest.update(hashlib.sha256(_stored_bytes(slab, stored)).digest())
    return digest.hexdigest()


def _stored_bytes(slab: NDArray[Any], stored: np.dtype[Any]) -> memoryview:
    with np.errstate(over="ignore"):  # of halos that nobody has looked at
        return np.ascontiguousarray(slab, dtype=stored).data
