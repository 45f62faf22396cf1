"""Positions wrap into [0, L), and moving everything by whole voxels moves the grids by as many."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from halokeras.fields.gridding import cloud_in_cell, count, wrap

shapes = st.tuples(*[st.integers(1, 6)] * 3)
steps = st.tuples(*[st.integers(-9, 9)] * 3)
# Multiples of 1/64 of a voxel of 4: sums and wraps of them are exact.
sixty_fourths = arrays(
    np.int64, st.tuples(st.integers(1, 30), st.just(3)), elements=st.integers(0, 10**5)
)


@given(
    box_size=st.floats(1e-3, 1e5),
    position=arrays(
        np.float64, st.integers(1, 20), elements=st.floats(-1e7, 1e7, allow_subnormal=True)
    ),
)
def test_wrapped_positions_lie_in_the_box_at_the_same_place(box_size, position):
    inside = wrap(position, box_size)
    assert inside.dtype == np.float32
    assert ((inside >= 0) & (inside < box_size)).all()
    turns = (inside.astype(np.float64) - position) / box_size
    rounding = 1e-6 + 1e-15 * np.abs(position) / box_size
    assert (np.abs(turns - np.rint(turns)) <= rounding).all()


@given(box_size=st.floats(1e-3, 1e5))
def test_positions_that_round_to_the_upper_face_are_at_the_lower(box_size):
    faces = np.array([box_size, np.nextafter(box_size, 0), -1e-30, -0.0, 0.0])
    inside = wrap(faces, box_size)
    assert ((inside >= 0) & (inside < box_size)).all()


@given(shape=shapes, voxel_size=st.floats(0.1, 50), seed=st.integers(0, 99))
def test_every_wrapped_position_is_counted_once(shape, voxel_size, seed):
    side = min(shape) * voxel_size
    position = wrap(np.random.default_rng(seed).normal(0, 3 * side, (40, 3)), side)
    position[0] = np.nextafter(np.float32(side), np.float32(0))
    assume((position < side).all())
    assert count(position, shape, voxel_size).sum() == 40


@given(shape=shapes, place=sixty_fourths, step=steps)
def test_counts_move_with_the_halos(shape, place, step):
    sides = 64 * np.array(shape)
    before, after = place % sides, (place + 64 * np.array(step)) % sides
    counts = count(before / 16, shape, 4.0)
    np.testing.assert_array_equal(
        count(after / 16, shape, 4.0), np.roll(counts, step, axis=(0, 1, 2))
    )


@given(shape=shapes, place=sixty_fourths, step=steps)
def test_density_moves_with_the_particles_and_keeps_their_mass(shape, place, step):
    density = cloud_in_cell(place / 16, shape, 4.0)
    moved = cloud_in_cell(place / 16 + 4.0 * np.array(step), shape, 4.0)
    np.testing.assert_array_equal(moved, np.roll(density, step, axis=(0, 1, 2)))
    np.testing.assert_allclose(density.mean(dtype=np.float64), 1, rtol=1e-6)
    assert (density >= 0).all()


@given(shape=shapes, seed=st.integers(0, 99), fraction=st.integers(1, 39))
def test_density_is_the_mean_of_those_of_its_parts(shape, seed, fraction):
    position = np.random.default_rng(seed).uniform(-50, 50, (40, 3))
    parts = [position[:fraction], position[fraction:]]
    mean = sum(len(part) / 40 * cloud_in_cell(part, shape, 3.0).astype(float) for part in parts)
    np.testing.assert_allclose(cloud_in_cell(position, shape, 3.0), mean, rtol=1e-5, atol=1e-5)
