"""What is promised of the painter that ships, on the boxes that ship."""

import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import find_box, read_box
from halokeras.evaluation.scorecard import score
from halokeras.painting.paint import paint_box
from halokeras.params import load_params
from halokeras.resources import shipped
from halokeras.training.model_store import load_painter


@pytest.fixture(scope="module")
def saved():
    return load_painter(shipped("saved_models") / "gen")


def test_it_names_the_boxes_and_the_params_that_made_it(saved):
    params = load_params(shipped("params") / "box00.json")
    assert saved.provenance.model_extra["params"] == params.model_dump(mode="json")
    named = {name: box_hash(read_box(find_box("00", seed))) for name, seed in TRAINED.items()}
    assert saved.provenance.training_boxes == named


@pytest.mark.parametrize("seed", [100, 101])
def test_it_meets_its_targets_on_realisations_it_never_saw(saved, seed):
    box = read_box(find_box("00", seed))
    assert box_hash(box) not in saved.provenance.training_boxes.values()
    assert box_hash(box) not in saved.provenance.model_extra["validation_boxes"].values()
    card = score(box, paint_box(box, saved, "gen"))
    assert {target.name: target.passed for target in card.targets} == {
        "mean counts within 1%": True,
        "T within 5% of 1 up to k = 0.4 h/Mpc": True,
        "r above the density's in every bin": True,
    }


TRAINED = {f"box00_seed{seed}.h5": seed for seed in (1, 2, 3)}
