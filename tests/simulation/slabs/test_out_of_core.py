import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.errors import BoxError, OutputError
from halokeras.listener import Listener
from halokeras.painting.inputs.density import open_box_density
from halokeras.simulation.files.densities import make_density_file, make_wanted_density
from halokeras.simulation.lpt.along_x import REACH
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density, make_fields
from halokeras.simulation.slabs import out_of_core as module
from halokeras.simulation.slabs import steps
from halokeras.simulation.slabs.begun import cuts_begun, recipe_text
from halokeras.simulation.slabs.out_of_core import (
    density_estimate,
    estimate_by_slabs,
    is_made_by_slabs,
    slabs_folder,
    write_by_slabs,
)
from halokeras.simulation.slabs.plan import (
    BUDGET,
    Cuts,
    cuts_of,
    fitted,
    part_planes,
    parts_of,
    rows_need,
    slab_estimate,
)
from halokeras.simulation.slabs.recipe import GROUP
from halokeras.storage.durable import take
from halokeras.storage.stores import open_store
from halokeras.workers import ClusterError

BOX = LptBox(box_cosmology("00"), 7, (16, 16, 16), box_id="00")
UNEVEN = LptBox(box_cosmology("03"), 1, (14, 14, 22))
FEW = Cuts(columns=11, planes=13, voxels=5, read=7)
"""Slabs that divide nothing."""


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(module, "cuts_of", lambda box: FEW)


@pytest.fixture(scope="module")
def in_memory():
    return make_density(BOX).astype(np.float32)


def made(box, path, told=Listener(), scheduler=None):  # noqa: B008  (it is frozen)
    write_by_slabs(box, path, 1, told, scheduler)
    return read_box(path).density


