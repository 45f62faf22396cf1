import pytest

from halokeras.errors import BoxError
from halokeras.storage.memory import available_memory, refuse_beyond_memory


def test_what_fits_is_let_through_and_more_is_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 3 * 2**30)
    refuse_beyond_memory(3 * 2**30, "a grid")
    with pytest.raises(BoxError) as caught:
        refuse_beyond_memory(4.5 * 2**30, "a grid", "take less")
    assert str(caught.value) == ("a grid needs 4.5 GiB of memory and 3.0 GiB are free; take less")


def test_where_the_system_does_not_tell_nothing_is_refused(monkeypatch):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: None)
    refuse_beyond_memory(2**80, "a grid")


def test_the_memory_of_this_machine_is_between_a_mebibyte_and_a_pebibyte():
    free = available_memory()
    assert free is None or 2**20 < free < 2**50
