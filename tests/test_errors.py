from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError, field_validator

from halokeras.errors import BoxError, first_problem


def test_a_message_is_one_line_whatever_it_quotes():
    error = BoxError("box \x1b[2J\n of \u202e \ud800 é; correct it")
    assert str(error) == "box  [2J  of     é; correct it"


def test_a_long_message_keeps_its_beginning_and_its_end():
    told = str(BoxError("file a.h5 " + "x" * 10**6 + "; correct it"))
    assert len(told) < 2100
    assert told.startswith("file a.h5 x")
    assert told.endswith("x; correct it")


class Thing(BaseModel):
    sizes: list[int]

    @field_validator("sizes")
    @classmethod
    def _few(cls, value):
        if len(value) > 2:
            raise ValueError("are too many")
        return value


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sizes": [1, "x"]}, 'sizes.1 must be a whole number, not "x"'),
        ({"sizes": [1, 2, 3]}, "sizes: are too many"),
        (7, "thing must be a JSON object, not 7"),
    ],
)
def test_the_first_problem_is_a_sentence_after_its_field(fields, told):
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate(fields)
    assert first_problem(caught.value, "thing") == told


class Every(BaseModel, strict=True):
    share: Annotated[float, Field(ge=0, lt=1)] = 0
    name: Annotated[str, Field(min_length=1)] = "a"
    kept: bool = True
    way: Literal["up", "down"] = "up"
    steps: Annotated[dict[str, int], Field(min_length=1)] = {"a": 1}
    number: int = 1


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("share", "0.5", 'must be a number, not "0.5"'),
        ("share", -0.1, "must be 0 or more, not -0.1"),
        ("share", 1, "must be below 1, not 1"),
        ("share", [1], "must be a number, not a list"),
        ("number", 2.5, "must be a whole number, not 2.5"),
        ("number", None, "must be a whole number, not null"),
        ("name", "", "must not be empty"),
        ("name", 3, "must be text, not 3"),
        ("kept", "yes", 'must be true or false, not "yes"'),
        ("way", "left", "must be 'up' or 'down', not \"left\""),
        ("steps", {}, "must have 1 or more in it"),
        ("steps", 3, "must be a JSON object, not 3"),
        ("number", "9" * 500, 'must be a whole number, not "' + "9" * 59 + "..."),
    ],
)
def test_what_is_wrong_with_a_value_is_told_in_plain_words_with_the_value(field, value, told):
    with pytest.raises(ValidationError) as caught:
        Every.model_validate({field: value})
    assert first_problem(caught.value) == f"{field} {told}"
