import numpy as np

from halokeras.simulation.slabs.sixteen_bits import in_sixteen_bits, read_planes


def rows(shape):
    """Random rows along x, whose sizes differ by many orders of magnitude."""
    random = np.random.default_rng(1)
    values = random.normal(size=shape) + 1j * random.normal(size=shape)
    sizes = 10.0 ** random.uniform(-20, 10, size=(shape[0], 1, *shape[2:]))
    return (values * sizes).astype(np.complex64)


def test_every_row_keeps_its_waves_to_the_share_of_its_own_largest_value():
    exact = rows((2, 40, 3, 9))
    exact[0, :, 1, 4] = 0
    kept, restored = in_sixteen_bits(exact, 2), np.empty_like(exact)
    assert kept.nbytes == exact.nbytes * 41 / 40 / 2
    for field, into in zip(kept, restored, strict=True):
        read_planes(field, range(40), into)
    parts, ours = (one.view(np.float32).reshape(2, 40, 3, 9, 2) for one in (exact, restored))
    largest = np.abs(parts).max(axis=(1, 4), keepdims=True)
    assert (np.abs(ours - parts) <= 0.51 / 32767 * largest).all()
    assert not restored[0, :, 1, 4].any()


def test_planes_are_read_alone_and_of_either_kind():
    exact = rows((1, 12, 2, 5))
    whole, some = np.empty_like(exact[0]), np.empty_like(exact[0, :3])
    planes = np.array([11, 0, 4])
    kept = in_sixteen_bits(exact, 1)[0]
    read_planes(kept, range(12), whole)
    read_planes(kept, planes, some)
    np.testing.assert_array_equal(some, whole[planes])
    read_planes(exact[0], planes, some)
    np.testing.assert_array_equal(some, exact[0, planes])
