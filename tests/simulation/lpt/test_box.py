from dataclasses import replace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import BoxError
from halokeras.simulation.lpt.box import LptBox

SMALL = LptBox(box_cosmology("00"), 7, (16, 16, 16), box_id="00")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"seed": -1}, "seed -1 must lie between 0 and"),
        ({"voxels": (1, 16, 16)}, "1x16x16 are too few"),
        ({"voxel_size": 0.0}, "a side of 0 Mpc/h has modes .* between 0.64 and 60,000"),
        ({"voxel_size": 1e-31}, "a side of 1.6e-30 Mpc/h"),
        ({"voxel_size": 1e109}, "between 0.64 and 60,000 Mpc/h"),
        ({"voxel_size": np.inf}, "a side of inf Mpc/h"),
        ({"voxel_size": np.nan}, "a side of nan Mpc/h"),
        ({"redshift": -0.5}, "redshift -0.5 must lie between 0 and 9999"),
        ({"redshift": 1e9}, "must lie between 0 and 9999"),
        ({"redshift": np.nan}, "must lie between 0 and 9999"),
        ({"voxels": (211, 199, 197)}, "no simple ratio"),
    ],
)
def test_what_cannot_be_made_is_refused(wrong, told):
    with pytest.raises(BoxError, match=told):
        replace(SMALL, **wrong)
