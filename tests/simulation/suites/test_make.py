"""Suites on a folder: made once, resumed, shared by processes, compared with what is asked."""

import multiprocessing
import os
import shutil
import signal
import time
from multiprocessing import resource_tracker
from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import read_box
from halokeras.boxes.suite import choose, read_suite
from halokeras.errors import BoxError, OutputError, ParamsError
from halokeras.listener import Listener
from halokeras.simulation.files.claims import claimed
from halokeras.simulation.simulate import estimate
from halokeras.simulation.suites import make as module
from halokeras.simulation.suites.make import make_member, make_suite
from halokeras.simulation.suites.params import SuiteParams
from halokeras.simulation.suites.planned import suite_of_plan, write_longer_index

QUIET = Listener()


def plan(members=3, particles=16, **other):
    fiducial = {"H0": 70.0, "omega_b": 0.05, "sigma8": 0.9, "n_s": 0.96}
    design = {"kind": "sobol", "members": members, "scramble_seed": 1, "fiducial": fiducial}
    fields = {
        "design": {**design, "ranges": {"omega_m": (0.2, 0.4)}},
        "first_seed": 5,
        "redshifts": (1.0, 0.3),
        "size": 16.0,
        "particles": particles,
    }
    return SuiteParams.model_validate({**fields, **other})


def begun(planned, folder):
    suite = suite_of_plan(planned, folder)
    write_longer_index(suite)
    return suite


def hashes(folder):
    return {path.name: box_hash(read_box(path)) for path in folder.glob("*.h5")}


def test_a_suite_is_what_its_index_tells_and_no_claim_is_left(tmp_path):
    told = []
    listener = Listener(progress=lambda stage, done: told.append((stage, done)))
    made = make_suite(plan(), tmp_path / "s", listener)
    suite = read_suite(tmp_path / "s")
    assert suite == made
    assert [member.seed for member in suite.members] == [5, 6, 7]
    boxes = choose(suite)
    assert len(boxes) == 6
    for box in boxes:
        found = read_box(box.path)
        assert found.cosmology == box.member.cosmology
        assert found.redshift == box.redshift
        assert found.provenance["seed"] == box.member.seed
    assert {path.name for path in (tmp_path / "s").iterdir()} == {
        "suite.json",
        *(box.path.name for box in boxes),
    }
    assert told[-1] == ("3 of 3 simulations", 1.0)
    fractions = [done for _, done in told]
    assert fractions == sorted(fractions)
    assert any(" left" in stage for stage, _ in told)


def test_what_is_there_is_not_made_again_and_a_longer_suite_goes_on(tmp_path, monkeypatch):
    make_suite(plan(2), tmp_path / "s", QUIET)
    before = hashes(tmp_path / "s")
    (tmp_path / "s" / "s_001_z0.3.h5").unlink()
    made = []
    write = module.make_files
    monkeypatch.setattr(
        module, "make_files", lambda run, left, *rest: made.extend(left) or write(run, left, *rest)
    )
    make_suite(plan(2), tmp_path / "s", QUIET)
    assert made == [0.3]
    assert hashes(tmp_path / "s") == before
    make_suite(plan(3), tmp_path / "s", QUIET)
    assert made == [0.3, 1.0, 0.3]
    assert before.items() < hashes(tmp_path / "s").items()
    with pytest.raises(OutputError, match=r"a suite of 3 members, not of 2"):
        make_suite(plan(2), tmp_path / "s", QUIET)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"first_seed": 6}, "member 000 has seed 5 instead of 6"),
        ({"redshifts": (0.5,)}, r"redshifts \[1.0, 0.3\] instead of \[0.5\]"),
        ({"size": 32.0}, "size 16 instead of 32"),
        ({"particles": 32}, "particles 16 instead of 32"),
    ],
)
def test_another_suite_is_never_mixed_in(tmp_path, other, told):
    begun(plan(), tmp_path)
    with pytest.raises(OutputError, match=told):
        begun(plan(**other), tmp_path)


