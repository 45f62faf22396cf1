import pytest

from halokeras.readable import amount_of_bytes, differences_told, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (100, "100 s"),
        (119.6, "2 min"),
        (3600, "60 min"),
        (7199, "2 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_duration_is_read_at_a_glance(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (2**20, "1.0 MiB"), (1.3 * 2**30, "1.3 GiB")]
)
def test_a_size_is_read_at_a_glance(size, text):
    assert amount_of_bytes(size) == text


def test_of_what_differs_the_first_is_told_with_both_values():
    held = {"seed": 3, "redshift": 0.3, "hash": 64 * "a", "places": "2lpt"}
    wanted = {"seed": 7, "redshift": 0.8000000001, "hash": 64 * "b", "axis": "z"}
    assert differences_told(["seed", "redshift", "hash", "axis"], held, wanted) == (
        "seed 3 instead of 7, redshift 0.3 instead of 0.8000000001, "
        "hash aaaaaaaa... instead of bbbbbbbb..."
    )
    assert differences_told(["axis"], held, wanted) == "axis not told instead of z"
