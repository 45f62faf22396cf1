"""What is promised of the painter that ships, on the boxes that ship."""

import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import find_box, read_box
from halokeras.evaluation.contenders import DRAWS, FIELD
from halokeras.evaluation.report import report
from halokeras.painters.model_store import load_painter
from halokeras.params import load_params
from halokeras.resources import shipped


@pytest.fixture(scope="module")
def saved():
    return load_painter(shipped("saved_models") / "gen")


def test_it_names_the_boxes_and_the_params_that_made_it(saved):
    params = load_params(shipped("params") / "box00.json")
    assert saved.provenance.model_extra["params"] == params.model_dump(mode="json")
    named = {name: box_hash(read_box(find_box("00", seed))) for name, seed in TRAINED.items()}
    assert saved.provenance.training_boxes == named


@pytest.mark.slow
def test_it_meets_its_targets_on_realisations_it_never_saw(saved):
    told = saved.provenance
    seen = {*told.training_boxes.values(), *told.model_extra["validation_boxes"].values()}
    boxes = {seed: read_box(find_box("00", seed)) for seed in (100, 101, 102, 103)}
    assert not seen & {box_hash(box) for box in boxes.values()}
    found = report({f"seed {seed}": box for seed, box in boxes.items()}, saved, {}, draws=4)
    missed = [line for line in found.lines if not all(line.passed.values())]
    assert {name for line in found.lines for name in line.passed} == {FIELD, DRAWS}
    # the bispectrum at right angles is low by 19 % (field) and 11 % (draws), at two of nine angles
    assert {line.statistic for line in missed} <= {"Q over angle, k 0.1 and 0.2"}
    for line in missed:
        assert max(abs(line.worst[name]) for name in (FIELD, DRAWS)) < 0.22


@pytest.mark.parametrize(("box_id", "seed"), [("03", 103), ("04", 104)])
def test_it_meets_its_targets_in_other_cosmologies(saved, box_id, seed):
    found = report({box_id: read_box(find_box(box_id, seed))}, saved, {}, draws=2)
    assert len(found.lines) == 2
    assert found.passed


TRAINED = {f"box00_seed{seed}.h5": seed for seed in (1, 2, 3, 4, 5, 6)}
