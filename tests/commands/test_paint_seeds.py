import contextlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from halokeras.boxes.box_file import read_box
from halokeras.commands import painted
from halokeras.commands.app import app
from halokeras.fields.spectra import measure
from halokeras.painting.expected.partial import partial_paths
from halokeras.painting.wanted import outputs
from halokeras.storage.files import locked
from tests.commands.outcomes import fails, fails_last


@pytest.fixture(scope="module")
def listed(tiny_models, tmp_path_factory):
    """Words that paint a range of seeds, and the folder where they did, never to be changed."""
    words = ["paint", "--voxels", "16", "--model", str(tiny_models / "drawing"), "--draw"]
    words += ["--catalogue", "--seed", "11-12", "--json"]
    folder = tmp_path_factory.mktemp("listed")
    with contextlib.chdir(folder):
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return words, folder, json.loads(result.stdout)


def test_draws_of_two_seeds_and_painters_have_names_of_their_own(
    run, box_file, drawing_model, tmp_path
):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--no-figure"]
    for seed in ([], ["--seed", 5], ["--seed", 6]):
        assert run(*words, *seed).exit_code == 0
    names = sorted(path.name for path in (tmp_path / "painted").iterdir())
    assert names == [f"tiny_box_drawing_draw{seed}.h5" for seed in ("", "_seed5", "_seed6")]


def test_a_seed_that_another_process_is_at_is_left_to_it(run, tiny_model, tmp_path):
    words = [
        "paint",
        "--voxels",
        16,
        "--model",
        tiny_model,
        "--seed",
        "11-13",
        "--spectra",
        "p.npz",
    ]
    name = "box00_seed12_16_tiny.h5"
    with locked(partial_paths(tmp_path / "painted" / name)[0].parent):
        result = run(*words)
    fails_last(result, "1 of 3 are made by other processes", "the same command finds them")
    assert f"Left: painted/{name} to the process that makes it, 2 of 3" in result.stderr
    there = {path.name for path in (tmp_path / "painted").glob("*_tiny.h5")}
    assert there == {f"box00_seed{seed}_16_tiny.h5" for seed in (11, 13)}
    assert not (tmp_path / "p.npz").exists()
    assert run(*words).exit_code == 0 and (tmp_path / "p.npz").exists()


def test_a_range_of_seeds_is_painted_in_one_process_but_for_what_is_there(
    run, drawing_model, tmp_path
):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--output"]
    assert run(*words, "alone.h5", "--seed", 12, "--no-figure").exit_code == 0
    words = words[:-1]
    first = run(*words, "--seed", "11-12", "--json")
    assert first.exit_code == 0 and "2 of 2" in first.stderr
    told = json.loads(first.stdout)
    assert told["found"] == [] and len(told["wrote"]) == 2
    second = tmp_path / told["wrote"][1]
    same = read_box(tmp_path / "alone.h5").counts
    np.testing.assert_array_equal(read_box(second).counts, same)
    kept = second.stat().st_mtime_ns
    result = run(*words, "--seed", "12-13", "--json")
    again = json.loads(result.stdout)
    assert again["found"] == told["wrote"][1:] and len(again["wrote"]) == 1
    assert f"Found: {again['found'][0]}, 1 of 2" in result.stderr
    assert f"Painted: {again['wrote'][0]}, 2 of 2" in result.stderr
    assert "1 painted, 1 found" in result.stderr
    assert second.stat().st_mtime_ns == kept
    shown = run(*words, "--seed", "12-13").stdout.splitlines()
    assert shown == [f"found {path}" for path in (*again["found"], *again["wrote"])]
    anew = json.loads(run(*words, "--seed", "12-13", "--json", "--overwrite").stdout)
    assert anew["found"] == []