@pytest.mark.parametrize(
    ("box", "cuts"),
    [
        (BOX, Cuts(64, 64, 64, 64)),
        (replace(BOX, velocity=True), FEW),
        (UNEVEN, Cuts(1, 1, 2, 1)),
        (BOX, FEW._replace(passes=2, parts=3)),
        (replace(BOX, velocity=True), FEW._replace(passes=9, parts=4)),
        (BOX, FEW._replace(passes=2, parts=3, sixteen_bits=True)),
        (replace(BOX, velocity=True), FEW._replace(sixteen_bits=True)),
    ],
    ids=[
        "whole",
        "few",
        "thin",
        "in passes and parts",
        "with velocities",
        "in 16 bits",
        "with velocities, in 16 bits",
    ],
)
def test_slab_by_slab_a_density_is_that_made_in_memory(box, cuts, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cuts_in", lambda box, folder, way: cuts)
    write_by_slabs(box, tmp_path / "d.h5", 1, Listener())
    density, velocity = make_fields(box)
    with open_box_density(tmp_path / "d.h5") as given:
        # with velocities, or in passes, particles are moved by what rounds otherwise
        rounds = 1e-4 if cuts.sixteen_bits else 3e-5 if cuts.passes > 1 or box.velocity else 2e-7
        np.testing.assert_allclose(given.grid[...], density, rtol=rounds)
        if velocity is not None:
            np.testing.assert_allclose(given.velocity[...], velocity, atol=0.02)
    assert [path.name for path in tmp_path.iterdir()] == ["d.h5"]


class Killed(BaseException):
    pass


def kill_in_task(number, monkeypatch):
    """Have a run end in the midst of a task, with its file half-written; count the tasks."""
    written, save = [], np.save

    def save_part(file, array):
        if len(written) == number:
            file.write(b"a part")
            raise Killed
        written.append(file.name)
        save(file, array)

    monkeypatch.setattr(steps.np, "save", save_part)
    return written


@pytest.mark.parametrize("number", [3, 9, 20, 22])
def test_a_run_in_passes_and_parts_goes_on_as_it_was_begun(number, tmp_path, monkeypatch):
    """Also where the disk would ask for others by then."""
    cuts = FEW._replace(passes=3, parts=2)
    with monkeypatch.context() as killing, pytest.raises(Killed):
        killing.setattr(module, "fitted", lambda *told: cuts)
        kill_in_task(number, killing)
        made(BOX, tmp_path / "d.h5")
    assert cuts_begun(BOX, slabs_folder(tmp_path / "d.h5")) == cuts
    with monkeypatch.context() as counting:
        written = kill_in_task(None, counting)
        density = made(BOX, tmp_path / "d.h5")
    # 1 task for small scales, 3 times 3 on columns and 1 on planes, twice 3 and 2
    assert len(written) == 1 + 3 * 4 + 2 * 5 - number
    np.testing.assert_allclose(density, make_density(BOX), rtol=3e-5)


# Of the box of FEW slabs: 1 task for small scales, 3 on columns, 3 on planes, 3 and 4.
@pytest.mark.parametrize("number", [0, 2, 7, 9, 13])
def test_a_killed_run_goes_on_with_the_slabs_that_are_done(
    number, few, in_memory, tmp_path, monkeypatch
):
    with monkeypatch.context() as killing, pytest.raises(Killed):
        kill_in_task(number, killing)
        made(BOX, tmp_path / "d.h5")
    assert not (tmp_path / "d.h5").exists()
    told = []
    listener = Listener(announce=lambda what, message: told.append(what))
    with monkeypatch.context() as counting:
        written = kill_in_task(None, counting)
        density = made(BOX, tmp_path / "d.h5", listener)
    assert told == ["Resuming"]
    assert len(written) == 14 - number
    np.testing.assert_array_equal(density, in_memory)
    assert not slabs_folder(tmp_path / "d.h5").exists()


def test_a_run_killed_while_the_file_is_written_makes_no_slab_again(
    few, in_memory, tmp_path, monkeypatch
):
    def kill(stage, fraction):
        if stage == "writing":
            raise Killed

    with pytest.raises(Killed):
        made(BOX, tmp_path / "d.h5", Listener(progress=kill))
    assert not (tmp_path / "d.h5").exists()
    written = kill_in_task(None, monkeypatch)
    np.testing.assert_array_equal(made(BOX, tmp_path / "d.h5"), in_memory)
    assert not written


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: os.truncate(file, file.stat().st_size - 9),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(bytes(file.stat().st_size)),
        Path.unlink,
    ],
    ids=["cut", "empty", "zeros", "removed"],
)
def test_a_slab_that_is_damaged_is_told_and_how_to_begin_again(
    damage, few, in_memory, tmp_path, monkeypatch
):
    with monkeypatch.context() as killing, pytest.raises(Killed):
        kill_in_task(8, killing)  # one on columns of displacements is done
        made(BOX, tmp_path / "d.h5")
    folder = slabs_folder(tmp_path / "d.h5")
    damage(folder / "products_0_00001.npy")
    with pytest.raises(BoxError, match=r"products_0_00001.npy is damaged, .* remove .*\.slabs"):
        made(BOX, tmp_path / "d.h5")
    assert not (tmp_path / "d.h5").exists()
    shutil.rmtree(folder)
    np.testing.assert_array_equal(made(BOX, tmp_path / "d.h5"), in_memory)


@pytest.mark.parametrize("columns", [0, -1, "11", 1.5, None])
def test_cuts_that_a_damaged_recipe_tells_are_not_gone_on_with(columns, tmp_path):
    (tmp_path / "recipe.json").write_text(recipe_text(BOX, FEW))
    assert cuts_begun(BOX, tmp_path) == FEW
    (tmp_path / "recipe.json").write_text(recipe_text(BOX, FEW._replace(columns=columns)))
    assert cuts_begun(BOX, tmp_path) is None


def test_slabs_of_a_version_that_told_of_no_16_bits_are_not_gone_on_with(tmp_path):
    told = recipe_text(BOX, FEW).replace(', "sixteen_bits": false', "")
    assert "sixteen" not in told
    (tmp_path / "recipe.json").write_text(told)
    assert cuts_begun(BOX, tmp_path) is None


def test_what_a_kill_leaves_of_finished_slabs_is_not_gone_on_with(
    few, in_memory, tmp_path, monkeypatch
):
    """Killed while they are removed: the file is whole, and some slabs are gone."""

    def some(folder):
        for path in list(folder.iterdir())[::2]:
            path.unlink()
        raise Killed

    with monkeypatch.context() as killing, pytest.raises(Killed):
        module = SimpleNamespace(rmtree=some)
        killing.setattr("halokeras.simulation.slabs.out_of_core.shutil", module)
        made(BOX, tmp_path / "d.h5")
    (tmp_path / "d.h5").unlink(missing_ok=True)
    np.testing.assert_array_equal(made(BOX, tmp_path / "d.h5"), in_memory)


