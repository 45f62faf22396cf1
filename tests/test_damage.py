"""A flipped bit in a box, a painted file, a checkpoint or a saved painter is noticed and named.

Each bit is a pure function of a seed. What is read all the same must be what was written. A hundred
of them strike a twentieth of a file with a chance of 99.4 %, so that no array goes unchecked.
"""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box_file import read_box, write_box
from halokeras.errors import BoxError, ModelError
from halokeras.painters.model_files import read_files
from halokeras.painters.model_store import load_painter, save_painter
from halokeras.painting.expected import paint as painting
from halokeras.painting.expected.paint import paint_file
from halokeras.painting.inputs.density import density_of, open_box_density
from halokeras.randomness import fold_in
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density_file import write_density


def flips(files, count):
    """Flip a bit of one of `files` at a time; give the file, and restore it."""
    contents = {path: path.read_bytes() for path in sorted(files)}
    ends = np.cumsum([len(content) for content in contents.values()])
    for number in range(count):
        place = int(fold_in(11, "flip", number).integers(8 * ends[-1]))
        byte, bit = divmod(place, 8)
        index = int(np.searchsorted(ends, byte, side="right"))
        path = list(contents)[index]
        spoiled = bytearray(contents[path])
        spoiled[byte - int(ends[index]) + len(spoiled)] ^= 1 << bit
        path.write_bytes(spoiled)
        yield path
        path.write_bytes(contents[path])


def one_sentence(error, path):
    message = str(error)
    assert str(path) in message
    assert "\n" not in message
    return True


def same_box(one, other):
    for name in ("density", "counts"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)
    if one.halos is not None:
        np.testing.assert_array_equal(one.halos.position, other.halos.position)
        np.testing.assert_array_equal(one.halos.mass, other.halos.mass)
    plain = {"density": None, "counts": None, "halos": None}
    assert replace(one, **plain) == replace(other, **plain)


def test_of_a_box(tiny_box, tmp_path):
    path = tmp_path / "box.h5"
    write_box(tiny_box, path)
    noticed = 0
    for _ in flips([path], 300):
        try:
            found = read_box(path)
        except BoxError as error:
            noticed += one_sentence(error, path)
        else:
            same_box(found, tiny_box)
    assert noticed > 225


@pytest.mark.parametrize("name", ["out.h5", "out.zarr"])
def test_of_a_painted_file(name, tiny_box, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(painting, "LARGEST_TILE", 8)
    path = tmp_path / name
    paint_file(density_of(tiny_box), load_painter(tiny_model), "m", path)
    whole, noticed = read_box(path), 0
    assert path.suffix == ".h5" or len(list(path.rglob("c/*/*/*"))) == 8
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    for _ in flips(files, 100):
        try:
            found = read_box(path)
        except BoxError as error:
            noticed += one_sentence(error, path)
        else:
            same_box(found, whole)
    assert noticed > 60


def test_of_a_density_that_is_read_in_parts(tmp_path):
    path = tmp_path / "density.h5"
    from halokeras.cosmology.cosmology import ABACUS_COSMOS

    write_density(LptBox(ABACUS_COSMOS["00"], 1, (16, 16, 16), 4.0, 0.3, "00"), path)
    with open_box_density(path) as given:
        whole, hashed = given.grid[:], given.hash
    noticed = 0
    for _ in flips([path], 100):
        try:
            with open_box_density(path) as given:
                np.testing.assert_array_equal(given.grid[:], whole)
                assert given.hash == hashed
        except BoxError as error:
            noticed += one_sentence(error, path)
    assert noticed > 60


def test_of_a_saved_painter(drawing_model):
    hashed = read_files(drawing_model).hash
    for path in flips(drawing_model.iterdir(), 200):
        with pytest.raises(ModelError) as caught:
            read_files(drawing_model)
        # the manifest itself may blame the file whose checksum it is
        assert path.name == "manifest.json" or one_sentence(caught.value, path)
        assert "\n" not in str(caught.value)
        assert str(drawing_model) in str(caught.value)
    assert read_files(drawing_model).hash == hashed


@pytest.mark.slow
def test_of_a_checkpoint(tiny_box, tmp_path):
    from halokeras.params import Params
    from halokeras.training.build import build_gan
    from halokeras.training.checkpoints import Checkpoints

    fields = {
        "painter": {"filters": 2, "blocks": 1, "kernel_sizes": [3, 1], "head_layers": 1},
        "critic": {"filters": [2], "kernel_sizes": [3], "strides": [2]},
        "training": {"crop_size": 6},
    }
    gan = build_gan(Params.model_validate(fields))
    checkpoints = Checkpoints(gan, tmp_path / "checkpoints")
    for step in (1, 2):
        gan.step.assign(step)
        checkpoints.save()
    newest = tmp_path / "checkpoints" / "step-00000002"
    for path in flips(newest.iterdir(), 60):
        gan.step.assign(0)
        checkpoints.damaged.clear()
        assert checkpoints.restore()
        assert int(gan.step) == 1, path
        (told,) = checkpoints.damaged
        assert one_sentence(told, newest)
        assert path.name == "manifest.json" or path.name in told
    shutil.rmtree(tmp_path / "checkpoints" / "step-00000001")
    checkpoints.damaged.clear()
    assert checkpoints.restore()
    assert int(gan.step) == 2
    assert not checkpoints.damaged


def test_a_painter_whose_manifest_leaves_a_file_out_is_refused(
    tiny_painter, tiny_provenance, tiny_draws, tmp_path
):
    save_painter(tiny_painter, tiny_provenance, tmp_path / "m", tiny_draws)
    manifest = tmp_path / "m" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("count_law.json", "count_law.jsom"))
    with pytest.raises(ModelError, match=r"manifest\.json does not list"):
        load_painter(tmp_path / "m")
