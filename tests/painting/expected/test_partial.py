import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import Header, read_box, write_box
from halokeras.errors import OutputError
from halokeras.painters.model_store import load_painter
from halokeras.painting.expected import paint as painting
from halokeras.painting.expected import partial
from halokeras.painting.expected.paint import paint_file
from halokeras.painting.inputs.density import Density, open_box_density

KILLED = """
import os, signal, sys
from pathlib import Path
from halokeras.painting.expected import partial
from halokeras.painting.expected import paint as painting
from halokeras.painting.draws.counts import draw_files
from halokeras.painting.inputs.density import open_box_density
from halokeras.painters.model_store import load_painter

partial._SECONDS_BETWEEN_COMMITS = 0.0
painting.LARGEST_TILE = 8
from halokeras.painting.draws import counts as draws
draws.LARGEST_TILE = 8
model, box, output, how = map(Path, sys.argv[1:])
kill = lambda fraction: fraction > 0.6 and os.kill(os.getpid(), signal.SIGKILL)
with open_box_density(box) as given:
    if how.name == "draw":
        draw_files(given, load_painter(model), "m", [output, output.with_name("two.h5")], 3, kill)
    else:
        painting.paint_file(given, load_painter(model), "m", output, kill)
"""


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(partial, "_SECONDS_BETWEEN_COMMITS", 0.0)
    monkeypatch.setattr(painting, "LARGEST_TILE", 8)
    monkeypatch.setattr("halokeras.painting.draws.counts.LARGEST_TILE", 8)


@pytest.fixture
def saved(drawing_model):
    return load_painter(drawing_model)


@pytest.fixture
def given(tiny_box):
    header = Header(4.0, 0.3, tiny_box.cosmology, tiny_box.provenance)
    return Density(tiny_box.density, header, box_hash(tiny_box))


def stop_half_way(fraction):
    if fraction > 0.5:
        raise KeyboardInterrupt


def begin(given, saved, target):
    with pytest.raises(KeyboardInterrupt):
        paint_file(given, saved, "m", target, stop_half_way)
    assert not target.exists()


def test_an_interrupted_painting_goes_on_and_leaves_no_litter(given, saved, tmp_path):
    paint_file(given, saved, "m", tmp_path / "whole.h5")
    target = tmp_path / "again" / "out.h5"
    begin(given, saved, target)
    fractions = []
    paint_file(given, saved, "m", target, fractions.append)
    assert 0 < len(fractions) < 4  # the box has four rows of tiles, and some were done
    np.testing.assert_array_equal(read_box(target).counts, read_box(tmp_path / "whole.h5").counts)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["paint", "draw"])
def test_a_killed_painting_ends_with_the_same_bits(how, tiny_box, saved, drawing_model, tmp_path):
    write_box(tiny_box, tmp_path / "box.h5")
    command = [sys.executable, "-c", KILLED, drawing_model, tmp_path / "box.h5"]
    done = subprocess.run([*command, tmp_path / "cut.h5", how], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert (tmp_path / ".cut.h5.part").exists()
    assert not (tmp_path / "cut.h5").exists()
    from halokeras.painting.draws.counts import draw_files

    with open_box_density(tmp_path / "box.h5") as given:
        for name in ("cut.h5", "whole.h5"):
            if how == "draw":
                second = tmp_path / ("two.h5" if name == "cut.h5" else "second.h5")
                draw_files(given, saved, "m", [tmp_path / name, second], 3)
            else:
                paint_file(given, saved, "m", tmp_path / name)
    for cut, whole in (("cut.h5", "whole.h5"), *([("two.h5", "second.h5")] * (how == "draw"))):
        np.testing.assert_array_equal(
            read_box(tmp_path / cut).counts, read_box(tmp_path / whole).counts
        )
    assert not list(tmp_path.glob(".*"))


def test_another_input_or_painter_is_not_mixed_in(given, saved, tmp_path):
    begin(given, saved, tmp_path / "out.h5")
    before = {path.name: path.read_bytes() for path in tmp_path.glob(".out.h5.part/*")}
    with pytest.raises(OutputError, match="another density"):
        paint_file(Density(given.grid, given.header, "other"), saved, "m", tmp_path / "out.h5")
    assert {path.name: path.read_bytes() for path in tmp_path.glob(".out.h5.part/*")} == before


def test_a_damaged_part_or_journal_is_told(given, saved, tmp_path):
    begin(given, saved, tmp_path / "out.h5")
    (tmp_path / ".out.h5.part" / "journal.json").write_text("{")
    with pytest.raises(OutputError, match="remove "):
        paint_file(given, saved, "m", tmp_path / "out.h5")
    begin(given, saved, tmp_path / "new.h5")
    (tmp_path / ".new.h5.part" / "new.h5").write_bytes(b"not HDF5")
    with pytest.raises(OutputError, match=r"damaged; remove "):
        paint_file(given, saved, "m", tmp_path / "new.h5")


@pytest.mark.parametrize("name", ["out.h5", "out.zarr"])
def test_two_writers_of_one_file_do_not_mix(given, saved, tmp_path, name):
    begin(given, saved, tmp_path / name)
    code = (
        "import sys, time; from pathlib import Path; from halokeras.storage.files import locked\n"
        "with locked(Path(sys.argv[1])):\n    print(1, flush=True)\n    time.sleep(60)"
    )
    command = [sys.executable, "-c", code, tmp_path / f".{name}.part"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        told = rf"another process is making .*/{name}; wait for it"
        with pytest.raises(OutputError, match=told):
            paint_file(given, saved, "m", tmp_path / name)
        other.kill()
    paint_file(given, saved, "m", tmp_path / name)  # the system let go of what a dead one held


def test_a_folder_that_is_no_group_is_not_replaced(given, saved, tmp_path):
    (tmp_path / "thesis.zarr").mkdir()
    (tmp_path / "thesis.zarr" / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="choose another folder"):
        paint_file(given, saved, "m", tmp_path / "thesis.zarr")
    assert (tmp_path / "thesis.zarr" / "thesis.tex").read_text() == "years of work"


LIMITED = """
import resource, sys
from pathlib import Path
from halokeras.errors import OutputError
from halokeras.painting.inputs.density import open_box_density
from halokeras.painting.expected.paint import paint_file
from halokeras.painters.model_store import load_painter

saved = load_painter(Path(sys.argv[1]))
with open_box_density(Path(sys.argv[2])) as given:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
    try:
        paint_file(given, saved, "m", Path(sys.argv[3]))
    except OutputError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_full_disk_is_told_before_anything_is_painted(tiny_box, drawing_model, tmp_path):
    write_box(tiny_box, tmp_path / "box.h5")
    command = [sys.executable, "-c", LIMITED, drawing_model, tmp_path / "box.h5"]
    done = subprocess.run(
        [*command, tmp_path / "out" / "o.h5"], capture_output=True, text=True, check=True
    )
    assert "o.h5: File too large; choose a folder" in done.stdout
    assert not list((tmp_path / "out").iterdir())


def test_no_row_before_its_commit_is_lost(given, saved, tmp_path):
    begin(given, saved, tmp_path / "out.h5")
    paint_file(given, saved, "m", tmp_path / "whole.h5")
    with (
        h5py.File(tmp_path / ".out.h5.part" / "out.h5") as part,
        h5py.File(tmp_path / "whole.h5") as whole,
    ):
        np.testing.assert_array_equal(part["counts"][:8, :8], whole["counts"][:8, :8])