def test_a_damaged_one_of_a_range_is_painted_again_and_warnings_tell_the_seed(
    run, drawing_model, tmp_path, monkeypatch
):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--seed", "11-12"]
    first = run(*words, "--json")
    assert "Warning: seed 12: percentile" in first.stderr
    damaged, whole = (tmp_path / name for name in json.loads(first.stdout)["wrote"])
    before = damaged.read_bytes()
    with h5py.File(damaged, "r+") as file:
        file["counts"][3, 4, 5] += 1
    read = []
    undamaged = outputs._is_undamaged
    monkeypatch.setattr(outputs, "_is_undamaged", lambda one: read.append(one) or undamaged(one))
    again = run(*words, "--json")
    told = json.loads(again.stdout)
    where = damaged.relative_to(tmp_path)
    assert [tmp_path / path for path in read] == [damaged, whole]  # each once
    assert f"Warning: seed 11: {where} is damaged, and is made again" in again.stderr
    assert [tmp_path / name for name in told["wrote"]] == [damaged]
    assert [tmp_path / name for name in told["found"]] == [whole]
    assert damaged.read_bytes() == before


def test_a_damaged_catalogue_of_a_range_is_made_again(run, listed, tmp_path):
    words, made, first = listed
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    assert first["model"] and first["mass_min"] is not None
    damaged = next(tmp_path / name for name in first["wrote"] if "halos" in name)
    before = damaged.read_bytes()
    with h5py.File(damaged) as file:
        chunk = file["halo_x"].id.get_chunk_info(0)
    content = bytearray(before)
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    damaged.write_bytes(content)
    told = json.loads(run(*words).stdout)
    assert str(damaged.relative_to(tmp_path)) in told["wrote"]
    assert damaged.read_bytes() == before
    assert json.loads(run(*words).stdout)["wrote"] == []


