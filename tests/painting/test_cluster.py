import os
import signal
import socket

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box, write_box
from halokeras.painters.model_store import load_painter
from halokeras.painting import paint as painting
from halokeras.painting import partial
from halokeras.painting.cluster import Cluster
from halokeras.painting.draws import draw_files
from halokeras.painting.inputs import open_box_density
from halokeras.painting.paint import paint_file
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
    workers = Cluster(client, tmp_path / "box.h5", "density", drawing_model, saved.hash)
    return tmp_path, saved, workers


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


def test_workers_go_on_with_what_this_process_began(painted):
    folder, saved, workers = painted

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

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
    pids = workers.client.run(os.getpid)

    def kill_one(fraction):
        if pids:
            os.kill(pids.popitem()[1], signal.SIGKILL)
            pids.clear()

    with open_box_density(folder / "box.h5") as given:
        paint_file(given, saved, "m", folder / "here.h5")
        paint_file(given, saved, "m", folder / "there.h5", kill_one, workers)
    ours, theirs = (read_box(folder / f"{name}.h5").counts for name in ("here", "there"))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_painter_that_changed_under_the_workers_is_refused(painted):
    folder, saved, workers = painted
    other = Cluster(workers.client, workers.density, "density", workers.model, "another hash")
    with (
        open_box_density(folder / "box.h5") as given,
        pytest.raises(Exception, match="another painter on a worker"),
    ):
        paint_file(given, saved, "m", folder / "out.h5", workers=other)
    assert not (folder / "out.h5").exists()


def test_workers_that_cannot_see_the_density_are_told(painted):
    folder, saved, workers = painted
    blind = Cluster(workers.client, folder / "gone.h5", "density", workers.model, saved.hash)
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
