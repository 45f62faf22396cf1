import hashlib
import io
import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from halokeras.errors import ModelError, OutputError
from halokeras.painters.model_files import read_files
from halokeras.painters.model_store import load_painter, painter_hash, save_painter
from halokeras.storage import durable


def reseal(folder):
    """Write a manifest that fits the folder, as one who tampers with it would."""
    names = {path.name for path in folder.iterdir()} - {"manifest.json"}
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "manifest.json").write_text(json.dumps({"sha256": sums}))


def edit_json(path, change):
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    reseal(path.parent)


def edit_weights(folder, change):
    """Change the weights of a folder, in the format that they have there."""
    path = folder / "weights.safetensors"
    if path.exists():
        weights = load_file(path)
        change(weights)
        save_file(weights, path)
    else:
        with np.load(folder / "weights.npz") as held:
            weights = dict(held)
        change(weights)
        np.savez(folder / "weights.npz", **weights)
    reseal(folder)


def as_older(folder):
    """Make a folder what an older halopaint wrote: weights in archives, and no kind."""
    for path in folder.glob("*.safetensors"):
        np.savez(path.with_suffix(".npz"), **dict(sorted(load_file(path).items())))
        path.unlink()
    edit_json(folder / "architecture.json", lambda fields: fields["painter"].pop("kind"))
    return folder


@pytest.fixture
def older_model(tiny_model):
    return as_older(tiny_model)


def refused(folder, *words):
    """Assert that the folder is refused in one sentence that holds `words`."""
    with pytest.raises(ModelError) as caught:
        load_painter(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_a_loaded_painter_paints_bitwise_what_the_saved_one_did(tiny_model, tiny_painter, tiny_box):
    density = tiny_box.density[np.newaxis, ..., np.newaxis]
    loaded = load_painter(tiny_model)
    np.testing.assert_array_equal(loaded.painter(density), tiny_painter(density))
    assert loaded.hash == painter_hash(tiny_painter)
    assert loaded.provenance.model_extra == {"note": "kept as it is"}
    assert loaded.provenance.voxel_size == 4.0


def test_the_hash_tells_weights_and_architecture_apart(tiny_painter, tiny_provenance, tmp_path):
    before = painter_hash(tiny_painter)
    variable = tiny_painter.weights[-1]
    variable.assign(np.asarray(variable) + np.float32(1e-6))
    assert painter_hash(tiny_painter) != before


def test_saving_again_replaces_the_painter_and_leaves_nothing_beside(
    tiny_model, tiny_painter, tiny_provenance
):
    before = load_painter(tiny_model).hash
    tiny_painter.weights[0].assign(2 * np.asarray(tiny_painter.weights[0]))
    save_painter(tiny_painter, tiny_provenance, tiny_model)
    assert load_painter(tiny_model).hash == painter_hash(tiny_painter) != before
    assert [path.name for path in tiny_model.parent.iterdir()] == ["tiny"]


def test_saving_where_folders_cannot_be_exchanged(
    tiny_model, tiny_painter, tiny_provenance, monkeypatch
):
    monkeypatch.setattr(durable, "_exchange", lambda one, other: False)
    save_painter(tiny_painter, tiny_provenance | {"note": "second"}, tiny_model)
    assert load_painter(tiny_model).provenance.model_extra == {"note": "second"}
    assert [path.name for path in tiny_model.parent.iterdir()] == ["tiny"]


def test_a_failed_save_leaves_the_old_painter(
    tiny_model, tiny_painter, tiny_provenance, monkeypatch
):
    before = load_painter(tiny_model).hash

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "sync", full)
    tiny_painter.weights[0].assign(2 * np.asarray(tiny_painter.weights[0]))
    with pytest.raises(OutputError, match="No space left"):
        save_painter(tiny_painter, tiny_provenance, tiny_model)
    assert load_painter(tiny_model).hash == before
    assert [path.name for path in tiny_model.parent.iterdir()] == ["tiny"]


