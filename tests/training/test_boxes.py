"""What is kept of training boxes, and that crops do not know of it."""

from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box_file import write_box
from halokeras.errors import BoxError
from halokeras.params import Params
from halokeras.training import boxes as boxes_module
from halokeras.training import data as data_module
from halokeras.training.boxes import TrainingBox, TrainingBoxes
from halokeras.training.crops import CropStream
from halokeras.training.data import load_data

BOX = 2 * 4 * 8**3
"""Bytes of a box of `six`."""


@pytest.fixture
def six():
    """Six boxes whose voxels all differ, as arrays."""
    density = np.arange(6 * 8**3, dtype=np.float32).reshape(6, 8, 8, 8) + 1
    return density, -density


@pytest.fixture
def counted(six):
    """A function that reads one of them, and the numbers of those that were read."""
    read = []

    def reading(number):
        read.append(number)
        return TrainingBox(six[0][number], six[1][number])

    return reading, read


def crops(boxes, conditions=None):
    stream = CropStream(boxes, 4, 2, conditions=conditions).steps(0, 20, 2, 3, (5, 6))
    return [(density, counts.numpy()) for density, counts in stream]


def test_a_memory_of_two_boxes_keeps_those_that_were_asked_for_last(counted):
    reading, read = counted
    boxes = TrainingBoxes(reading, 6, 2.5 * BOX)
    for number in (0, 1, 0, 2, 0, 1):
        np.testing.assert_array_equal(boxes[number].density, reading(number).density)
        read.pop()
        assert boxes.kept_memory <= 2 * BOX
    assert read == [0, 1, 2, 1]


def test_a_memory_of_two_boxes_gives_the_crops_that_all_in_memory_give(six, counted):
    reading, read = counted
    conditions = np.arange(6, dtype=np.float32)[:, np.newaxis]
    few = crops(TrainingBoxes(reading, 6, 2 * BOX), conditions)
    assert len(read) > 50  # of 120 crops of 6 boxes two thirds are of another than the last two
    for (patch, counts), (whole, wanted) in zip(
        few, crops(TrainingBoxes.of(*six), conditions), strict=True
    ):
        np.testing.assert_array_equal(patch.density, whole.density)
        np.testing.assert_array_equal(patch.conditions, whole.conditions)
        np.testing.assert_array_equal(counts, wanted)
        # what is told is that of the box that was cut
        numbers = (patch.density.numpy()[:, :, 0, 0, 0, 0] - 1) // 8**3
        np.testing.assert_array_equal(patch.conditions[..., 0], numbers)


@pytest.fixture
def params(tmp_path, tiny_box):
    """Params that train on six box files, as a function of the memory [GiB] that they may take."""
    named = []
    for number in range(7):
        moved = tiny_box.halos.position + np.float32([4 * number, 0, 0])
        box = replace(
            tiny_box,
            density=np.roll(tiny_box.density, number, axis=0),
            halos=replace(tiny_box.halos, position=moved % np.float32(64)),
        )
        named.append({"path": str(tmp_path / f"{number}.h5")})
        write_box(box, tmp_path / f"{number}.h5")
    return lambda memory: Params.model_validate(
        {
            "box": {
                "train": named[:6],
                "validate_on": named[6:],
                "selection": {"mass_min": 2e12},
            },
            "training": {"crop_size": 4, "warm_start": {"crop_size": 4}},
            "painter": {
                "kind": "halos",
                "mass_edges": [4e12, 2e13],
                "kernel_sizes": [3, 1],
                "blocks": 1,
            },
            "critic": {"filters": [4], "kernel_sizes": [3], "strides": [1]},
            "run": {"box_memory": memory},
        }
    )


def test_boxes_of_files_are_read_again_beyond_the_memory(params, monkeypatch):
    whole = load_data(params(1.0))
    assert "boxes that train (6)" in whole.plan and whole.plan.endswith("all kept")
    box = whole.boxes[0].memory
    read = []
    read_box = data_module.read_box
    monkeypatch.setattr(data_module, "read_box", lambda path: read.append(path) or read_box(path))
    data = load_data(params(2.2 * box / 2**30))
    assert len(read) == 8  # the first twice, whose fingerprint is taken
    assert "are kept (run.box_memory), the others are read" in data.plan
    for (density, counts), (wanted, wanted_counts) in zip(
        crops(data.boxes), crops(whole.boxes), strict=True
    ):
        np.testing.assert_array_equal(density, wanted)
        np.testing.assert_array_equal(counts, wanted_counts)
    assert len(read) > 50
    assert data.boxes.kept_memory <= 2.2 * box
    assert data.mean_counts == whole.mean_counts
    assert data.provenance == whole.provenance


def test_a_box_that_changes_while_it_trains_is_refused(params, tmp_path, tiny_box):
    data = load_data(params(1e-9))
    write_box(replace(tiny_box, redshift=0.4), tmp_path / "3.h5")
    data.boxes[2]
    with pytest.raises(BoxError, match=r"3\.h5 is another box than when this training began"):
        data.boxes[3]


def test_of_many_boxes_some_from_the_first_to_the_last_are_read_together(counted, monkeypatch):
    boxes = TrainingBoxes(counted[0], 6, BOX)
    assert list(boxes.sample()) == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr(boxes_module, "_MOST_VOXELS", 3 * 8**3)
    some = boxes.sample()
    assert list(some) == [0, 2, 5]
    assert some[2].density[0, 0, 0] == 2 * 8**3 + 1
