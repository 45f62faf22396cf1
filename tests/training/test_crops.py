from collections import Counter
from itertools import product

import numpy as np

from halokeras.training.boxes import TrainingBoxes
from halokeras.training.crops import CropStream


def stream(crop_size=4, margin=2, **kwargs):
    """Boxes whose voxels all differ, and counts that are the density's negative."""
    density = np.arange(2 * 8**3, dtype=np.float32).reshape(2, 8, 8, 8) + 1
    return CropStream(TrainingBoxes.of(density, -density), crop_size, margin, **kwargs)


def crops(start, stop, **kwargs):
    return [(d.numpy(), c.numpy()) for d, c in stream(**kwargs).steps(start, stop, 2, 3, (5, 6))]


def test_counts_lie_on_the_inner_voxels_of_their_density():
    for density, counts in crops(0, 4):
        assert density.shape == (2, 3, 8, 8, 8, 1)
        assert counts.shape == (2, 3, 4, 4, 4, 1)
        np.testing.assert_array_equal(counts, -density[:, :, 2:-2, 2:-2, 2:-2])


def test_a_stream_that_starts_later_equals_the_rest_of_one_that_came_there():
    for (density, counts), (later_density, later_counts) in zip(
        crops(0, 5)[3:], crops(3, 5), strict=True
    ):
        np.testing.assert_array_equal(density, later_density)
        np.testing.assert_array_equal(counts, later_counts)


def steps_along_axes(crop):
    """What the numbers of a crop of unequal voxels grow by along x, y and z."""
    return tuple(float(crop[tuple(unit)] - crop[0, 0, 0]) for unit in np.eye(3, dtype=int))


def test_crops_use_every_box_and_all_48_orientations_and_wrap():
    boxes, orientations, places = set(), set(), set()
    for density, _ in crops(0, 200, crop_size=2, margin=0):
        for crop in density.reshape(-1, 2, 2, 2):
            steps = steps_along_axes(crop)
            boxes.add(int(crop.flat[0] > 512))
            places.add(crop.min())
            if all(abs(step) in (1, 8, 64) for step in steps):  # not across the wrap
                orientations.add(steps)
    assert boxes == {0, 1}
    assert len(orientations) == 48
    assert len(places) > 400


def test_crops_that_are_not_mirrored_are_the_24_rotations_equally_often():
    drawn = Counter(
        steps_along_axes(crop)
        for density, _ in crops(0, 400, crop_size=2, margin=0, wraps=False, reflects=False)
        for crop in density.reshape(-1, 2, 2, 2)
    )
    assert len(drawn) == 24
    for steps in drawn:
        # columns: the box's x, y and z, along which its numbers grow by 64, 8 and 1
        turn = np.sign(steps)[:, None] * (np.abs(steps)[:, None] == [64, 8, 1])
        assert np.linalg.det(turn) == 1
    # 2,400 draws of 24: 100 +- 10 each
    assert 60 < min(drawn.values()) <= max(drawn.values()) < 140


def test_crops_that_do_not_wrap_lie_in_their_box_with_their_margin_anywhere():
    places = set()
    for density, counts in crops(0, 100, crop_size=3, margin=1, wraps=False):
        np.testing.assert_array_equal(counts, -density[:, :, 1:-1, 1:-1, 1:-1])
        for crop in density.reshape(-1, 5, 5, 5):
            first = int(crop.min()) - 1
            _, x, y, z = np.unravel_index(first, (2, 8, 8, 8))
            places.add((x, y, z))
            # 5 voxels that grow by 64, 8 and 1: a crop across a face would not
            assert crop.max() - crop.min() == 4 * (64 + 8 + 1)
            assert max(x, y, z) <= 3
    assert places == set(product(range(4), repeat=3))


def test_a_crop_across_the_edge_comes_from_the_other_side():
    wide = stream(crop_size=8, margin=2)
    density, _ = next(iter(wide.steps(0, 1, 1, 1, (1, 1))))
    field = density.numpy()[0, 0, ..., 0]
    np.testing.assert_array_equal(field[:4], field[8:])
    np.testing.assert_array_equal(field[:, :4], field[:, 8:])


def test_shares_of_replicas_are_the_whole_batch():
    whole = next(iter(stream().steps(3, 4, 2, 6, (5, 6))))
    shares = [next(iter(stream().steps(3, 4, 2, 6, (5, 6), r, 3))) for r in range(3)]
    for field in range(2):
        together = np.concatenate([share[field] for share in shares], axis=1)
        np.testing.assert_array_equal(together, whole[field])
