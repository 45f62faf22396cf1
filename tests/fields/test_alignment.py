import re

import numpy as np
import pytest
from scipy import fft

from halokeras.errors import BoxError
from halokeras.fields.alignment import check_alignment
from halokeras.fields.gridding import cloud_in_cell, count

SIDE, VOXEL = 16, 4.0
BOX = SIDE * VOXEL


@pytest.fixture(scope="module")
def clustered():
    """A density and halos that follow it, both from one smooth random field."""
    rng = np.random.default_rng(1)
    fine = 64
    k = np.sqrt(sum(axis**2 for axis in np.meshgrid(*[fft.fftfreq(fine)] * 3, indexing="ij")))
    noise = fft.fftn(rng.normal(size=(fine,) * 3))
    field = fft.ifftn(noise * np.exp(-((k / 0.08) ** 2))).real
    chance = np.exp(1.5 * field / field.std())
    places = rng.choice(fine**3, 60_000, p=(chance / chance.sum()).ravel())
    index = np.stack(np.unravel_index(places, (fine,) * 3), axis=-1)
    position = ((index + rng.random(index.shape)) * BOX / fine) % BOX
    return cloud_in_cell(position, (SIDE,) * 3, VOXEL), position[:3000]


def shifted_counts(position, voxels):
    return count((position + np.array(voxels) * VOXEL) % BOX, (SIDE,) * 3, VOXEL)


def test_an_aligned_pair_passes(clustered):
    density, position = clustered
    check_alignment(density, shifted_counts(position, (0, 0, 0)), VOXEL)


@pytest.mark.parametrize(
    "voxels", [(0.5, 0.5, 0.5), (0, 0, -0.5), (0, 2, 0), (-1.5, 3, 0), (-8, -8, -8)]
)
def test_the_shift_that_restores_the_alignment_is_named(clustered, voxels):
    density, position = clustered
    named = "({:+g}, {:+g}, {:+g})".format(*voxels)
    back = "({:+g}, {:+g}, {:+g}) Mpc/h".format(*(VOXEL * step for step in voxels))
    expected = rf"lie {re.escape(named)} voxels.*subtract {re.escape(back)}"
    with pytest.raises(BoxError, match=expected):
        check_alignment(density, shifted_counts(position, voxels), VOXEL)


def test_unrelated_fields_are_refused(clustered):
    density, position = clustered
    with pytest.raises(BoxError, match="do not follow the density"):
        check_alignment(density, shifted_counts(position[:, [1, 2, 0]], (0, 0, 0)), VOXEL)


def test_counts_without_halos_and_other_shapes_are_refused(clustered):
    density, _ = clustered
    with pytest.raises(BoxError, match="all zero"):
        check_alignment(density, np.zeros_like(density), VOXEL)
    with pytest.raises(BoxError, match="same voxels"):
        check_alignment(density, np.ones((4, 4, 4)), VOXEL)
