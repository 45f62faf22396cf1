"""The 48 orientations of a cube: of training crops, and of catalogues that are put right."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halokeras.fields.gridding import count
from halokeras.fields.orientation import Orientation, move_counts, move_positions
from halokeras.training.boxes import TrainingBoxes
from halokeras.training.crops import CropStream

orientations = st.builds(
    Orientation,
    axes=st.permutations(range(3)).map(tuple),
    flipped=st.tuples(*[st.booleans()] * 3),
    shift=st.tuples(*[st.integers(-9, 9).map(float)] * 3),
)
SIDE = 5


def inverse(turn):
    """What undoes `turn`: first its shift, then its flips and its order of the axes."""
    axes, flipped, shift = [0, 0, 0], [False] * 3, [0.0] * 3
    for new, old in enumerate(turn.axes):
        axes[old], flipped[old] = new, turn.flipped[new]
        shift[old] = turn.shift[new] if turn.flipped[new] else -turn.shift[new]
    return Orientation(tuple(axes), tuple(flipped), tuple(shift))


def field(seed):
    return np.random.default_rng(seed).integers(0, 9, (SIDE,) * 3)


@given(turn=orientations, seed=st.integers(0, 9))
def test_an_orientation_and_its_inverse_leave_counts_as_they_are(turn, seed):
    counts = field(seed)
    np.testing.assert_array_equal(move_counts(move_counts(counts, turn), inverse(turn)), counts)
    np.testing.assert_array_equal(move_counts(move_counts(counts, inverse(turn)), turn), counts)


@given(turn=orientations, seed=st.integers(0, 99))
def test_positions_are_counted_where_their_counts_are_moved(turn, seed):
    # in the middle of 1/64 of voxels of 4, off every face
    place = np.random.default_rng(seed).integers(0, 64 * SIDE, (30, 3)) + 0.5
    position = (place / 16).astype(np.float32)
    moved = move_positions(position, turn, 4.0 * SIDE, 4.0)
    assert ((moved >= 0) & (moved < 4 * SIDE)).all()
    shape = (SIDE,) * 3
    np.testing.assert_array_equal(
        count(moved, shape, 4.0), move_counts(count(position, shape, 4.0), turn)
    )
    back = move_positions(moved, inverse(turn), 4.0 * SIDE, 4.0)
    np.testing.assert_array_equal(back, position)


@given(first=orientations, second=orientations)
def test_two_orientations_after_each_other_are_one_of_the_48(first, second):
    counts = np.arange(SIDE**3).reshape((SIDE,) * 3)
    both = move_counts(move_counts(counts, first), second)
    assert sorted(both.ravel()) == list(range(SIDE**3))
    found = [
        turn
        for axes, flipped in product(permutations(range(3)), product((False, True), repeat=3))
        if _is_rolled(both, move_counts(counts, turn := Orientation(axes, flipped)))
    ]
    assert len(found) == 1


def _is_rolled(one, other):
    """Whether two grids of different numbers are each other's, moved periodically."""
    start = np.argwhere(other == one[0, 0, 0])[0]
    return np.array_equal(np.roll(other, -start, axis=(0, 1, 2)), one)


@pytest.fixture(scope="module")
def crops():
    """Density crops, their counts and the inner voxels of the former, of 60 draws."""
    density = np.random.default_rng(1).permutation(2 * 6**3).astype(np.float32)
    density = density.reshape(2, 6, 6, 6)
    stream = CropStream(TrainingBoxes.of(density, 3 * density + 1), crop_size=4, margin=1)
    drawn = list(stream.steps(0, 20, 1, 3, (7, 8)))
    return density, [
        (d.numpy()[0, i, ..., 0], c.numpy()[0, i, ..., 0]) for d, c in drawn for i in range(3)
    ]


@settings(max_examples=60)
@given(number=st.integers(0, 59))
def test_density_and_counts_of_a_crop_are_turned_alike(crops, number):
    boxes, drawn = crops
    density, counts = drawn[number]
    np.testing.assert_array_equal(counts, 3 * density[1:-1, 1:-1, 1:-1] + 1)
    box = next(box for box in boxes if density[0, 0, 0] in box)
    found = 0
    for axes, flipped in product(permutations(range(3)), product((False, True), repeat=3)):
        turned = move_counts(box, Orientation(axes, flipped))
        start = np.argwhere(turned == density[0, 0, 0])[0]
        rolled = np.roll(turned, -start, axis=(0, 1, 2))
        found += np.array_equal(rolled, density)
    assert found == 1