def test_a_box_that_is_not_what_the_index_says_is_refused(tmp_path):
    suite = make_suite(plan(2), tmp_path / "s", QUIET)
    one, other = (box.path for box in list(suite.boxes())[:3:2])
    one.write_bytes(other.read_bytes())
    with pytest.raises(BoxError, match=r"s_000_z1.h5 is not what suite.json says.* seed 6 instead"):
        choose(suite)
    with pytest.raises(OutputError, match=r"s_000_z1.h5 is there and has .*seed 6 instead of 5"):
        make_suite(plan(2), tmp_path / "s", QUIET)


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_a_damaged_box_of_a_suite_is_made_again(tmp_path, damage):
    folder = tmp_path / "s"
    make_suite(plan(members=1), folder, QUIET)
    before = hashes(folder)
    damaged, other = next(folder.glob("*_z1.h5")), next(folder.glob("*_z0.3.h5"))
    kept = other.stat().st_mtime_ns
    content = bytearray(damaged.read_bytes())
    with h5py.File(damaged) as file:
        chunk = file["density"].id.get_chunk_info(0)
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    damaged.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    warned = []
    with claimed(next(folder.glob("*_z1.h5"))):  # another makes it
        module._remove_damaged(None, {1.0: damaged}, QUIET)
    assert damaged.exists()
    make_suite(plan(members=1), folder, Listener(warn=warned.append))
    assert f"{damaged} is damaged, and is made again" in warned
    assert hashes(folder) == before
    assert other.stat().st_mtime_ns == kept


def test_boxes_are_chosen_by_member_and_redshift(tmp_path):
    suite = begun(plan(), tmp_path / "s")
    with pytest.raises(BoxError, match=r"2 of 2 boxes of .* are not made, s_001_z1.h5 the first"):
        choose(suite, 1, 1)
    with pytest.raises(BoxError, match=r"no box at redshift 0.4; choose among 0.3, 1"):
        choose(suite, redshifts=[0.4])
    with pytest.raises(BoxError, match=r"members 0 to 2, not 2 to 3"):
        choose(suite, 2, 3)
    make_suite(plan(), tmp_path / "s", QUIET)
    chosen = choose(suite, 1, redshifts=[0.3])
    assert [box.path.name for box in chosen] == ["s_001_z0.3.h5", "s_002_z0.3.h5"]


def test_a_folder_without_an_index_is_no_suite(tmp_path):
    with pytest.raises(BoxError, match=r"is no suite, for it has no suite.json; make it with"):
        read_suite(tmp_path)
    with pytest.raises(BoxError, match=r"sobol64 does not exist; .* params/suites/sobol64.json"):
        read_suite(tmp_path / "sobol64")
    (tmp_path / "suite.json").touch()
    with pytest.raises(BoxError, match=r"is a file; name a suite by its folder"):
        read_suite(tmp_path / "suite.json")


def test_an_index_that_is_damaged_can_be_written_again(tmp_path):
    suite = make_suite(plan(2), tmp_path / "s", QUIET)
    index = tmp_path / "s" / "suite.json"
    whole = index.read_text()
    index.write_text(whole[:300])
    with pytest.raises(ParamsError, match=r"suite.json is not valid JSON.*; remove it, and"):
        make_suite(plan(2), tmp_path / "s", QUIET)
    index.unlink()
    before = [box.path.stat().st_mtime_ns for box in suite.boxes()]
    make_suite(plan(2), tmp_path / "s", QUIET)
    assert index.read_text() == whole
    assert [box.path.stat().st_mtime_ns for box in suite.boxes()] == before


def test_a_suite_for_which_memory_is_short_leaves_no_folder(tmp_path, monkeypatch):
    memory = estimate(plan(2).particles).memory
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: 1.5 * memory)
    with pytest.raises(BoxError, match=r"2 simulations at a time .* choose fewer --processes"):
        make_suite(plan(2), tmp_path / "s", QUIET, processes=10**6)
    assert not (tmp_path / "s").exists()