def test_a_folder_of_something_else_is_not_replaced(tiny_painter, tiny_provenance, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="choose another folder"):
        save_painter(tiny_painter, tiny_provenance, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_weights_that_are_not_finite_are_not_saved(tiny_painter, tiny_provenance, tmp_path):
    tiny_painter.weights[0].assign(np.nan * np.asarray(tiny_painter.weights[0]))
    with pytest.raises(ModelError, match="not finite"):
        save_painter(tiny_painter, tiny_provenance, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("field", ["voxel_size", "cosmology", "fingerprint", "training_boxes"])
def test_a_provenance_that_lacks_a_field_is_not_saved(
    tiny_painter, tiny_provenance, tmp_path, field
):
    del tiny_provenance[field]
    with pytest.raises(ModelError, match=field):
        save_painter(tiny_painter, tiny_provenance, tmp_path / "new")


def test_no_such_folder(tmp_path):
    refused(tmp_path / "nowhere", "nowhere")


def test_a_folder_that_is_no_painter(tmp_path):
    refused(tmp_path, "not a saved painter")


@pytest.mark.parametrize(
    "name", ["architecture.json", "weights.safetensors", "provenance.json", "manifest.json"]
)
def test_a_missing_file_is_named(tiny_model, name):
    (tiny_model / name).unlink()
    refused(tiny_model, name)


@pytest.mark.parametrize("name", ["weights.safetensors", "provenance.json"])
def test_a_flipped_bit_is_noticed_and_the_file_named(tiny_model, name):
    content = bytearray((tiny_model / name).read_bytes())
    place = content.rindex(b"as it is") if name == "provenance.json" else len(content) // 2
    content[place] ^= 1
    (tiny_model / name).write_bytes(content)
    refused(tiny_model, name, "checksum")


@pytest.mark.parametrize("name", ["architecture.json", "provenance.json", "manifest.json"])
@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000])
def test_malformed_json_is_named(tiny_model, name, content):
    (tiny_model / name).write_text(content)
    refused(tiny_model, name)


def test_another_format_version(tiny_model):
    edit_json(tiny_model / "architecture.json", lambda fields: fields.update(format_version=99))
    refused(tiny_model, "99", "install")


def test_another_format(tiny_model):
    edit_json(tiny_model / "architecture.json", lambda fields: fields.update(format="cake"))
    refused(tiny_model, "not a saved painter")


def test_an_unknown_architecture_field_is_named(tiny_model):
    edit_json(tiny_model / "architecture.json", lambda fields: fields["painter"].update(magic=1))
    refused(tiny_model, "magic")


@pytest.mark.parametrize("value", ["many", -1, 1.5, None])
def test_an_architecture_of_the_wrong_type(tiny_model, value):
    edit_json(
        tiny_model / "architecture.json", lambda fields: fields["painter"].update(blocks=value)
    )
    refused(tiny_model, "architecture.json")


@pytest.mark.parametrize("field", ["blocks", "filters", "head_layers", "head_filters"])
def test_an_absurd_size_is_refused_before_it_is_allocated(tiny_model, field):
    edit_json(
        tiny_model / "architecture.json", lambda fields: fields["painter"].update({field: 10**9})
    )
    refused(tiny_model, field, "4096")


def test_a_painter_larger_than_any_is_refused_before_it_is_allocated(tiny_model):
    largest = {"blocks": 200, "filters": 2000}
    edit_json(tiny_model / "architecture.json", lambda fields: fields["painter"].update(largest))
    refused(tiny_model, "more than any painter has")


@pytest.mark.parametrize("kind", ["os.system", "Inception", None, 3, ["inception"]])
def test_an_unknown_kind_is_refused_with_the_known_ones(tiny_model, kind):
    edit_json(tiny_model / "architecture.json", lambda fields: fields["painter"].update(kind=kind))
    refused(tiny_model, "architecture.json", "painter", "the kinds are inception")


