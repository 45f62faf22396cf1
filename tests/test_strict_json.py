import math

import numpy as np
import pytest

from halokeras.strict_json import in_json, strict_json


def test_plain_json_is_what_it_says():
    text = '{"a": [1, 2.5, {"b": null}], "c": "\\u00e9\\ud83d\\ude00"}'
    assert strict_json(text) == {"a": [1, 2.5, {"b": None}], "c": "é😀"}
    assert strict_json(text.encode()) == strict_json(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": {"b": 1, "b": 2}}', "field 'a.b' is given twice"),
        ('{"a": [{"b": 1, "b": 1}]}', "field 'a.0.b' is given twice"),
        ('{"a": [0, NaN]}', "field 'a.1' is NaN"),
        ('{"a": -Infinity}', "field 'a' is -Infinity"),
        ('{"a": {"b": "\\ud800"}}', "field 'a.b' holds half a character"),
        ("{", "Expecting"),
    ],
)
def test_what_could_mean_two_things_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        strict_json(text)


def test_what_is_no_number_is_null_however_deep_it_lies():
    told = {"a": (1, math.nan, [np.float32("inf")]), "b": np.array([[0.5, math.nan]]), "c": "nan"}
    assert in_json(told) == {"a": [1, None, [None]], "b": [[0.5, None]], "c": "nan"}
    assert in_json(np.int64(3)) == 3 and in_json(True) is True
