import numpy as np
import pytest

from halokeras.storage import grid
from halokeras.storage.grid import slabs, survey, surveyed


def test_slabs_are_the_grid_and_what_was_seen_grows_with_them(monkeypatch):
    values = np.random.default_rng(1).normal(size=(7, 3, 2))
    monkeypatch.setattr(grid, "_SLAB", 12)  # two layers
    assert [len(slab) for slab in slabs(values)] == [2, 2, 2, 1]
    done = 0
    for slab, seen in surveyed(values):
        done += len(slab)
        assert seen.minimum == values[:done].min()
        assert seen.mean == pytest.approx(values[:done].mean(), rel=1e-12)
    assert done == 7


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_seen(bad):
    values = np.ones((4, 4, 4), np.float32)
    values[1, 2, 3] = bad
    assert not np.isfinite([survey(values).minimum, survey(values).mean]).all()
