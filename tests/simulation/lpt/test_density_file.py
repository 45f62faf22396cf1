from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import BoxError
from halokeras.painting.inputs.density import open_box_density
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import estimate, make_density, make_fields
from halokeras.simulation.lpt.density_file import write_density

PLANCK = box_cosmology("00")
SMALL = LptBox(PLANCK, 7, (16, 16, 16), box_id="00")


def test_the_file_is_ready_to_paint_and_says_what_made_it(tmp_path):
    stages = []
    write_density(SMALL, tmp_path / "d.h5", progress=lambda stage, done: stages.append(stage))
    box = read_box(tmp_path / "d.h5")
    np.testing.assert_array_equal(box.density, make_density(SMALL).astype(np.float32))
    assert box.halos is None
    assert box.cosmology == PLANCK
    assert (box.voxel_size, box.redshift) == (4.0, 0.3)
    assert box.provenance["density_scheme"] == "2lpt"
    assert box.provenance["box_id"] == "00"
    assert box.provenance["seed"] == 7
    assert list(dict.fromkeys(stages)) == ["initial modes", "second order", "particles"]


def test_too_little_memory_is_refused_before_anything_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 4 * 2**30)
    with pytest.raises(BoxError, match=r"512x512x512 voxels needs .* GiB of memory and 4\.0 GiB"):
        write_density(LptBox(PLANCK, 1, (512, 512, 512)), tmp_path / "d.h5")
    assert not list(tmp_path.iterdir())


def test_the_file_has_the_velocity_that_a_catalogue_reads(tmp_path):
    box = replace(SMALL, velocity=True)
    write_density(box, tmp_path / "d.h5")
    with open_box_density(tmp_path / "d.h5") as given:
        np.testing.assert_allclose(given.velocity[...], make_fields(box)[1], rtol=1e-6)
    assert estimate(box).disk == 4 * estimate(SMALL).disk