def test_a_group_that_a_kill_leaves_in_the_place_of_another_is_whole(few, tmp_path, monkeypatch):
    """What the slabs lie in then is the group that was replaced, and is not gone on with."""
    output = tmp_path / "d.zarr"
    write_by_slabs(BOX, output, 1, Listener())
    folder = slabs_folder(output)
    group = folder / GROUP
    other = replace(BOX, seed=8)

    def killed(part, target):
        take(part, target)
        raise Killed

    monkeypatch.setattr(module, "take", killed)
    monkeypatch.setattr(module, "checksums_of", lambda recipe, folder: {})
    folder.mkdir()
    (folder / "recipe.json").write_text("{}")
    write_by_slabs(other, group, 1, Listener())
    recipe = SimpleNamespace(box=other)
    with pytest.raises(Killed):
        module._finish(recipe, folder, output)
    assert not (folder / "recipe.json").exists()


def test_the_room_that_slabs_take_is_counted_while_another_process_removes_them(
    tmp_path, monkeypatch
):
    (tmp_path / "gone").touch()
    (tmp_path / "kept").write_bytes(b"12345")
    stat = Path.stat

    def removed(path, **options):
        if path.name == "gone":
            raise FileNotFoundError
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", removed)
    assert module.bytes_in(tmp_path) == 5
    assert module.bytes_in(tmp_path / "none") == 0


def test_slabs_of_another_seed_are_not_gone_on_with(few, in_memory, tmp_path, monkeypatch):
    with monkeypatch.context() as killing, pytest.raises(Killed):
        kill_in_task(8, killing)
        made(replace(BOX, seed=3), tmp_path / "d.h5")
    np.testing.assert_array_equal(made(BOX, tmp_path / "d.h5"), in_memory)


def test_products_that_are_left_are_those_that_their_heir_would_make(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cuts_in", lambda box, folder, way: FEW._replace(passes=2))
    moving, way = replace(BOX, velocity=True), module.to_rows(0)
    with module.made_by_slabs(moving, tmp_path / "own", 1, Listener(), way=way):
        rows = [np.load(path) for path in sorted((tmp_path / "own").glob("motion_*"))]
    heir = module.Heir(tmp_path / "left", way)
    write_by_slabs(BOX, tmp_path / "d.h5", 1, Listener(), heir=heir)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.h5", "left"]
    monkeypatch.undo()
    written = kill_in_task(None, monkeypatch)
    with module.made_by_slabs(moving, heir.folder, 1, Listener(), way=way):
        left = [np.load(path) for path in sorted(heir.folder.glob("motion_*"))]
    assert all("motion" in name for name in written)
    np.testing.assert_array_equal(np.concatenate(left, 2), np.concatenate(rows, 2))


def test_products_that_a_kill_left_half_are_made_again(few, tmp_path, monkeypatch):
    def killed(*told):
        raise Killed

    heir = module.Heir(tmp_path / "left", module.to_rows(0))
    with monkeypatch.context() as killing, pytest.raises(Killed):
        killing.setattr(module, "in_parts", killed)
        write_by_slabs(BOX, tmp_path / "d.h5", 1, Listener(), heir=heir)
    assert (tmp_path / "d.h5").exists() and heir.folder.exists()
    moving, written = replace(BOX, velocity=True), kill_in_task(None, monkeypatch)
    with module.made_by_slabs(moving, heir.folder, 1, Listener(), way=heir.way):
        pass
    assert len(written) == 1 + 3 + 3 + 3


def test_products_on_another_file_system_than_their_heir_are_made_again(few, tmp_path, monkeypatch):
    def apart(path, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    heir = module.Heir(tmp_path / "left", module.to_rows(0))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", apart)
        write_by_slabs(BOX, tmp_path / "d.h5", 1, Listener(), heir=heir)
    assert [path.name for path in tmp_path.iterdir()] == ["d.h5"]


@pytest.mark.parametrize("told", [True, False], ids=["before they are let go", "after"])
def test_slabs_that_a_kill_left_of_a_density_that_is_there_are_removed(few, told, tmp_path):
    output = tmp_path / "d.h5"
    made(BOX, output)
    for box in (BOX, replace(BOX, seed=8)):
        folder = slabs_folder(output)
        folder.mkdir(exist_ok=True)
        (folder / "products_0_00000.npy").touch()
        if told:
            (folder / module.RECIPE).write_text(recipe_text(box, FEW))
        assert make_wanted_density(BOX, output, Listener()) == []
        assert folder.exists() == (told and box != BOX)  # another's are not ours to remove


def test_memory_for_all_at_once_decides(monkeypatch, tmp_path):
    target = tmp_path / "d.h5"
    large = replace(BOX, voxels=(512, 512, 512))
    # whatever this machine has, or less of it would be taken
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**40))
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 16 * 2**30)
    assert not is_made_by_slabs(large, target, None)
    assert is_made_by_slabs(large, target, "local")
    assert density_estimate(large, target).work == 0
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 6 * 2**30)
    assert is_made_by_slabs(large, target, None)
    assert not is_made_by_slabs(
        replace(large, initial_modes=lambda lattice, workers: None), target, None
    )
    assert density_estimate(large, target).memory < 6 * 2**30
    assert density_estimate(large, target).work > 20 * 2**30
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 16 * 2**30)
    slabs_folder(target).mkdir()
    assert is_made_by_slabs(large, target, None)  # as it was begun so


