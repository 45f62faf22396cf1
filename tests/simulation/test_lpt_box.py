from dataclasses import replace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import BoxError
from halokeras.simulation.lpt_box import LptBox

SMALL = LptBox(box_cosmology("00"), 7, (16, 16, 16), box_id="00")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seed": -1}, "seed -1 must lie between 0 and"),
        ({"voxels": (1, 16, 16)}, "1x16x16 are too few"),
        ({"voxel_size": 0.0}, "must be positive"),
        ({"redshift": -0.5}, "redshift -0.5 must lie between 0 and 9999"),
        ({"redshift": 1e9}, "must lie between 0 and 9999"),
        ({"redshift": np.nan}, "must lie between 0 and 9999"),
        ({"voxels": (211, 199, 197)}, "no simple ratio"),
    ],
)
def test_what_cannot_be_made_is_refused(wrong, told):
    with pytest.raises(BoxError, match=told):
        replace(SMALL, **wrong)
