from dataclasses import replace

import numpy as np

from halokeras.boxes.box import Box, box_hash
from halokeras.boxes.box_file import read_box, write_box
from halokeras.boxes.halos import Halos
from halokeras.boxes.precision import keep_bits, rounded_box


def a_box(halos=2000, voxels=16, side=64.0):
    rng = np.random.default_rng(1)
    density = rng.lognormal(0, 1, (voxels,) * 3).astype(np.float32)
    number = np.sort(rng.integers(20, 500, halos))[::-1]
    mass = (number * 8.7e10).astype(np.float32)
    within = (rng.integers(5, 400, halos) * 8.7e10).astype(np.float32)
    return Box(
        voxel_size=side / voxels,
        redshift=0.3,
        cosmology=None,
        density=density / density.mean(dtype=np.float64).astype(np.float32),
        halos=Halos(
            position=(rng.random((halos, 3)) * side).astype(np.float32),
            mass=mass,
            particles=number,
            velocity=rng.normal(0, 300, (halos, 3)).astype(np.float32),
            velocity_dispersion=rng.uniform(40, 400, halos).astype(np.float32),
            mass_200b=within,
            radius_200b=np.cbrt(within / 7e13).astype(np.float32),
        ),
    )


def test_values_are_within_the_stated_precision_and_masses_exact():
    box = a_box()
    rounded = rounded_box(box)
    np.testing.assert_allclose(rounded.density, box.density, rtol=2.5e-4)
    before, after = box.halos, rounded.halos
    for name in ("mass", "particles"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    np.testing.assert_allclose(after.mass_200b, before.mass_200b, rtol=2.5e-4)
    np.testing.assert_allclose(after.radius_200b, before.radius_200b, rtol=5e-4)
    apart = (after.position - before.position + 32) % 64 - 32
    assert np.abs(apart).max() <= 2.0**-9
    assert np.abs(after.velocity - before.velocity).max() <= 0.25
    assert np.abs(after.velocity_dispersion - before.velocity_dispersion).max() <= 0.25


def test_a_position_next_to_the_upper_face_comes_to_lie_on_the_lower_one():
    box = a_box(halos=1)
    halos = Halos(position=np.array([[63.9999, 0.0, 32.0]], np.float32))
    assert rounded_box(replace(box, halos=halos)).halos.position.tolist() == [[0, 0, 32]]


def test_rounding_again_changes_nothing_and_the_file_holds_what_was_rounded(tmp_path):
    once = rounded_box(a_box())
    assert box_hash(rounded_box(once)) == box_hash(once)
    write_box(once, tmp_path / "box.h5")
    assert box_hash(read_box(tmp_path / "box.h5")) == box_hash(once)


def test_the_file_of_a_rounded_box_is_a_third_smaller(tmp_path):
    box = a_box(halos=20_000)
    sizes = []
    for name, one in (("whole", box), ("rounded", rounded_box(box))):
        write_box(one, tmp_path / f"{name}.h5")
        sizes.append((tmp_path / f"{name}.h5").stat().st_size)
    assert sizes[1] < sizes[0] * 2 / 3


def test_bits_are_rounded_to_the_nearest_and_ties_to_even():
    steps = np.array([1, 1 + 1 / 8, 1 + 3 / 8, 1.2, -1.3, 0, 1.99], np.float32)
    assert keep_bits(steps, 2).tolist() == [1, 1, 1.5, 1.25, -1.25, 0, 2]


def test_a_box_of_a_density_alone_is_rounded_too():
    rounded = rounded_box(replace(a_box(), halos=None))
    assert rounded.halos is None
    assert (rounded.density.view(np.uint32) % 2**12 == 0).all()
