from dataclasses import replace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError
from halokeras.listener import Listener
from halokeras.simulation import fine_fields, out_of_core
from halokeras.simulation.fine_fields import fine_estimate, make_fine_fields
from halokeras.simulation.fine_slabs import (
    check_fine_room,
    fine_by_slabs,
    fine_fields_on_disk,
    fine_slab_estimate,
)
from halokeras.simulation.lpt_box import LptBox
from halokeras.simulation.slab_plan import Cuts

BOX = LptBox(ABACUS_COSMOS["00"], seed=3, voxels=(16, 16, 16))


@pytest.mark.parametrize("large", [False, True], ids=["4 points", "2 points"])
def test_slab_by_slab_the_fields_are_those_made_in_memory(large, tmp_path, monkeypatch):
    if large:
        monkeypatch.setattr(fine_fields, "_LARGE", 16**3 - 1)
    monkeypatch.setattr(out_of_core, "cuts_of", lambda box, plan: Cuts(11, 13, 5, 7))
    in_memory = make_fine_fields(BOX)
    with fine_fields_on_disk(BOX, tmp_path / "below", 1, Listener()) as on_disk:
        for name, tolerance in (("density", 1e-5), ("velocity", 0.01), ("smoothed", 1e-5)):
            ours, theirs = getattr(on_disk, name), getattr(in_memory, name)
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=tolerance)
    assert not list(tmp_path.iterdir())


def test_a_large_box_has_room_on_disk_that_it_has_not_in_memory(tmp_path, monkeypatch):
    large = replace(BOX, voxels=(512, 512, 512))
    free = fine_estimate(large).memory - 1
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: free)
    assert fine_by_slabs(large, tmp_path / "below", None)
    assert fine_slab_estimate(large).memory < 6e9 < free
    assert fine_slab_estimate(large).work > fine_slab_estimate(BOX).work
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 10**9)
    with pytest.raises(BoxError, match=r"slab by slab, needs .* GiB"):
        check_fine_room(large, tmp_path / "below")