def test_where_memory_is_short_it_is_told_and_made_slab_by_slab(
    few, in_memory, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "fits_in_memory", lambda need: False)
    told = []
    listener = Listener(announce=lambda what, message: told.append(message))
    assert make_density_file(BOX, tmp_path / "d.h5", listener) is None
    assert "16x16x16 voxels, slab by slab: about" in told[0]
    assert "meanwhile" in told[0]
    np.testing.assert_array_equal(read_box(tmp_path / "d.h5").density, in_memory)


def test_too_little_disk_or_memory_is_refused_before_anything_is_made(monkeypatch, tmp_path):
    large = replace(BOX, voxels=(512, 512, 512))
    with monkeypatch.context() as poor:
        poor.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**30))
        with pytest.raises(OutputError, match=r"needs 4\.\d GiB of disk in .* and 1\.0 GiB are"):
            write_by_slabs(large, tmp_path / "d.h5", 1, Listener())
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 2**30)
    with pytest.raises(BoxError, match=r"slab by slab, needs .* GiB of memory and 1\.0 GiB"):
        write_by_slabs(large, tmp_path / "d.h5", 1, Listener())
    assert not list(tmp_path.iterdir())


def test_of_a_small_box_the_small_scales_are_most_of_what_lies_on_disk(few, tmp_path, monkeypatch):
    most, save = [0], np.save

    def saved(file, array):
        save(file, array)
        file.flush()
        folder = slabs_folder(tmp_path / "d.h5")
        most.append(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))

    monkeypatch.setattr(steps.np, "save", saved)
    told = estimate_by_slabs(BOX, tmp_path / "d.h5").work
    made(BOX, tmp_path / "d.h5")
    assert 0.95 * told < max(most) < told + 4096


def test_another_process_that_makes_the_same_file_is_told_of(few, tmp_path):
    with (
        module.locked(slabs_folder(tmp_path / "d.h5")),
        pytest.raises(
            OutputError, match=r"another process is making .*/d\.h5; .* or choose another --output"
        ),
    ):
        made(BOX, tmp_path / "d.h5")


@pytest.mark.parametrize("side", [64, 512, 1024])
def test_tasks_keep_to_the_budget(side):
    box = replace(BOX, voxels=(side, side, side))
    cuts = cuts_of(box)
    assert min(cuts[:-1]) >= 1
    assert slab_estimate(box, cuts).memory < 1e9 + 1.2 * BUDGET
    assert slab_estimate(box, cuts).work < 200 * side**3 + 22e6


def test_a_slab_of_one_plane_may_take_more():
    box = replace(BOX, voxels=(2048, 2048, 2048))
    assert 1e9 + 1.2 * BUDGET < slab_estimate(box, cuts_of(box)).memory < 8e9


@pytest.mark.parametrize("velocity", [False, True])
def test_where_the_disk_is_short_slabs_take_less_of_it_and_longer(velocity):
    box = replace(BOX, voxels=(1024, 1024, 1024), velocity=velocity)
    cuts = cuts_of(box)
    beside = 20 * 2**30
    roomy, short, none = (fitted(box, cuts, beside, room * 2**30) for room in (400, 65, 1))
    assert (roomy.passes, roomy.parts, roomy.sixteen_bits) == (1, 1, False)
    assert 1 < short.passes < 4 and 1 < short.parts < 6 and short.sixteen_bits
    for one, room in ((roomy, 400), (short, 65)):
        assert rows_need(box, one).work <= room * 2**30
    assert rows_need(box, short).kept + beside <= 65 * 2**30
    times = [slab_estimate(box, one).seconds for one in (roomy, short, none)]
    assert sorted(times) == times


