"""What is drawn on a box, and whether boxes share the random numbers that it is drawn by."""

from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import halo_counts
from halokeras.evaluation.contenders import Contenders, draw_seed
from halokeras.evaluation.names import LOCAL_BIAS_DRAWS, WARM_START, WARM_START_DRAWS
from halokeras.painters.model_store import load_painter
from halokeras.seeds import LARGEST_SEED
from halokeras.statistics.statistic import DRAWS


def noise(box, drawing_model, name, expected):
    contenders = Contenders(load_painter(drawing_model), {}, 1)
    found = contenders.fields(box, halo_counts(box))
    return (found[name][0] - found[expected][0]).ravel()


@pytest.mark.parametrize("name", [DRAWS, WARM_START_DRAWS])
def test_boxes_of_other_modes_share_no_noise_and_pairs_of_the_same_do(
    tiny_box, drawing_model, name
):
    """Standard errors over boxes take what is drawn on them to be independent."""
    first, other, pair = (
        noise(
            replace(tiny_box, provenance={**tiny_box.provenance, "seed": seed}),
            drawing_model,
            name,
            WARM_START,
        )
        for seed in (1, 2, 1)
    )
    np.testing.assert_array_equal(first, pair)
    # what an exclusion takes from a mean is the same in both, and some hundredths of their noise
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.2


def test_the_seed_of_draws_follows_from_the_fields_where_that_of_the_modes_is_not_known(tiny_box):
    modes = replace(tiny_box, provenance={"seed": 7})
    assert draw_seed(modes) == 7
    own, moved = (
        replace(tiny_box, density=density, provenance={})
        for density in (tiny_box.density, tiny_box.density[::-1].copy())
    )
    assert draw_seed(own) != draw_seed(moved)
    assert 0 <= draw_seed(own) <= LARGEST_SEED
    assert draw_seed(replace(own, provenance={"seed": -1})) <= LARGEST_SEED
    assert draw_seed(replace(own, provenance={"seed": "seven"})) <= LARGEST_SEED


def test_poisson_draws_of_a_local_bias_are_of_the_box_too(tiny_box, drawing_model):
    one, two = (
        Contenders(load_painter(drawing_model), {}, 1).fields(
            replace(tiny_box, provenance={"seed": seed}), halo_counts(tiny_box)
        )[LOCAL_BIAS_DRAWS][0]
        for seed in (1, 2)
    )
    assert not np.array_equal(one, two)
