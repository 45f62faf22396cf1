"""HDF5 and Zarr alike: what is written comes back, and what is no damage is told as what it is."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import read_box, write_box
from halokeras.errors import BoxError
from halokeras.storage.checksums import block_places, block_sum, seal, sum_of_blocks
from halokeras.storage.store import Layout
from halokeras.storage.stores import (
    begin_store,
    is_store,
    new_store,
    open_store,
    resumed_store,
    shared_store,
)

VALUES = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TOLD = {"format": "a test", "number": 3, "sides": [1.0, 2.0]}
BOTH = pytest.mark.parametrize("suffix", [".h5", ".zarr"])


zarr = pytest.importorskip("zarr")


@contextmanager
def edited(path):
    if path.is_dir():
        yield zarr.open_group(str(path), mode="r+")
    else:
        with h5py.File(path, "r+") as file:
            yield file


def write(path, attributes=TOLD, **arrays):
    layouts = {name: Layout(one.shape, one.dtype, packed=True) for name, one in arrays.items()}
    with new_store(path, attributes, layouts) as create:
        for name, values in arrays.items():
            create(name)[...] = values
    return path


def refused(path, *words, name="density", kinds="fiu"):
    with pytest.raises(BoxError) as caught, open_store(path, f"box file {path}") as store:
        store.check_attributes()
        array = store.array(name, kinds)
        store.check_values({name: array.load()})
    assert "\n" not in str(caught.value)
    for word in (str(path), *words):
        assert word in str(caught.value)


@BOTH
def test_what_is_written_comes_back(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", **{"density": VALUES, "halos/mass": VALUES[0, 0]})
    assert is_store(path)
    with open_store(path, "a file") as store:
        store.check_attributes()
        assert store.attributes["format"] == "a test"
        assert store.attributes["number"] == 3
        np.testing.assert_array_equal(store.attributes["sides"], [1.0, 2.0])
        assert {name: one.shape for name, one in store.contents().items()} == {
            "density": (2, 3, 4),
            "halos/mass": (4,),
        }
        found = store.array("density")
        np.testing.assert_array_equal(found[1:, :, 2], VALUES[1:, :, 2])
        np.testing.assert_array_equal(found.load(), VALUES)
        store.check_values({"density": found.load()})
        assert store.array("counts") is None
        assert store.array("halos") is None


@BOTH
def test_a_store_that_is_not_filled_never_appears(tmp_path, suffix):
    with (
        pytest.raises(KeyboardInterrupt),
        new_store(tmp_path / f"a{suffix}", TOLD, {"x": Layout((2,), "f4")}) as create,
    ):
        create("x")[:] = 1
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@BOTH
def test_a_changed_value_or_attribute_is_noticed(tmp_path, suffix):
    for change, word in (("attribute", "an attribute"), ("value", "density is not what")):
        path = write(tmp_path / f"{change}{suffix}", density=VALUES)
        with edited(path) as root:
            if change == "attribute":
                root.attrs["number"] = 4
            else:
                root["density"][0, 0, 0] = 9
        refused(path, word, "fetch or make it again")


@BOTH
def test_an_edited_store_can_be_sealed_again(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", density=VALUES)
    with edited(path) as root:
        root["density"][0, 0, 0] = 9
        seal(root)
    with open_store(path, "a file") as store:
        store.check_attributes()
        store.check_values({"density": store.array("density").load()})


@BOTH
def test_a_store_is_gone_on_with(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    begin_store(path, TOLD, {"counts": Layout((4, 2, 2), np.uint16, (2, 2, 2))})
    for start in (0, 2):
        with resumed_store(path, ["counts"]) as store:
            assert store.layouts == {"counts": Layout((4, 2, 2), np.dtype(np.uint16))}
            store.arrays["counts"][start : start + 2] = start + 1
            store.flush()
            if start:
                store.seal()
    with open_store(path, "a file") as store:
        store.check_attributes()
        values = store.array("counts").load()
        store.check_values({"counts": values})
    np.testing.assert_array_equal(values[:, 0, 0], [1, 1, 3, 3])


@BOTH
def test_a_box_is_written_to_either(tmp_path, suffix, tiny_box):
    write_box(tiny_box, tmp_path / f"box{suffix}")
    found = read_box(tmp_path / f"box{suffix}")
    np.testing.assert_array_equal(found.density, tiny_box.density)
    np.testing.assert_array_equal(found.halos.position, tiny_box.halos.position)


@BOTH
def test_another_kind_of_values_is_refused(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", density=VALUES.astype(np.int32))
    refused(path, "density has type int32", "real numbers", kinds="f")


def test_a_store_by_what_it_holds_and_not_by_its_name(tmp_path):
    write(tmp_path / "a.h5", density=VALUES).rename(tmp_path / "snapshot")
    write(tmp_path / "a.zarr", density=VALUES).rename(tmp_path / "group")
    for name in ("snapshot", "group"):
        assert is_store(tmp_path / name)
        with open_store(tmp_path / name, name) as store:
            np.testing.assert_array_equal(store.array("density").load(), VALUES)
    (tmp_path / "text").write_text("no store")
    assert not is_store(tmp_path / "text")
    assert not is_store(tmp_path)


def test_virtual_values_are_called_so(tmp_path):
    layout = h5py.VirtualLayout((2, 3, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "density", (2, 3, 4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("density", layout)
    refused(tmp_path / "a.h5", "density is virtual: its values are in other files")


def with_filter(path, code):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((2, 3, 4))
    properties.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (0, 2))
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((2, 3, 4))
        made = h5py.h5d.create(file.id, b"density", h5py.h5t.IEEE_F32LE, space, properties)
        made.write_direct_chunk((0, 0, 0), VALUES.tobytes(), 0)


def test_a_filter_that_is_not_here_is_named(tmp_path):
    with_filter(tmp_path / "a.h5", 32008)  # bitshuffle's
    refused(tmp_path / "a.h5", "HDF5 filter number 32008", "not installed", "h5repack")


def test_a_codec_that_is_not_here_is_named(tmp_path):
    path = write(tmp_path / "a.zarr", density=VALUES)
    told = path / "density" / "zarr.json"
    told.write_text(told.read_text().replace('"zstd"', '"szip9"'))
    refused(path, "codec that is not installed", "szip9")


HOLD = "import h5py, sys\nwith h5py.File(sys.argv[1], 'a'):\n    print(1, flush=True)\n    input()"


def test_a_file_that_another_process_writes_is_not_called_damaged(tmp_path):
    path = write(tmp_path / "a.h5", density=VALUES)
    command = [sys.executable, "-c", HOLD, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        refused(path, "another process has it open", "HDF5_USE_FILE_LOCKING=FALSE")
        other.communicate(b"\n")
    with open_store(path, "a file") as store:
        assert store.array("density") is not None


NO_LOCKS = """
#include <errno.h>
int flock(int file, int how) { (void)file; (void)how; errno = ENOLCK; return -1; }
"""
THERE = """
import sys
from pathlib import Path
import numpy as np
from halokeras.errors import BoxError
from halokeras.storage.store import Layout
from halokeras.storage.stores import begin_store, new_store, open_store, resumed_store

