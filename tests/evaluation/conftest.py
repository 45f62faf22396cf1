from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import Halos


@pytest.fixture(scope="session")
def two_boxes(shared_box):
    """Two realisations that differ, so that there is a spread between them."""
    rng = np.random.default_rng(8)
    density = rng.lognormal(sigma=0.8, size=shared_box.shape).astype(np.float32)
    density /= density.mean()
    voxels = np.argwhere(rng.poisson(0.3 * density) > 0)
    halos = Halos(
        position=(4 * (voxels + rng.uniform(0, 0.99, voxels.shape))).astype(np.float32),
        mass=(10 ** rng.uniform(12.31, 14, len(voxels))).astype(np.float32),
    )
    return {"one": shared_box, "two": replace(shared_box, density=density, halos=halos)}
