from dataclasses import replace

import h5py
import numpy as np
import pytest

from halokeras.boxes.box_file import read_box
from halokeras.errors import BoxError
from halokeras.listener import Listener
from halokeras.painters.model_store import load_painter, save_painter
from halokeras.painting.catalogues import halos
from halokeras.painting.catalogues.kept import KeptPieces
from halokeras.painting.catalogues.piece import Piece
from halokeras.painting.cost.total import cost
from halokeras.painting.files import paint_files
from halokeras.painting.modes import matter
from halokeras.painting.request import Drawing, Listing, NamedPainter, PaintRequest, SeededDensity
from halokeras.simulation.fine_matter.by_slabs import fine_slab_estimate
from halokeras.simulation.fine_matter.fields import fine_estimate
from halokeras.simulation.slabs import out_of_core, runners
from halokeras.simulation.slabs.plan import Cuts
from halokeras.simulation.slabs.steps import make_slab


def wanted(folder, output, uniform):
    return PaintRequest(
        density=SeededDensity(5, (64, 64, 64)),
        painter=NamedPainter(load_painter(folder), folder),
        output=output,
        drawing=Drawing(listing=Listing(uniform=uniform)),
    )


def test_the_matter_below_the_voxels_is_counted_and_refused_before_the_density_is_made(
    drawing_model, tmp_path, monkeypatch
):
    output = tmp_path / "painted.h5"
    by_matter, anywhere = (wanted(drawing_model, output, uniform) for uniform in (False, True))
    (_, more), (_, less) = cost(by_matter), cost(anywhere)
    assert more.disk < less.disk  # which has the velocity on the voxels
    assert more.memory > less.memory
    ways = fine_estimate(by_matter.lpt), fine_slab_estimate(by_matter.lpt, tmp_path)
    short = min(way.memory for way in ways) - 1
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: short)
    with pytest.raises(BoxError, match="--places uniform"):
        paint_files(by_matter)
    assert not list(tmp_path.glob("painted*"))


def test_the_disk_of_catalogues_is_told_of_a_density_to_make_and_of_one_that_is_there(
    binned_draws, tiny_provenance, tmp_path
):
    folder = tmp_path / "binned"
    save_painter(binned_draws.painter, tiny_provenance, folder, binned_draws)
    to_make = replace(
        wanted(folder, tmp_path / "painted.h5", True),
        density=SeededDensity(5, (48, 32, 32)),
        drawing=Drawing(realizations=2, listing=Listing(uniform=True)),
    )
    there = replace(to_make, density=to_make.source.path, overwrite=True)

    def of_catalogues(request):
        drawn_only = replace(request, drawing=replace(request.drawing, listing=None))
        return cost(request)[1].disk - cost(drawn_only)[1].disk

    with_velocity = of_catalogues(to_make)
    written = sum(path.stat().st_size for path in paint_files(to_make) if "halos" in path.name)
    velocity = 12 * 48 * 32 * 32  # bytes, which the density holds for catalogues
    assert with_velocity - velocity == pytest.approx(written, rel=0.1)
    assert of_catalogues(there) == pytest.approx(written, rel=0.1)


def test_a_density_that_is_there_costs_nothing_more(tiny_model, tmp_path):
    request = PaintRequest(
        density=SeededDensity(5, (16, 16, 16)),
        painter=NamedPainter(load_painter(tiny_model), tiny_model),
        output=tmp_path / "painted.h5",
    )
    before = cost(request)[1]
    paint_files(request)
    after = cost(replace(request, overwrite=True))[1]
    assert before.disk - after.disk == 4 * 16**3  # that of the density
    assert after.seconds < before.seconds - 3


