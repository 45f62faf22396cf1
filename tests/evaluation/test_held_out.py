import pytest

from halokeras.boxes.box_file import find_boxes, write_box
from halokeras.errors import ModelError
from halokeras.evaluation.held_out import held_out
from halokeras.painters.model_store import load_painter
from halokeras.resources import shipped


def test_realisations_that_trained_or_validated_are_left_out():
    saved = load_painter(shipped("saved_models") / "gen")
    told = saved.provenance
    seen = {*told.training_boxes, *told.model_extra["validation_boxes"]}
    names = {path.name for path in held_out("00", saved, "gen", allow_training=False)}
    assert {f"box00_seed{seed}.h5" for seed in (100, 101, 102, 103)} <= names
    assert not seen & names
    everything = {path.name for path in held_out("00", saved, "gen", allow_training=True)}
    assert everything == {path.name for path in find_boxes("00")} >= seen


def test_a_file_that_trained_is_refused_whatever_its_name(tiny_box, tiny_model, tmp_path):
    write_box(tiny_box, tmp_path / "renamed.h5")
    saved = load_painter(tiny_model)
    with pytest.raises(ModelError, match="which proves nothing"):
        held_out(str(tmp_path / "renamed.h5"), saved, "tiny", allow_training=False)
