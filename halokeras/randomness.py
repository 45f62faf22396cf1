"""Random numbers as a pure function of (seed, purpose, index).

No generator carries state from one use to the next: what step 1000 draws does not depend on
whether steps 0 to 999 ran in this process, so resuming and re-ordering change nothing.
"""

import zlib

import numpy as np


def fold_in(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """Give the generator that belongs to `index` of `purpose` under `seed`.

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
