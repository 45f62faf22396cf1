import hashlib

import numpy as np
import pytest

from halokeras.boxes.box import Box, box_hash
from halokeras.boxes.box_file import read_box, write_box
from halokeras.boxes.hashes import hash_fields, see, surveyed_by
from halokeras.cosmology.cosmology import Cosmology
from halokeras.storage.grid import survey


@pytest.fixture
def density():
    return np.random.default_rng(2).lognormal(size=(5, 4, 3)).astype(np.float32)


def hashed(density, **more):
    return hash_fields(4.0, 0.3, None, {"density_scheme": "2lpt"}, {"density": density}, **more)


def test_an_array_of_one_slab_is_hashed_as_it_is(density):
    told = b"[4.0, 0.3, None, '2lpt', None, None, None]density (5, 4, 3) <f4"
    assert hashed(density) == hashlib.sha256(told + density.tobytes()).hexdigest()


def test_a_larger_one_is_hashed_by_what_its_slabs_are(density, monkeypatch):
    monkeypatch.setattr("halokeras.storage.grid._SLAB", 24)
    told = b"[4.0, 0.3, None, '2lpt', None, None, None]density (5, 4, 3) <f4"
    parts = (density[:2], density[2:4], density[4:])
    digests = b"".join(hashlib.sha256(part.tobytes()).digest() for part in parts)
    assert hashed(density) == hashlib.sha256(told + digests).hexdigest()


def test_what_was_seen_gives_the_hash_and_the_survey_without_the_array(density, monkeypatch):
    monkeypatch.setattr("halokeras.storage.grid._SLAB", 24)
    seen = see(density.astype(np.float64))
    assert surveyed_by(seen) == survey(density)

    class Unreadable:
        shape, dtype = density.shape, density.dtype

        def __getitem__(self, place):
            assert place == slice(None, 0)  # its type alone
            return density[:0]

    assert hashed(Unreadable(), seen={"density": seen}) == hashed(density)


def test_a_value_that_is_none_is_seen(density, monkeypatch):
    monkeypatch.setattr("halokeras.storage.grid._SLAB", 24)
    density[3, 1, 2] = np.nan
    assert not np.isfinite(surveyed_by(see(density)).minimum)


def test_a_box_in_memory_has_the_hash_of_its_file(density, tmp_path):
    field = np.asarray(density[:])
    field = field / field.mean()
    for size, redshift in ((4, 1), (np.float64(4), np.float32(1)), (4.0, 1.0)):
        box = Box(size, redshift, Cosmology(70, 0.3, 0.05, 0.8, 1), field.astype(np.float32))
        write_box(box, tmp_path / "b.h5")
        assert box_hash(box) == box_hash(read_box(tmp_path / "b.h5"))
