import pytest

from halokeras.errors import BoxError
from halokeras.painters.model_store import load_painter
from halokeras.painting.files import cost, paint_files
from halokeras.painting.request import Drawing, Listing, NamedPainter, Request, SeededDensity
from halokeras.simulation.fine_fields import fine_estimate


def wanted(folder, output, uniform):
    return Request(
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
    short = fine_estimate(by_matter.lpt).memory - 1
    monkeypatch.setattr("halokeras.storage.memory.available_memory", lambda: short)
    with pytest.raises(BoxError, match="--places uniform"):
        paint_files(by_matter)
    assert not list(tmp_path.glob("painted*"))
