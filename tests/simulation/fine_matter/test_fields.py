import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.simulation.fine_matter.fields import (
    FineSums,
    check_fine_memory,
    fine_estimate,
    fine_fields_of,
    make_fine_fields,
)
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density
from halokeras.simulation.lpt.density_file import write_density

BOX = LptBox(ABACUS_COSMOS["00"], seed=3, voxels=(16, 16, 16))


@pytest.fixture(scope="module")
def made():
    return make_fine_fields(BOX)


def test_the_finer_density_is_that_of_the_voxels_below_them(made):
    assert made.density.shape == (48, 48, 48)
    assert made.density.mean(dtype=float) == pytest.approx(1, abs=1e-5)
    coarse = made.density.reshape(16, 3, 16, 3, 16, 3).mean(axis=(1, 3, 5))
    density = make_density(BOX)
    # clouds of a voxel's side against those of a sub-voxel's, averaged in the voxel
    assert np.corrcoef(coarse.ravel(), density.ravel())[0, 1] > 0.95


def test_halos_move_by_linear_theory_on_large_scales(made):
    # continuity: div v = -a H f delta for the longest waves, in which 2LPT is linear
    assert made.velocity.shape == (3, 32, 32, 32)
    wave = 2 * np.pi / 64
    modes = np.fft.rfftn(made.density)[:, 0, 0] / made.density.size
    velocity = np.fft.rfftn(made.velocity[0])[:, 0, 0] / 32**3
    rate = 100 / 1.3 * np.sqrt(0.314153 * 1.3**3 + 0.685847) * 0.663  # f at z = 0.3 in box 00
    # sub-voxels and points of the velocity have their centres a quarter of one apart
    ratio = velocity[1] / (1j * rate * modes[1] / wave)
    assert abs(ratio) == pytest.approx(1, abs=0.1)
    assert abs(np.angle(ratio)) < 0.1


def test_the_smoothed_density_is_that_of_the_sub_voxels(made):
    coarse = made.density.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    coarse = coarse.reshape(32, 3, 32, 3, 32, 3).mean(axis=(1, 3, 5))
    smoothed = scipy.ndimage.gaussian_filter(coarse, 1.0, mode="wrap", truncate=6)  # of 2 Mpc/h
    # clouds of points against those of sub-voxels, shared out to points
    np.testing.assert_allclose(made.smoothed, smoothed, atol=0.03 * smoothed.max())
    assert np.corrcoef(made.smoothed.ravel(), smoothed.ravel())[0, 1] > 0.999


def test_the_particles_of_the_density_give_the_same_fields_whatever_the_threads(made, tmp_path):
    for workers in (1, 2):
        sums = FineSums.empty(BOX.voxels)
        particles = write_density(BOX, tmp_path / f"{workers}.h5", workers, beside=sums)
        again = fine_fields_of(sums, particles.speed, BOX, workers)
        for name in ("density", "velocity", "smoothed"):
            np.testing.assert_array_equal(getattr(again, name), getattr(made, name))


def test_too_little_memory_names_what_does_without():
    with pytest.raises(BoxError, match="--places uniform"):
        check_fine_memory(LptBox(ABACUS_COSMOS["00"], 1, (4096, 4096, 4096)))


def test_the_estimate_of_the_memory_is_what_is_allocated():
    box = replace(BOX, voxels=(32, 32, 32))
    make_fine_fields(box)  # what stays for good is there
    tracemalloc.start()
    try:
        make_fine_fields(box)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = fine_estimate(box).memory - fine_estimate(replace(BOX, voxels=(2, 2, 2))).memory
    small_box = 66 * 2**20  # displacements by small scales, whatever the box
    assert 0.9 * told < peak < 1.1 * (told + small_box)
