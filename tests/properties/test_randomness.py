import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from halokeras.randomness import fold_in, uniform_at

seeds = st.integers(0, 2**63)
purposes = st.text(max_size=20).filter(lambda text: text.isprintable())


@given(seed=seeds, purpose=purposes, index=st.integers(0, 2**62))
def test_a_key_draws_the_same_numbers_again_and_others_draw_others(seed, purpose, index):
    drawn = fold_in(seed, purpose, index).integers(2**62, size=3)
    np.testing.assert_array_equal(fold_in(seed, purpose, index).integers(2**62, size=3), drawn)
    for other in ((seed + 1, purpose, index), (seed, purpose + "x", index)):
        assert (fold_in(*other).integers(2**62, size=3) != drawn).any()
    assert (fold_in(seed, purpose, index + 1).integers(2**62, size=3) != drawn).any()


@given(
    seed=seeds,
    purpose=purposes,
    index=arrays(np.uint64, st.integers(2, 300), elements=st.integers(0, 2**64 - 1), unique=True),
)
def test_uniform_numbers_are_distinct_in_range_and_of_their_index_alone(seed, purpose, index):
    numbers = uniform_at(seed, purpose, index)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert len(np.unique(numbers)) == len(index)
    order = np.random.default_rng(0).permutation(len(index))
    np.testing.assert_array_equal(uniform_at(seed, purpose, index[order]), numbers[order])
    np.testing.assert_array_equal(uniform_at(seed, purpose, index[:1]), numbers[:1])