def test_from_seed_to_catalogue_slab_by_slab_is_as_in_memory(drawing_model, tmp_path, monkeypatch):
    def painted(folder):
        return replace(
            wanted(drawing_model, tmp_path / folder / "painted.h5", False),
            density=SeededDensity(5, (16, 16, 16)),
        )

    paint_files(painted("memory"))
    monkeypatch.setattr(out_of_core, "cuts_of", lambda box: Cuts(32, 18, 8, 32))
    monkeypatch.setattr(out_of_core, "fits_in_memory", lambda need: False)
    # what halos are placed by in parts, too, as where the disk is short
    monkeypatch.setattr(
        out_of_core, "in_parts", lambda box, cuts, *room: cuts._replace(parts=2, read=3)
    )
    told, stages = [], []
    monkeypatch.setattr(
        runners, "make_slab", lambda *task: (stages.append(task[2]), make_slab(*task))
    )
    listener = Listener(announce=lambda what, message: told.append(message))
    expected = cost(painted("slabs"))[1]
    assert expected.work > 0
    paint_files(painted("slabs"), listener=listener)
    assert sum("slab by slab" in message for message in told) == 2
    # the second order is made once, for the density and for the matter below it
    assert (stages.count("small"), stages.count("hessian_0"), stages.count("products_0")) == (
        1,
        1,
        2,
    )
    densities = [read_box(painted(folder).source.path).density for folder in ("slabs", "memory")]
    np.testing.assert_array_equal(*densities)
    ours, theirs = (painted(folder).catalogues[0] for folder in ("slabs", "memory"))
    with h5py.File(ours) as slabs, h5py.File(theirs) as memory:
        names = [name for name in memory if name.startswith("halo_")]
        assert "halo_vx" in names
        for name in names:
            away = slabs[name][...] - memory[name][...]
            if name.startswith("halo_v"):  # the highest waves ring beside the faces of slabs
                assert np.sqrt(np.mean(away**2)) < 0.3 and np.abs(away).max() < 1.5  # km/s
            else:
                np.testing.assert_allclose(away, 0, atol=1e-4)
    assert not [path for path in tmp_path.rglob(".*") if path.name.endswith((".slabs", ".below"))]


def test_a_killed_catalogue_goes_on_with_the_pieces_that_are_placed(
    drawing_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(out_of_core, "cuts_of", lambda box: Cuts(32, 18, 8, 3))
    monkeypatch.setattr(out_of_core, "fits_in_memory", lambda need: False)
    compare, place = matter.check_same, halos._placed
    compared, placed = [], []

    def killed(piece, *told):
        if len(placed) == 3:
            raise KeyboardInterrupt
        placed.append(piece)
        return place(piece, *told)

    monkeypatch.setattr(
        matter, "check_same", lambda *a, **b: (compared.append(1), compare(*a, **b))
    )
    requests = [
        replace(
            wanted(drawing_model, tmp_path / folder / "painted.h5", False),
            density=SeededDensity(5, (40, 16, 16)),
        )
        for folder in ("whole", "killed")
    ]
    paint_files(requests[0])
    with monkeypatch.context() as killing, pytest.raises(KeyboardInterrupt):
        killing.setattr(halos, "_placed", killed)
        paint_files(requests[1])
    (folder,) = (tmp_path / "killed").glob(".*.placed")
    kept = sorted(folder.iterdir())
    assert len(kept) == 3 and len(compared) == 2
    damaged = bytearray(kept[1].read_bytes())
    damaged[69 + 32] ^= 2  # within numpy's header, where no checksum of its own looks
    kept[1].write_bytes(damaged)  # and it is placed again
    placed.clear()
    monkeypatch.setattr(halos, "_placed", lambda *told: (placed.append(told[0]), place(*told))[1])
    paint_files(requests[1])
    (whole,), (again,) = (request.catalogues for request in requests)
    assert again.read_bytes() == whole.read_bytes()
    first, second = placed[:2]
    assert first.x[0] > 0 and second.x[0] == 3 * (first.x[1] - first.x[0])
    assert len(compared) == 2
    assert not list((tmp_path / "killed").glob(".*"))


def test_pieces_of_another_catalogue_are_not_taken(tmp_path):
    piece = Piece((8, 4, 4), (2, 4), (0, 4))
    ours = KeptPieces(tmp_path / "halos.hdf5", {"draw_seed": 1})
    ours.keep(piece, {"halo_id": np.arange(3), "halo_x": np.ones(3, dtype=np.float32)})
    found = ours.found(piece)
    assert found["halo_x"].dtype == np.float32 and found["halo_id"].tolist() == [0, 1, 2]
    assert ours.found(Piece((8, 4, 4), (4, 6), (0, 4))) is None
    assert KeptPieces(tmp_path / "halos.hdf5", {"draw_seed": 2}).found(piece) is None
    (file,) = (tmp_path / ".halos.hdf5.placed").iterdir()
    whole = file.read_bytes()
    for at in range(0, len(whole), 7):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        assert ours.found(piece) is None
    for cut in (b"", whole[:40], whole[:-1], whole + b"0"):
        file.write_bytes(cut)
        assert ours.found(piece) is None
    ours.remove()
    assert not list(tmp_path.iterdir())
