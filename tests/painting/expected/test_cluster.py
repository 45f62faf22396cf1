import os
import signal
import socket

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box, write_box
from halokeras.boxes.hashes import see
from halokeras.painters.model_store import load_painter, save_painter
from halokeras.painting.draws.counts import draw_files
from halokeras.painting.expected import paint as painting
from halokeras.painting.expected import partial
from halokeras.painting.expected.cluster import Cluster, FoundPainter
from halokeras.painting.expected.paint import paint_file
from halokeras.painting.inputs.density import open_box_density
from halokeras.storage import grid
from halokeras.workers import ClusterError, connected

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def painted(tiny_box, drawing_model, tmp_path, monkeypatch, client):
    """What two workers and what this process paint of the same file."""
    monkeypatch.setattr(painting, "LARGEST_TILE", 4)
    monkeypatch.setattr(partial, "_SECONDS_BETWEEN_COMMITS", 0.0)
    write_box(tiny_box, tmp_path / "box.h5")
    saved = load_painter(drawing_model)
    found = FoundPainter(drawing_model, saved.hash)
    workers = Cluster(client, tmp_path / "box.h5", "density", found)
    return tmp_path, saved, workers


def stop(fraction):
    """Break off in the middle of a painting."""
    if fraction > 0.5:
        raise KeyboardInterrupt


def killing_one(workers):
    """Return what kills a worker as soon as it is told of progress, and then no other."""
    pids = workers.client.run(os.getpid)

    def kill_one(fraction):
        if pids:
            os.kill(pids.popitem()[1], signal.SIGKILL)
            pids.clear()

    return kill_one


@pytest.mark.slow
def test_workers_paint_the_same_bits(painted):
    folder, saved, workers = painted
    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "here.h5")
        paint_file(given, saved, "m", folder / "there.h5", workers=workers)
        draw_files(given, saved, "m", [folder / "drawn.h5"], 3)
        draw_files(given, saved, "m", [folder / "drawn_there.h5"], 3, workers=workers)
    for here, there in (("here", "there"), ("drawn", "drawn_there")):
        ours, theirs = (read_box(folder / f"{name}.h5").counts for name in (here, there))
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_workers_draw_heavy_halos_that_keep_apart(painted, binned_draws, tiny_provenance):
    folder, _, workers = painted
    model = folder / "models" / "halos"
    save_painter(binned_draws.painter, tiny_provenance, model, binned_draws)
    saved = load_painter(model)
    assert saved.draws.border == 1
    others = Cluster(workers.client, workers.density, "density", FoundPainter(model, saved.hash))
    with open_box_density(folder / "box.h5") as given:
        draw_files(given, saved, "m", [folder / "here.zarr"], 3)
        draw_files(given, saved, "m", [folder / "there.zarr"], 3, workers=others)
        draw_files(given, saved, "m", [folder / "there.h5"], 3, workers=others)
    here, *there = (
        read_box(folder / name).counts_by_mass for name in ("here.zarr", "there.zarr", "there.h5")
    )
    for drawn in there:
        np.testing.assert_array_equal(drawn, here)


def test_workers_go_on_with_what_this_process_began(painted):
    folder, saved, workers = painted

    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "whole.h5")
        with pytest.raises(KeyboardInterrupt):
            paint_file(given, saved, "m", folder / "cut.h5", stop)
        fractions = []
        paint_file(given, saved, "m", folder / "cut.h5", fractions.append, workers)
    assert len(fractions) < 16
    whole, cut = (read_box(folder / f"{name}.h5").counts for name in ("whole", "cut"))
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.slow
def test_the_rows_of_a_vanished_worker_are_painted_again(painted):
    folder, saved, workers = painted
    kill_one = killing_one(workers)
    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "here.h5")
        paint_file(given, saved, "m", folder / "there.h5", kill_one, workers)
    ours, theirs = (read_box(folder / f"{name}.h5").counts for name in ("here", "there"))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_painter_that_changed_under_the_workers_is_refused(painted):
    folder, saved, workers = painted
    another = FoundPainter(workers.painter.folder, "another hash")
    other = Cluster(workers.client, workers.density, "density", another)
    with (
        open_box_density(folder / "box.h5") as given,
        pytest.raises(Exception, match="another painter on a worker"),
    ):
        paint_file(given, saved, "m", folder / "out.h5", workers=other)
    assert not (folder / "out.h5").exists()