def test_parts_of_a_box_have_all_its_slabs_and_the_planes_around_them():
    box = replace(BOX, voxels=(100, 16, 16), velocity=True)
    cuts = FEW._replace(parts=7)
    parts = parts_of(box, cuts)
    assert [slab for part in parts for slab in part] == list(range(20))
    for number, part in enumerate(parts):
        planes = part_planes(box, cuts, number)
        assert planes.start <= 3 * 5 * part.start - REACH
        assert planes.stop >= 3 * 5 * part.stop + REACH
        assert len(planes) < 300


@pytest.mark.slow
def test_a_run_killed_by_the_system_goes_on(tmp_path):
    words = ["lpt", "--voxels", "32", "--seed", "7", "--output", "d.h5", "--scheduler", "local"]
    command = [sys.executable, "-m", "halokeras", *words]
    run = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    folder = slabs_folder(tmp_path / "d.h5")
    while len(list(folder.glob("hessian_*.npy"))) < 3:
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)  # with its workers
    run.wait()
    assert not (tmp_path / "d.h5").exists()
    subprocess.run([*command[:-2]], cwd=tmp_path, check=True)  # here, what workers began
    whole = make_density(replace(BOX, voxels=(32, 32, 32))).astype(np.float32)
    np.testing.assert_array_equal(read_box(tmp_path / "d.h5").density, whole)


distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as running:
        yield running


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's own
def test_two_workers_make_the_same_density(few, in_memory, cluster, tmp_path):
    density = made(BOX, tmp_path / "d.h5", scheduler=cluster.scheduler_address)
    np.testing.assert_array_equal(density, in_memory)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stage", ["initial modes", "second order", "particles"])
def test_a_worker_killed_on_the_way_changes_nothing(stage, few, in_memory, cluster, tmp_path):
    with distributed.Client(cluster) as client:
        pids = client.run(os.getpid)

    def kill_one(at, fraction):
        if at == stage and pids:
            os.kill(pids.popitem()[1], signal.SIGKILL)
            pids.clear()

    listener = Listener(progress=kill_one)
    density = made(BOX, tmp_path / "d.h5", listener, cluster.scheduler_address)
    assert not pids
    np.testing.assert_array_equal(density, in_memory)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_workers_write_a_group_themselves_and_it_is_gone_on_with(cluster, tmp_path, monkeypatch):
    long = LptBox(box_cosmology("00"), 7, (64, 16, 16), velocity=True)
    density, velocity = make_fields(long)

    def kill(stage, fraction):
        if stage == "writing" and fraction:
            raise Killed

    output, address = tmp_path / "d.zarr", cluster.scheduler_address
    with pytest.raises(Killed):
        write_by_slabs(long, output, 1, Listener(progress=kill), address)
    assert not output.exists()
    monkeypatch.setattr(module, "write_slabs", None)  # this process writes nothing
    write_by_slabs(long, output, 1, Listener(), address)
    with open_store(output, "d.zarr") as store:
        store.check_attributes()
        fields = {name: store.array(name).load() for name in ("density", "velocity")}
        store.check_values(fields)
        np.testing.assert_allclose(fields["density"], density, rtol=3e-5)
        np.testing.assert_allclose(fields["velocity"], velocity, atol=0.02)
        fields["velocity"][2, 40, 3, 3] += 1
        with pytest.raises(BoxError, match="velocity is not what its checksum says"):
            store.check_values(fields)
    assert [path.name for path in tmp_path.iterdir()] == ["d.zarr"]


def test_workers_that_do_not_see_the_folder_are_told(tmp_path):
    with pytest.raises(BoxError, match="write where all workers see it"):
        steps.make_slab(None, tmp_path / "absent", "small", 0, 1)


def test_a_scheduler_that_is_not_there_leaves_nothing(few, tmp_path):
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):
        made(BOX, tmp_path / "d.h5", scheduler="nonsense")
    assert not list(tmp_path.iterdir())