def test_a_suite_for_which_disk_is_short_leaves_no_folder(tmp_path, monkeypatch):
    free = int(1.5 * estimate(plan(2).particles).work)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(OutputError, match=r"the state of 2 simulations at a time .* make room"):
        make_suite(plan(2), tmp_path / "s", QUIET, processes=10**6)
    assert not (tmp_path / "s").exists()


def test_a_member_that_another_process_has_claimed_is_left_to_it(tmp_path):
    suite = begun(plan(), tmp_path / "s")
    with claimed(next(suite.boxes()).path):
        assert not make_member(suite, 0, 1, lambda number, done: None)
        assert make_member(suite, 1, 1, lambda number, done: None)
    assert make_member(suite, 0, 1, lambda number, done: None)


def _hold(target, ready):
    with claimed(target):
        ready.set()
        time.sleep(60)


def test_the_claim_of_a_dead_process_is_taken_over(tmp_path):
    suite = begun(plan(1), tmp_path / "s")
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(next(suite.boxes()).path, ready))
    holder.start()
    assert ready.wait(60)
    assert not make_member(suite, 0, 1, lambda number, done: None)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert make_member(suite, 0, 1, lambda number, done: None)
    assert not list((tmp_path / "s").glob(".*"))


def _make(folder, members):
    make_suite(plan(members), Path(folder), Listener())


@pytest.mark.slow
def test_commands_side_by_side_and_processes_make_no_member_twice(tmp_path):
    folder = tmp_path / "s"
    context = multiprocessing.get_context("spawn")
    beside = context.Process(target=_make, args=(str(folder), 6))
    beside.start()
    make_suite(plan(6), folder, QUIET, processes=2)
    beside.join()
    assert beside.exitcode == 0
    shared = hashes(folder)
    times = [path.stat().st_ctime_ns for path in folder.glob("*.h5")]
    make_suite(plan(6), folder, QUIET, processes=2)
    assert times == [path.stat().st_ctime_ns for path in folder.glob("*.h5")]
    make_suite(plan(6), tmp_path / "alone" / "s", QUIET)
    assert hashes(tmp_path / "alone" / "s") == shared


def test_processes_share_nothing_that_a_kill_would_leave_in_the_system(tmp_path, monkeypatch):
    named = []
    monkeypatch.setattr(resource_tracker, "register", lambda name, kind: named.append((name, kind)))
    make_suite(plan(2), tmp_path / "s", QUIET, processes=2)
    assert len(list((tmp_path / "s").glob("*.h5"))) > 1
    assert named == []


@pytest.mark.slow
def test_a_killed_command_is_gone_on_with(tmp_path):
    folder = tmp_path / "s"
    context = multiprocessing.get_context("spawn")
    killed = context.Process(target=_make, args=(str(folder), 4))
    killed.start()
    while not list(folder.glob("*.h5")) and killed.is_alive():
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    assert len(list(folder.glob("*.h5"))) < 8
    make_suite(plan(4), folder, QUIET)
    make_suite(plan(4), tmp_path / "alone" / "s", QUIET)
    assert hashes(folder) == hashes(tmp_path / "alone" / "s")
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_dask_workers_make_a_suite(tmp_path):
    """Also one of several threads, which shares its memory and CAMB's state."""
    distributed = pytest.importorskip("distributed")
    make_suite(plan(2), tmp_path / "s", QUIET, scheduler="local")
    make_suite(plan(2), tmp_path / "alone" / "s", QUIET)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=3, dashboard_address=None) as one:
        make_suite(plan(2), tmp_path / "one" / "s", QUIET, scheduler=one.scheduler_address)
    wanted = hashes(tmp_path / "alone" / "s")
    assert hashes(tmp_path / "s") == hashes(tmp_path / "one" / "s") == wanted


def test_local_workers_that_memory_cannot_hold_are_refused(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    memory = estimate(plan().particles).memory
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: memory // 2)
    with pytest.raises(BoxError, match="choose fewer --processes"):
        make_suite(plan(), tmp_path / "s", QUIET, scheduler="local")