@pytest.mark.parametrize("name", ["tiny_model", "drawing_model"])
def test_an_older_folder_is_the_same_painter(request, name):
    folder = request.getfixturevalue(name)
    saved, read = load_painter(folder), read_files(folder)
    older, older_read = load_painter(as_older(folder)), read_files(folder)
    assert saved.hash == older.hash == read.hash == older_read.hash
    assert older.painter.params == saved.painter.params
    for ours, theirs in zip(saved.painter.weights, older.painter.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_folder_of_both_formats_is_refused(drawing_model):
    path = drawing_model / "expected.safetensors"
    np.savez(drawing_model / "expected.npz", **load_file(path))
    path.unlink()
    reseal(drawing_model)
    refused(drawing_model, "manifest.json")


def test_weights_of_another_shape(tiny_model):
    first = "000.kernel"
    edit_weights(tiny_model, lambda weights: weights.update({first: np.zeros((1, 1), "f4")}))
    refused(tiny_model, first)


def test_weights_of_another_type(tiny_model):
    edit_weights(
        tiny_model,
        lambda weights: weights.update({name: weights[name].astype("f8") for name in weights}),
    )
    refused(tiny_model, "float64")


def test_a_lacking_weight(tiny_model):
    edit_weights(tiny_model, lambda weights: weights.pop("000.kernel"))
    refused(tiny_model, "lacks weight 000.kernel")


def test_an_unknown_weight(tiny_model):
    edit_weights(tiny_model, lambda weights: weights.update(extra=np.zeros(3, "f4")))
    refused(tiny_model, "unknown weight extra")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite(tiny_model, bad):
    edit_weights(tiny_model, lambda weights: weights["000.kernel"].fill(bad))
    refused(tiny_model, "000.kernel", "NaN")


@pytest.mark.parametrize("model", ["tiny_model", "older_model"])
def test_truncated_weights(request, model):
    folder = request.getfixturevalue(model)
    (path,) = folder.glob("weights.*")
    path.write_bytes(path.read_bytes()[:-40])
    reseal(folder)
    refused(folder, path.name)


class Bomb:
    """Tells whether anything unpickled it."""

    went_off = False

    def __reduce__(self):
        return setattr, (Bomb, "went_off", True)


def test_a_pickle_in_the_weights_is_never_opened(older_model):
    hostile = np.empty((), dtype=object)
    hostile[()] = Bomb()
    edit_weights(older_model, lambda weights: weights.update({"000.kernel": hostile}))
    refused(older_model, "000.kernel")
    assert not Bomb.went_off


@pytest.mark.parametrize("model", ["tiny_model", "older_model"])
def test_a_pickle_instead_of_the_weights_is_never_opened(request, model):
    folder = request.getfixturevalue(model)
    (path,) = folder.glob("weights.*")
    path.write_bytes(pickle.dumps(Bomb()))
    reseal(folder)
    refused(folder, path.name)
    assert not Bomb.went_off


def test_a_header_that_promises_more_than_it_holds_allocates_nothing(older_model):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)}
    )
    with np.load(older_model / "weights.npz") as held:
        names = held.files
    with zipfile.ZipFile(older_model / "weights.npz", "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", header.getvalue())
    reseal(older_model)
    refused(older_model, "1000000000000")


FOREIGN_HEADERS = {
    "beyond the file": {"000.kernel": ["F32", [10**12], [0, 4 * 10**12]]},
    "larger than its bytes": {"000.kernel": ["F32", [10**12], [0, 4]]},
    "shared bytes": {"a": ["F32", [1], [0, 4]], "b": ["F32", [1], [0, 4]]},
    "a hole": {"a": ["F32", [1], [0, 4]], "b": ["F32", [1], [8, 12]]},
    "negative": {"000.kernel": ["F32", [-1], [0, 4]]},
    "an unknown type": {"000.kernel": ["F33", [1], [0, 4]]},
    "no header": None,
}


@pytest.mark.parametrize("entries", FOREIGN_HEADERS.values(), ids=FOREIGN_HEADERS)
def test_a_malformed_header_allocates_nothing(tiny_model, entries):
    header = b"[1]"
    if entries is not None:
        names = ("dtype", "shape", "data_offsets")
        fields = {name: dict(zip(names, entry, strict=True)) for name, entry in entries.items()}
        header = json.dumps(fields).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(12 if entries else 0)
    (tiny_model / "weights.safetensors").write_bytes(content)
    reseal(tiny_model)
    tracemalloc.start()
    refused(tiny_model, "weights.safetensors", "copy it again")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def rewrite_weights(folder, change, **how):
    """Write the archive anew, with `change` from the content of each array to another."""
    with zipfile.ZipFile(folder / "weights.npz") as held:
        contents = {name: held.read(name) for name in held.namelist()}
    with zipfile.ZipFile(folder / "weights.npz", "w", **how) as archive:
        for name, content in contents.items():
            archive.writestr(name, change(content))
    reseal(folder)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_weights_are_refused_as_a_few_bytes_could_unpack_to_any_size(
    older_model, method
):
    rewrite_weights(older_model, lambda content: content, compression=method)
    refused(older_model, "weights.npz", "compressed")