whole, part = Path(sys.argv[1]), Path(sys.argv[2])
with new_store(whole, {}, {"x": Layout((2,), "f4", (2,))}) as create:
    create("x")[:] = 3
begin_store(part, {}, {"x": Layout((2,), np.float32)})
with resumed_store(part, ["x"]) as store:
    store.arrays["x"][:] = 3
try:
    with open_store(whole, "the file") as store:
        print(store.array("x")[:])
except BoxError as error:
    print(error)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="needs a C compiler, to make a file system without locks",
)
def test_a_file_system_without_locks_is_written_to_and_read_with_the_setting(tmp_path):
    (tmp_path / "a.c").write_text(NO_LOCKS)
    library = tmp_path / "a.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "a.c"], check=True)
    told = []
    for setting in ({}, {"HDF5_USE_FILE_LOCKING": "FALSE"}):
        done = subprocess.run(
            [sys.executable, "-c", THERE, tmp_path / "whole.h5", tmp_path / "part.h5"],
            env={**os.environ, "LD_PRELOAD": str(library), **setting},
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(done.stdout.strip())
    assert told == [
        "the file cannot be read: its file system has no file locks; set "
        "HDF5_USE_FILE_LOCKING=FALSE in the environment",
        "[3. 3.]",
    ]


def test_a_folder_or_a_file_that_may_not_be_read_is_not_called_truncated(tmp_path):
    refused(tmp_path, "Is a directory", "check the path")
    (tmp_path / "d.zarr").mkdir()
    refused(tmp_path / "d.zarr", "no Zarr group or array; check the path")


@pytest.mark.parametrize("content", [b"x,y,z\n1,2,3\n", "# größe\n".encode() * 500])
def test_text_is_called_text_whatever_its_name(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    refused(tmp_path / "a.h5", "it is text", "halopaint prepare catalogue")


@pytest.mark.parametrize("content", [b"", b"\1\2\3", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_hdf5_may_be_truncated(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    refused(tmp_path / "a.h5", "cannot be read", "may be truncated or of another kind")


def written_by_many(path, values, blocks):
    """Write a group as many processes do, each of them one block."""
    begin_store(path, TOLD, {"counts": Layout(values.shape, values.dtype, blocks)})
    sums = []
    for place in block_places(values.shape, blocks):
        shared_store(path).write({"counts": values[place]}, place)
        sums.append(block_sum(values[place]))
    with resumed_store(path, ["counts"]) as store:
        store.seal_parts({"counts": sum_of_blocks(values.dtype, values.shape, blocks, sums)})


def test_parts_that_many_write_are_one_sealed_array(tmp_path):
    path, values = tmp_path / "a.zarr", np.arange(105, dtype=np.uint16).reshape(5, 7, 3)
    values[2:4] = 0  # of zeros alone no chunk is stored
    written_by_many(path, values, (2, 3, 3))
    with open_store(path, "a file") as store:
        store.check_attributes()
        np.testing.assert_array_equal(store.array("counts").load(), values)
        store.check_values({"counts": values})
        for place in [(0, 0, 0), (4, 6, 2)]:
            changed = values.copy()
            changed[place] += 1
            with pytest.raises(BoxError, match="counts is not what its checksum says"):
                store.check_values({"counts": changed})
        with pytest.raises(BoxError, match="counts is not what its checksum says"):
            store.check_values({"counts": values[:4]})


@pytest.mark.parametrize(
    "blocks", [[2, 3], [2, 3, 0], [2, 3, "3"], {"x": 2}, None, [1, 1, 1]], ids=str
)
def test_blocks_that_are_none_are_damage(tmp_path, monkeypatch, blocks):
    monkeypatch.setattr("halokeras.storage.checksums._MOST_BLOCKS", 100)
    path, values = tmp_path / "a.zarr", np.ones((5, 7, 3), np.uint16)
    written_by_many(path, values, (2, 3, 3))
    with edited(path) as root:
        sums = json.loads(root.attrs["checksums"])
        sums["counts"]["blocks"] = blocks
        root.attrs["checksums"] = json.dumps(sums)
    with open_store(path, "a file") as store:
        store.check_attributes()
        with pytest.raises(BoxError, match="counts is not what its checksum says"):
            store.check_values({"counts": values})


def test_a_store_that_a_worker_does_not_see_is_told(tmp_path):
    with pytest.raises(BoxError, match="write where all workers see it"):
        shared_store(tmp_path / "absent.zarr")
