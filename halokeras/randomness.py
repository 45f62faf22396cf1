"""Random numbers as a pure function of (seed, purpose, index).

No generator carries state from one use to the next: what step 1000 draws does not depend on
whether steps 0 to 999 ran in this process, so resuming and re-ordering change nothing.
"""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def fold_in(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Return the generator that belongs to `index` of `purpose` under `seed`.

    Parameters
    ----------
    seed
        The user's seed, not negative.
    purpose
        What the numbers are for, such as ``"crops"``; different purposes are independent.
    index
        The training step, voxel or tile they belong to, not negative.
    """
    key = (seed, zlib.crc32(purpose.encode()), index)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def uniform_at(seed: int, purpose: str, index: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Return the numbers in [0, 1) that belong to many indices of `purpose` under `seed`.

    Parameters
    ----------
    seed, purpose
        As in `fold_in`.
    index
        Of any shape, such as the global indices of voxels.

    Notes
    -----
    The 53 upper bits of SplitMix64 (Steele, Lea & Flood 2014) at position `index` of the stream
    that starts at a state drawn from (seed, purpose).
    """
    state = np.uint64(fold_in(seed, purpose).integers(2**64, dtype=np.uint64))
    with np.errstate(over="ignore"):  # the arithmetic is modulo 2^64
        bits = state + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        bits = mix(bits)
    places: NDArray[np.float64] = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return places


def mix(value: Any) -> Any:
    """Mix the bits of uint64, an array or, once numba has compiled this, a number.

    The finaliser of SplitMix64 (Steele, Lea & Flood 2014), modulo 2^64.
    """
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
