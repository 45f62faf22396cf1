"""What is promised of the painter that ships, on the boxes that ship."""

import json

import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import find_box, read_box
from halokeras.evaluation.contenders import Contenders
from halokeras.evaluation.scorecard import score
from halokeras.evaluation.verdict import Verdict
from halokeras.painters.model_store import load_painter
from halokeras.params import load_params, parse_params
from halokeras.resources import shipped
from halokeras.statistics.statistic import DRAWS, FIELD


@pytest.fixture(scope="module")
def saved():
    return load_painter(shipped("saved_models") / "gen")


def test_it_names_the_boxes_and_the_params_that_made_it(saved):
    params = load_params(shipped("params") / "box00.json")
    told = json.dumps(saved.provenance.model_extra["params"])
    assert parse_params(told, "gen") == params
    named = {name: box_hash(read_box(find_box("00", seed))) for name, seed in TRAINED.items()}
    assert saved.provenance.training_boxes == named


@pytest.mark.slow
def test_it_meets_its_targets_on_realisations_it_never_saw(saved):
    told = saved.provenance
    seen = {*told.training_boxes.values(), *told.model_extra["validation_boxes"].values()}
    boxes = {seed: read_box(find_box("00", seed)) for seed in (100, 101, 102, 103)}
    assert not seen & {box_hash(box) for box in boxes.values()}
    named = {f"seed {seed}": box for seed, box in boxes.items()}
    found = score(named, Contenders(saved, {}, 4))
    assert {name for line in found.lines for name in line.verdict} == {FIELD, DRAWS}
    missed = {line.statistic for line in found.lines if Verdict.MISSED in line.verdict.values()}
    assert missed <= {"variance in cells"}
    # the field is 6 % low in amplitude at the last wavenumbers, and its variance with it
    known = {"T, k <= 0.4": 0.021, "T, k > 0.4": 0.06, "variance in cells": 0.036}
    for line in found.lines:
        for name in line.verdict:
            allowed = known.get(line.statistic, line.threshold)
            error = 2 * line.error[name]  # four boxes know Q to some 5 %
            if line.is_gain:
                assert line.worst[name] > allowed - error
            else:
                assert abs(line.worst[name]) <= allowed + error


@pytest.mark.parametrize(("box_id", "seed"), [("03", 103), ("04", 104)])
def test_it_meets_its_targets_in_other_cosmologies(saved, box_id, seed):
    boxes = {box_id: read_box(find_box(box_id, seed))}
    found = score(boxes, Contenders(saved, {}, 2))
    assert len(found.lines) == 3
    for line in found.lines:
        for name, verdict in line.verdict.items():
            assert verdict is not Verdict.MISSED
            # one box knows Q to some 10 %
            error = 2 * line.error[name] if line.name == "reduced_bispectrum" else 0
            assert abs(line.worst[name]) <= line.threshold + error


TRAINED = {f"box00_seed{seed}.h5": seed for seed in (1, 2, 3, 4, 5, 6)}
