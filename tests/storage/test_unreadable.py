"""Errors of a library on a damaged file are told as the file's; bugs of our own are not."""

import json

import h5py
import numpy as np
import pytest

from halokeras.errors import BoxError, DamagedError
from halokeras.storage.memory import refuse_beyond_memory
from halokeras.storage.unreadable import UNREADABLE, reading


def test_what_only_a_bug_raises_is_not_taken_for_damage():
    assert not {AttributeError, TypeError, NameError, AssertionError} & set(UNREADABLE)
    with pytest.raises(TypeError), reading("a.h5"):
        refuse_beyond_memory("a text", "a grid")


def test_what_a_library_raises_on_a_malformed_file_is_damage():
    for read in (lambda: json.loads(None), lambda: json.JSONDecoder().decode(3)):
        with pytest.raises(BoxError, match=r"a\.h5 cannot be read .* truncated"), reading("a.h5"):
            read()
    with pytest.raises(BoxError, match="no such key"), reading("a.h5"):
        raise KeyError("no such key")


def test_an_error_of_ours_goes_through_as_it_is():
    with pytest.raises(BoxError, match=r"^in a sentence$"), reading("a.h5"):
        raise BoxError("in a sentence")


def test_what_may_not_be_read_is_told_so():
    told = r"a\.h5 cannot be read \(Permission denied\); check the path"
    with pytest.raises(BoxError, match=told), reading("a.h5"):
        raise PermissionError(13, "[Errno 13] Unable to open file (many words)")


def test_a_chunk_that_is_not_what_its_checksum_tells_is_damage(tmp_path):
    path = tmp_path / "grid.h5"
    with h5py.File(path, "w") as file:
        values = np.arange(4096.0)
        stored = file.create_dataset("a", data=values, chunks=(4096,), fletcher32=True)
        place = stored.id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 100] ^= 1
    path.write_bytes(content)
    with h5py.File(path) as file:
        stored = file["a"]
        with pytest.raises(BoxError, match=r"grid is damaged .*; fetch or make it again"):
            read_all(stored)


def test_a_file_whose_end_is_missing_is_damage(tmp_path):
    path = tmp_path / "grid.h5"
    with h5py.File(path, "w") as file:
        file["a"] = np.arange(4096.0)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DamagedError, match=r"^grid is damaged: its end is missing; fetch or make"):
        open_again(path)


def open_again(path):
    with reading("grid"):
        h5py.File(path)


def read_all(stored):
    with reading("grid"):
        stored[:]
