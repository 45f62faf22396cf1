import numpy as np
import pytest

from halokeras.simulation.lpt.deposit import SlabSums, deposit_plane, deposit_planes


@pytest.mark.parametrize("reach", [0.5, 9.0, 40.0], ids=["near", "far", "around the box"])
@pytest.mark.parametrize("layer", [(8, 8), (8, 8, 4)], ids=["density", "velocity"])
def test_slabs_with_their_margins_add_up_to_the_whole(reach, layer):
    rng = np.random.default_rng(3)
    moved = rng.uniform(-reach, reach, (24, 6, 24, 24)).astype(np.float32)
    whole, added = np.zeros((8, *layer)), np.zeros((8, *layer))
    for x in range(24):
        deposit_plane(x, list(moved[x]), 3, whole)
    for own in (range(3), range(3, 8)):
        slab = SlabSums(own, layer, 3)
        for x in range(3 * own.start, 3 * own.stop):
            slab.add(x, list(moved[x]))
        sums = slab.sums()
        first = own.start - (len(sums) - len(own)) // 2
        for plane, values in enumerate(sums):
            added[(first + plane) % 8] += values
    np.testing.assert_allclose(added, whole, rtol=1e-9, atol=1e-9)


def test_margins_are_no_wider_than_need_be():
    slab = SlabSums(range(2, 4), (4, 4), 1)
    still = [np.zeros((4, 4), dtype=np.float32)] * 3
    slab.add(2, still)  # on the corner of a voxel: half of it in the voxel below
    slab.add(3, still)
    np.testing.assert_allclose(slab.sums().sum(axis=(1, 2)), [8, 16, 8, 0])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_what_particles_move_along_axes_is_summed_beside_them(kind):
    moved = np.random.default_rng(3).uniform(-4, 4, (3, 3, 24, 24)).astype(np.float32)
    plain, moving = np.zeros((8, 8, 8), kind), np.zeros((8, 8, 8, 4), kind)
    along = [np.full((24, 24), value, np.float32) for value in (0.5, -2.0, 3.0)]
    for x, plane in enumerate(moved):
        deposit_plane(x, list(plane), 3, plain)
        deposit_plane(x, [*plane, *along], 3, moving)
    assert plain.sum() == pytest.approx(3 * 24**2)
    expected = plain[..., np.newaxis] * np.array([1, 0.5, -2, 3])
    np.testing.assert_allclose(moving, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", [(30, 30), (30, 30, 4)], ids=["density", "velocity"])
def test_planes_are_added_together_as_one_by_one(layer):
    moved = np.random.default_rng(3).uniform(-4, 4, (3, 6, 90, 90)).astype(np.float32)
    together, apart = np.zeros((8, *layer)), np.zeros((8, *layer))
    deposit_planes(5, [list(plane) for plane in moved], 3, together, origin=1)
    for x, plane in enumerate(moved):
        deposit_plane(5 + x, list(plane), 3, apart, origin=1)
    np.testing.assert_allclose(together, apart, rtol=1e-9, atol=1e-9)
