"""Boxes that params name, found."""

import pytest

from halokeras.errors import BoxError, RunError
from halokeras.params import BoxName, BoxParams
from halokeras.training.named_boxes import named_boxes


def named(suite, train, validate_on):
    chosen = {"train": train, "validate_on": validate_on}
    return BoxParams.model_validate(
        {section: [{"suite": str(suite), **some}] for section, some in chosen.items()}
    )


def test_members_of_a_suite_are_named_by_their_number_and_redshift(tiny_suite):
    trained, held_out = named_boxes(
        named(tiny_suite, {"last_member": 0}, {"first_member": 1, "redshifts": [0.3]})
    )
    assert {path.name for path in trained} == {"tiny_000_z0.3.h5", "tiny_000_z1.h5"}
    assert [path.name for path in held_out] == ["tiny_001_z0.3.h5"]


def test_a_box_that_trains_is_not_held_out_too(tiny_suite):
    every = {"redshifts": [0.3]}
    with pytest.raises(RunError, match="which train names too"):
        named_boxes(named(tiny_suite, every, {"first_member": 1, **every}))


def test_a_box_is_named_once_by_whatever_name(tiny_suite):
    first = {"last_member": 0, "redshifts": [0.3]}
    box = named(tiny_suite, first, {"first_member": 1, "redshifts": [0.3]})
    again = tiny_suite / ".." / tiny_suite.name / "tiny_000_z0.3.h5"
    for section, told in (("train", "train names .* 2 times"), ("validate_on", "hold it out")):
        both = (*getattr(box, section), BoxName(path=str(again)))
        with pytest.raises(RunError, match=told):
            named_boxes(box.model_copy(update={section: both}))


def test_a_box_of_a_suite_that_is_missing_is_named(tiny_suite):
    (tiny_suite / "tiny_001_z0.3.h5").unlink()
    chosen = {"redshifts": [0.3]}
    with pytest.raises(BoxError, match=r"1 of 1 boxes .* tiny_001_z0\.3\.h5 the first"):
        named_boxes(named(tiny_suite, {"last_member": 0, **chosen}, {"first_member": 1, **chosen}))