def test_a_bomb_is_refused_before_it_is_unpacked(older_model):
    rewrite_weights(
        older_model, lambda content: content + bytes(2**24), compression=zipfile.ZIP_DEFLATED
    )
    tracemalloc.start()
    refused(older_model, "weights.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_bytes_behind_an_array_are_refused(older_model):
    rewrite_weights(older_model, lambda content: content + b"x")
    refused(older_model, "size that it states")


def test_an_array_held_twice_is_refused(older_model):
    with (
        zipfile.ZipFile(older_model / "weights.npz", "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr("000.kernel.npy", archive.read("000.kernel.npy"))
    reseal(older_model)
    refused(older_model, "twice")


@pytest.mark.parametrize("name", ["weights.safetensors", "architecture.json", "manifest.json"])
def test_no_more_is_read_than_the_file_may_hold(tiny_model, name):
    with (tiny_model / name).open("r+b") as file:
        file.truncate(2**30)  # sparse
    tracemalloc.start()
    refused(tiny_model, name, "more than")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_a_pipe_or_device_or_folder_is_no_file_of_a_painter(tiny_model):
    path = tiny_model / "provenance.json"
    path.unlink()
    os.mkfifo(path)
    refused(tiny_model, "provenance.json", "not a regular file")
    path.unlink()
    path.symlink_to("/dev/zero")
    refused(tiny_model, "provenance.json", "not a regular file")
    path.unlink()
    path.mkdir()
    refused(tiny_model, "provenance.json")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"blocks": 600, "filters": 1, "kernel_sizes": [1]}, "layers"),
        ({"kernel_sizes": [511], "filters": 1}, "weights"),
        ({"kernel_sizes": [13], "blocks": 20, "filters": 40}, "multiplications"),
        ({"blocks": 10**4000}, "must be 4096 or less"),
        ({"kernel_sizes": [10**4000 + 1]}, "must be 4096 or less"),
        ({"filters": 4000, "kernel_sizes": [1, 1], "blocks": 1}, "GiB"),
        ({"blocks": 1e300}, "blocks"),
    ],
)
def test_a_painter_that_would_take_hours_or_all_memory_is_not_built(tiny_model, changes, reason):
    edit_json(tiny_model / "architecture.json", lambda fields: fields["painter"].update(changes))
    refused(tiny_model, "architecture.json", reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "control characters") for text in ("\x1b[2J", "\u202e", "\x00")),
        ("\ud800", "half a character"),
    ],
)
def test_a_text_that_would_play_with_the_terminal_is_refused(tiny_model, text, reason):
    edit_json(tiny_model / "provenance.json", lambda fields: fields.update(density_scheme=text))
    refused(tiny_model, "provenance.json", reason)


@pytest.mark.parametrize("descr", ["|O", "<f8", [["a", "<f4"]], [[1]], "(((", "x" * 300])
def test_a_header_of_any_type_is_refused(older_model, descr):
    header = repr({"descr": descr, "fortran_order": False, "shape": (1,)}).ljust(117) + "\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    rewrite_weights(older_model, lambda content: start + b"cos\nsystem\n(S'true'\ntR.")
    refused(older_model, "weights.npz")


@pytest.mark.parametrize("spoil", [{"voxel_size": "four"}, {"redshift": -1}, {"fingerprint": {}}])
def test_a_provenance_of_the_wrong_type_names_the_field(tiny_model, spoil):
    edit_json(tiny_model / "provenance.json", lambda fields: fields.update(spoil))
    refused(tiny_model, "provenance.json", next(iter(spoil)))


def test_a_law_of_counts_comes_back(drawing_model, tiny_draws, tiny_painter):
    loaded = load_painter(drawing_model)
    np.testing.assert_array_equal(loaded.draws.count_law.expected, tiny_draws.count_law.expected)
    np.testing.assert_array_equal(
        loaded.draws.count_law.probabilities, tiny_draws.count_law.probabilities
    )
    for ours, saved in zip(loaded.draws.painter.weights, tiny_draws.painter.weights, strict=True):
        np.testing.assert_array_equal(ours, saved)
    assert loaded.hash == painter_hash(tiny_painter, tiny_draws) != painter_hash(tiny_painter)


BROKEN_LAWS = {
    "negative": (lambda law: law["probabilities"][0].__setitem__(0, -0.1), "probabilities.0.0"),
    "not one": (lambda law: law["probabilities"][1].__setitem__(0, 0.0), "sum to 1"),
    "descending": (lambda law: law["expected"].reverse(), "ascend"),
    "ragged": (lambda law: law["probabilities"][0].append(0.0), "equally long"),
    "too few": (lambda law: law["probabilities"].pop(), "equally many"),
    "foreign": (lambda law: law.update(code="import os"), "code"),
}


@pytest.mark.parametrize(("change", "word"), BROKEN_LAWS.values(), ids=BROKEN_LAWS)
def test_a_malformed_law_is_refused(drawing_model, change, word):
    edit_json(drawing_model / "count_law.json", change)
    refused(drawing_model, "count_law.json", word)


def test_a_damaged_or_missing_law_is_named(drawing_model):
    path = drawing_model / "count_law.json"
    path.write_text(path.read_text().replace("0", "1", 1))
    refused(drawing_model, "count_law.json", "damaged")
    path.unlink()
    refused(drawing_model, "count_law.json is missing", "manifest.json lists", "copy the folder")
