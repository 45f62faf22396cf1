import pytest
from pydantic import BaseModel, ValidationError, field_validator

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
        ({"sizes": [1, "x"]}, "sizes.1: Input should be a valid integer"),
        ({"sizes": [1, 2, 3]}, "sizes: are too many"),
        (7, "thing: Input should be a valid dictionary"),
    ],
)
def test_the_first_problem_is_a_sentence_after_its_field(fields, told):
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate(fields)
    assert first_problem(caught.value, "thing").startswith(told)