@pytest.mark.parametrize("kind", ["density", "draw", "draw_halos"])
def test_a_file_of_a_range_that_is_cut_is_made_again_with_a_word(run, listed, tmp_path, kind):
    words, made, _ = listed
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (cut,) = Path("painted").glob(f"box00_seed11*_{kind}.*")
    whole = {path: path.read_bytes() for path in Path("painted").iterdir()}
    cut.write_bytes(whole[cut][: len(whole[cut]) // 2])
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert f"Warning: seed 11: {cut} is damaged, and is made again" in result.stderr
    told = json.loads(result.stdout)
    assert len(told["wrote"]) == len(told["found"]) == 2
    assert all("seed11" in name for name in told["wrote"])
    assert {path: path.read_bytes() for path in Path("painted").iterdir()} == whole


def test_catalogues_of_a_range_that_list_halos_otherwise_are_not_taken_for_what_is_asked(
    run, drawing_model
):
    words = ["paint", "--voxels", 8, "--model", drawing_model, "--draw", "--catalogue"]
    words += ["--places", "uniform", "--seed", "1-2", "--json"]
    first = json.loads(run(*words).stdout)
    assert first["found"] == []
    assert json.loads(run(*words).stdout)["found"] == first["wrote"]
    seen = json.loads(run(*words, "--redshift-space", "z").stdout)
    assert seen["wrote"][-1].endswith("draw_uniform_z_rsd_halos.hdf5")
    with h5py.File(seen["wrote"][-1]) as file:
        assert "halo_z_rsd" in file and file.attrs["redshift_space"] == "z"
    listed = Path(seen["wrote"][-1])
    listed.replace(listed.with_name(listed.name.replace("_z_", "_x_")))
    fails(run(*words, "--redshift-space", "x"), "x_rsd_halos.hdf5", "redshift_space z instead of x")


def test_the_powers_of_all_that_is_painted_are_written_into_one_file(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 16, "--model", drawing_model, "--draw", "--spectra", "mocks.npz"]
    told = json.loads(run(*words, "--seed", "11-12", "--json").stdout)
    assert told["wrote"][2] == "mocks.npz"
    with np.load(tmp_path / "mocks.npz") as mocks:
        assert mocks["files"].tolist() == [Path(name).name for name in told["wrote"][:2]]
        for name, power in zip(told["wrote"][:2], mocks["power"], strict=True):
            counts = read_box(tmp_path / name).counts
            found = measure(counts, counts, 4.0)
            np.testing.assert_array_equal(power, found.first)
            np.testing.assert_array_equal(mocks["modes"], found.modes)
    assert run(*words, "--seed", "11-12").exit_code == 0
    lost = "mocks.npz holds the power of box00_seed11_16_drawing_draw.h5, which this command"
    fails(run(*words, "--seed", "12-13"), lost, "choose another --spectra", "--overwrite")
    fails(run(*words, "--seed", 12, "--no-figure"), "mocks.npz", "--overwrite")
    assert not (tmp_path / "painted" / "box00_seed13_16_density.h5").exists()
    assert run("paint", "--spectra", "mocks.txt").exit_code == 2


def test_the_powers_of_a_longer_range_keep_those_that_were_there(run, drawing_model, tmp_path):
    words = ["paint", "--voxels", 8, "--model", drawing_model, "--draw", "--spectra", "mocks.npz"]
    assert run(*words, "--seed", "11-12").exit_code == 0
    with np.load("mocks.npz") as mocks:
        before = dict(mocks)
    assert run(*words, "--seed", "10-13").exit_code == 0
    with np.load("mocks.npz") as mocks:
        assert len(mocks["files"]) == 4
        for name in ("power", "files", "paintings"):
            np.testing.assert_array_equal(mocks[name][1:3], before[name])
    before = Path("mocks.npz").read_bytes()
    fails(run(*words, "--seed", "10-12"), "holds the power of box00_seed13_8_drawing_draw.h5")
    assert Path("mocks.npz").read_bytes() == before
    for precious in (b"mine", before[: len(before) // 2]):
        Path("mocks.npz").write_bytes(precious)
        fails(run(*words, "--seed", "10-13"), "mocks.npz is there and holds no powers of boxes")
        assert Path("mocks.npz").read_bytes() == precious


def test_spectra_do_not_replace_the_density(run, tiny_box, tiny_model, tmp_path):
    np.savez(tmp_path / "rho.npz", density=tiny_box.density)
    before = (tmp_path / "rho.npz").read_bytes()
    words = ["--density", "rho.npz", "--voxel-size", 4, "--redshift", 0.3, "--model", tiny_model]
    result = run("paint", *words, "--no-figure", "--spectra", "rho.npz", "--overwrite")
    assert result.exit_code == 2 and "--spectra: rho.npz is the input itself" in result.stderr
    assert (tmp_path / "rho.npz").read_bytes() == before


def test_spectra_of_other_paintings_are_not_replaced(run, box_file, drawing_model, tmp_path):
    words = ["paint", "--box", box_file, "--model", drawing_model, "--draw", "--no-figure"]
    words += ["--spectra", "p.npz", "--output", "x.h5"]
    assert run(*words).exit_code == 0
    assert run(*words).exit_code == 0  # the same again
    before = (tmp_path / "p.npz").read_bytes()
    (tmp_path / "x.h5").unlink()
    fails_last(run(*words, "--seed", 2), "p.npz holds the powers of other paintings", "--spectra")
    assert (tmp_path / "p.npz").read_bytes() == before
    assert run(*words, "--seed", 2, "--overwrite").exit_code == 0
    assert (tmp_path / "p.npz").read_bytes() != before


@pytest.mark.parametrize("seeds", ["7-", "-7", "9-8", "1.5", "0-100000", "seven", 2**63])
def test_seeds_that_are_none_are_refused(run, seeds):
    result = run("paint", "--voxels", 16, "--seed", seeds)
    assert result.exit_code == 2 and "--seed" in result.stderr


def test_a_range_of_seeds_has_no_one_output(run):
    result = run("paint", "--voxels", 16, "--seed", "1-2", "--output", "one.h5")
    assert result.exit_code == 2 and "leave it out" in " ".join(result.stderr.split())


def test_the_first_of_a_range_which_compiles_does_not_tell_how_long_others_take():
    assert painted._left([100.0], 3) == ""
    assert painted._left([100.0, 10.0, 12.0], 3) == ", 33 s left"
    assert painted._left([100.0, 10.0], 0) == ""
