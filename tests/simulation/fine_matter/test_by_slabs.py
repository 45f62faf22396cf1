import errno
import gc
import shutil
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.errors import BoxError, OutputError
from halokeras.listener import Listener
from halokeras.painting.catalogues.halos import whole_catalogue
from halokeras.painting.catalogues.places import MARGIN
from halokeras.painting.modes.matter import matter_of, sub_voxels_by_slabs
from halokeras.simulation.fine_matter import by_slabs, plane_rows, sweep
from halokeras.simulation.fine_matter.by_slabs import (
    check_fine_room,
    fine_by_slabs,
    fine_fields_by_slabs,
    fine_slab_estimate,
)
from halokeras.simulation.fine_matter.fields import fine_estimate, make_fine_fields
from halokeras.simulation.fine_matter.sweep import FineSweep, sweep_bytes
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import lpt_particles, make_density
from halokeras.simulation.slabs import out_of_core
from halokeras.simulation.slabs.out_of_core import slabs_folder
from halokeras.simulation.slabs.plan import Cuts

BOX = LptBox(ABACUS_COSMOS["00"], seed=3, voxels=(40, 16, 16))
"""Slabs of 13, 13 and 14 voxels."""


@pytest.fixture(scope="module")
def in_memory():
    return make_fine_fields(BOX)


@pytest.mark.parametrize(
    ("made", "passes", "parts"),
    [(False, 1, 1), (False, 2, 3), (True, 1, 1)],
    ids=["slab by slab", "in passes and parts", "particles in memory"],
)
def test_swept_in_any_order_the_fields_are_those_made_in_memory(
    made, passes, parts, in_memory, tmp_path, monkeypatch
):
    cuts = Cuts(11, 13, 5, 2, passes, parts)
    monkeypatch.setattr(out_of_core, "cuts_in", lambda box, folder, way: cuts)
    density = make_density(BOX).astype(np.float32)
    particles = lpt_particles(BOX) if made else None
    folder = tmp_path / "below"
    # in order, twice, by pieces as they are read with voxels around them, then back, then all
    read = [(38, 40), (0, 11), (9, 20), (18, 29), (27, 40), (0, 2)]
    with fine_fields_by_slabs(BOX, density, folder, 1, Listener(), particles=particles) as swept:
        for start, stop in [*read, *read, (3, 5), (20, 21), (0, 40)]:
            here = slice(3 * start, 3 * stop), slice(5, 17)
            np.testing.assert_allclose(swept.density[here], in_memory.density[here], atol=2e-4)
            here = slice(2 * start, 2 * stop), slice(3, 20)
            smoothed = swept.smoothed[here]
            np.testing.assert_allclose(smoothed, in_memory.smoothed[here], atol=2e-3)
            away = swept.velocity[(slice(0, 3), *here)] - in_memory.velocity[(slice(0, 3), *here)]
            # far scales are told by the density on the voxels, which aliases otherwise
            assert np.sqrt(np.mean(away**2)) < 0.4 and np.abs(away).max() < 6
    for name in ("density", "velocity", "smoothed"):
        assert getattr(swept, name).shape == getattr(in_memory, name).shape
    assert np.std(in_memory.velocity) > 150
    assert not list(tmp_path.iterdir())


def test_a_slab_is_the_same_to_the_bit_whenever_it_is_made(tmp_path):
    density = make_density(BOX).astype(np.float32)
    particles = lpt_particles(BOX)
    with fine_fields_by_slabs(
        BOX, density, tmp_path / "below", 1, Listener(), particles=particles
    ) as swept:
        first = swept.velocity[:, 0:24], swept.smoothed[0:24], swept.density[0:24]
        for _ in range(7):  # rounds, as of realisations
            for start in (16, 32, 0):
                again = swept.velocity[:, 2 * start : 2 * start + 12]
        again = swept.velocity[:, 0:24], swept.smoothed[0:24], swept.density[0:24]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("stale", ["rows_00000.npy", "rows_00007.npy", "motion_00000.npy"])
def test_what_another_painting_left_is_not_taken_for_its_own(stale, in_memory, tmp_path):
    folder = tmp_path / "below"
    folder.mkdir()
    np.save(folder / stale, np.ones((5, 1, 32, 17), np.complex64))
    density, particles = make_density(BOX).astype(np.float32), lpt_particles(BOX)
    with fine_fields_by_slabs(BOX, density, folder, 1, Listener(), particles=particles) as swept:
        np.testing.assert_allclose(swept.density[0:24], in_memory.density[0:24], atol=2e-4)