def held_by(group):
    """What a group tells, checksums too, and what its arrays hold; packed bytes may differ."""
    box = read_box(group)  # which checks them
    told = [path.read_bytes() for path in sorted(group.rglob("zarr.json"))]
    by_mass = None if box.counts_by_mass is None else box.counts_by_mass.tolist()
    return told, box.counts.dtype, box.counts.tolist(), by_mass


def refused(*_, **__):
    raise AssertionError("this process writes rows that workers are to write")


@pytest.mark.slow
def test_workers_write_a_group_themselves_as_this_process_would(painted, monkeypatch):
    folder, saved, workers = painted
    drawn = [folder / f"{name}.zarr" for name in ("first", "second")]
    drawn_there = [folder / f"{name}_there.zarr" for name in ("first", "second")]
    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "here.zarr")
        draw_files(given, saved, "m", drawn, 3)
        monkeypatch.setattr(partial.PartialCounts, "fill", refused)
        fractions = []
        paint_file(given, saved, "m", folder / "there.zarr", fractions.append, workers)
        draw_files(given, saved, "m", drawn_there, 3, workers=workers)
    assert fractions == [row / 16 for row in range(1, 17)]
    pairs = [(folder / "here.zarr", folder / "there.zarr"), *zip(drawn, drawn_there, strict=True)]
    for here, there in pairs:
        assert held_by(here) == held_by(there)
        assert read_box(there).counts.any()
    assert not list(folder.glob(".*"))


@pytest.mark.slow
def test_a_group_is_gone_on_with_by_workers_and_by_this_process(painted):
    folder, saved, workers = painted

    runs = [(None, workers), (workers, None), (workers, workers)]
    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "whole.zarr")
        for number, (first, second) in enumerate(runs):
            cut = folder / f"cut{number}.zarr"
            with pytest.raises(KeyboardInterrupt):
                paint_file(given, saved, "m", cut, stop, first)
            assert not cut.exists()
            fractions = []
            paint_file(given, saved, "m", cut, fractions.append, second)
            assert len(fractions) < 16
            assert held_by(cut) == held_by(folder / "whole.zarr")


@pytest.mark.slow
def test_a_worker_that_vanishes_changes_nothing_in_a_group(painted):
    folder, saved, workers = painted
    kill_one = killing_one(workers)
    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "here.zarr")
        paint_file(given, saved, "m", folder / "there.zarr", kill_one, workers)
    assert held_by(folder / "here.zarr") == held_by(folder / "there.zarr")


@pytest.mark.slow
def test_workers_see_and_hash_a_density_as_this_process_does(painted, monkeypatch):
    folder, _, workers = painted
    monkeypatch.setattr("halokeras.storage.grid._SLAB", 700)
    monkeypatch.setattr("halokeras.painting.expected.cluster._VALUES_SEEN", 1500)
    workers.client.run(setattr, grid, "_SLAB", 700)
    try:
        with (
            open_box_density(folder / "box.h5") as ours,
            open_box_density(folder / "box.h5", workers.see) as theirs,
        ):
            seen = workers.see(ours.grid)
            assert len(seen) == 8
            assert seen == see(ours.grid)
            assert ours.hash == theirs.hash
    finally:
        workers.client.run(setattr, grid, "_SLAB", 2**24)


def test_workers_that_cannot_see_the_density_are_told(painted):
    folder, saved, workers = painted
    blind = Cluster(workers.client, folder / "gone.h5", "density", workers.painter)
    with (
        open_box_density(folder / "box.h5") as given,
        pytest.raises(Exception, match="put it where all workers see it"),
    ):
        paint_file(given, saved, "m", folder / "out.h5", workers=blind)


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    real = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: real(address, timeout="1s"))
    with (
        pytest.raises(ClusterError, match="no Dask scheduler answers"),
        connected(f"tcp://127.0.0.1:{port}"),
    ):
        pass
