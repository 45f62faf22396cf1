import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from halokeras.errors import OutputError
from halokeras.simulation.nbody.checkpoint import Checkpoint, State, check_room, states_on_disk

PARTICLES = 32


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr("halokeras.simulation.nbody.checkpoint._SECONDS", 0.0)
    path = tmp_path / "state.h5"
    values = np.ones((PARTICLES**3, 3), np.float32)
    Checkpoint(path, "a run").offer(State(1, values, values))
    return path


def test_the_room_is_that_of_the_last_state_and_the_next(kept):
    assert states_on_disk(PARTICLES) == pytest.approx(2 * kept.stat().st_size, rel=0.02)


def test_too_little_disk_is_refused_but_for_what_is_kept_already(kept, tmp_path, monkeypatch):
    free = int(0.6 * states_on_disk(PARTICLES))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    check_room(PARTICLES, [kept], tmp_path)
    with pytest.raises(OutputError, match=r"a simulation of 32\^3 particles needs 1\.5 MiB of di"):
        check_room(PARTICLES, [tmp_path / "other.h5"], tmp_path)
    with pytest.raises(OutputError, match=r"2 simulations at a time of 32\^3 .* make room"):
        check_room(PARTICLES, [kept, tmp_path / "other.h5"], tmp_path)