@pytest.mark.parametrize("made", [False, True], ids=["slab by slab", "particles in memory"])
def test_a_disk_that_is_full_is_told_before_far_scales_are_written(made, tmp_path, monkeypatch):
    """A file that is mapped, and whose space the disk has not, would end the process."""
    small = replace(BOX, voxels=(16, 16, 16))
    taken = []

    def full(path, size):
        taken.append((path.name, size))
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(by_slabs, "reserve", full)
    density = np.ones(small.voxels, np.float32)
    particles = lpt_particles(small) if made else None
    making = fine_fields_by_slabs(
        small, density, tmp_path / "below", 1, Listener(), particles=particles
    )
    with pytest.raises(OutputError, match=r"cannot write .*below: No space left"), making:
        pass
    ((name, size),) = taken
    assert name == "far.npy" and size > 3 * 2 * 16**3


def test_halos_are_placed_in_pieces_that_lie_in_the_slabs_that_are_kept(tmp_path, monkeypatch):
    made = []
    whole = FineSweep._make
    monkeypatch.setattr(
        FineSweep, "_make", lambda sweep, number: made.append(number) or whole(sweep, number)
    )
    density, particles = make_density(BOX).astype(np.float32), lpt_particles(BOX)
    counts = np.random.default_rng(1).poisson(0.3, BOX.voxels).astype(np.uint16)
    with fine_fields_by_slabs(
        BOX, density, tmp_path / "below", 1, Listener(), particles=particles
    ) as swept:
        matter = matter_of(swept, BOX.voxels, 4.0)
        for realization in range(2):
            found = whole_catalogue(counts, 4.0, 1, realization, matter=matter)
            assert len(found["halo_id"]) == counts.sum()
    # in turn, the last of all first, as the first halos have neighbours there
    assert made == [4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]


def test_modes_in_memory_are_let_go_once_their_rows_are_on_disk(tmp_path):
    small = replace(BOX, voxels=(16, 16, 16))
    density = make_density(small).astype(np.float32)
    particles = lpt_particles(small)
    modes = weakref.ref(particles.displacement.potential)
    making = fine_fields_by_slabs(small, density, tmp_path, 1, Listener(), particles=particles)
    del particles
    with making as swept:
        gc.collect()
        assert modes() is None
        assert swept.density[0:3].shape == (3, 48, 48)


def test_rows_of_modes_in_memory_are_made_of_a_few_columns_at_a_time(tmp_path, monkeypatch):
    """Potentials of all would take twice the memory of the modes."""
    widths, make = [], plane_rows.potential_rows

    def counted(modes, *others):
        widths.append(modes.potential.shape[1])
        make(modes, *others)

    monkeypatch.setattr(plane_rows, "potential_rows", counted)
    monkeypatch.setattr(plane_rows, "_COLUMNS", 10)
    small = replace(BOX, voxels=(16, 16, 16))
    density, particles = make_density(small).astype(np.float32), lpt_particles(small)
    with fine_fields_by_slabs(small, density, tmp_path, 1, Listener(), particles=particles):
        assert widths == [10, 10, 10, 2]


def test_slabs_are_thinner_where_a_layer_is_large():
    # a box of twice the side takes less than four times as much, its slabs being thinner
    once, twice = (sweep_bytes(replace(BOX, voxels=(side,) * 3), 0, 0) for side in (512, 1024))
    assert 2 * once < twice < 3.5 * once


def test_a_large_box_has_room_on_disk_that_it_has_not_in_memory(tmp_path, monkeypatch):
    large = replace(BOX, voxels=(512, 512, 512))
    free = fine_estimate(large).memory - 1
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: free)
    assert fine_by_slabs(large, tmp_path / "below", None)
    taken, of_small = (fine_slab_estimate(box, tmp_path / "below") for box in (large, BOX))
    assert taken.memory < 5.6 * 2**30 < free
    assert taken.work > of_small.work
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 10**9)
    with pytest.raises(BoxError, match=r"slab by slab, needs .* GiB"):
        check_fine_room(large, tmp_path / "below")


def test_slabs_of_the_density_that_are_removed_before_are_room_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=9 * 2**20))
    with pytest.raises(OutputError, match=r"of disk in .* and 9\.0 MiB are free"):
        check_fine_room(BOX, tmp_path / "below")
    check_fine_room(BOX, tmp_path / "below", freed=30 * 2**20)
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 10**9)
    large = replace(BOX, voxels=(96, 96, 96))
    request = SimpleNamespace(
        target=tmp_path / "p.h5",
        scheduler="local",
        lpt=large,
        source=SimpleNamespace(path=tmp_path / "d.h5"),
    )
    with pytest.raises(OutputError, match=r"of disk in .* and 9\.0 MiB are free"):
        sub_voxels_by_slabs(request, large)
    slabs_folder(tmp_path / "d.h5").mkdir()
    with (slabs_folder(tmp_path / "d.h5") / "small_00000.npy").open("wb") as file:
        file.truncate(2**30)
    assert sub_voxels_by_slabs(request, large)


def test_a_sweep_keeps_what_halos_are_placed_with():
    assert sweep._AROUND == MARGIN
