import pytest

from halokeras.readable import amount_of_bytes, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_a_duration_is_read_at_a_glance(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (2**20, "1.0 MiB"), (1.3 * 2**30, "1.3 GiB")]
)
def test_a_size_is_read_at_a_glance(size, text):
    assert amount_of_bytes(size) == text
