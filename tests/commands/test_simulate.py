"""`halopaint simulate` of several redshifts, of a cosmology of one's own, and of suites."""

import json
import re

import h5py
import pytest

from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import read_box

SMALL = ["--size", 16, "--particles", 16]
COSMOLOGY = {"H0": 70, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.9, "n_s": 0.96}


def test_a_box_for_each_redshift_is_found_again_or_made_again(run, tmp_path):
    words = ["simulate", "--box", "00", *SMALL, "--redshift", 1, "--redshift", 0.3]
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "wrote boxes/box00_seed1_z1.h5\nwrote boxes/box00_seed1.h5\n"
    first = tmp_path / "boxes" / "box00_seed1_z1.h5"
    before = box_hash(read_box(first))
    first.unlink()
    result = run(*words)
    assert result.stdout == "found boxes/box00_seed1.h5\nwrote boxes/box00_seed1_z1.h5\n"
    assert "Found: boxes/box00_seed1.h5" in result.stderr
    assert box_hash(read_box(first)) == before
    assert sorted(path.name for path in first.parent.iterdir()) == [
        "box00_seed1.h5",
        "box00_seed1_z1.h5",
    ]
    again = run(*words)
    assert (again.exit_code, again.stdout.count("found boxes/box00_seed1")) == (0, 2)
    told = json.loads(run(*words, "--json").stdout)
    assert (told["wrote"], len(told["found"])) == ([], 2)
    assert again.stderr.count("Found: ") == 2
    first.unlink()
    result = run("simulate", "--box", "00", "--size", 32, "--particles", 16, *words[7:])
    assert result.exit_code == 1
    assert "box00_seed1.h5 is there and has size 16 instead of 32" in result.stderr
    assert "--overwrite" in result.stderr


def flip(path):
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        chunk = file["density"].id.get_chunk_info(0)
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)


def test_a_damaged_box_is_made_again(run, tmp_path):
    words = ["simulate", "--box", "00", *SMALL]
    assert run(*words).exit_code == 0
    path = tmp_path / "boxes" / "box00_seed1.h5"
    whole = path.read_bytes()
    cut = whole[: len(whole) // 2]
    flip(path)
    for damaged in (path.read_bytes(), cut):
        path.write_bytes(damaged)
        again = run(*words)
        assert again.exit_code == 0, again.output
        assert again.stdout == "wrote boxes/box00_seed1.h5\n"
        assert "boxes/box00_seed1.h5 is damaged, and is made again" in again.stderr
        assert path.read_bytes() == whole
    (tmp_path / "mine.h5").write_bytes(cut)  # of which nobody knows what it was
    refused = run(*words, "--output", "mine.h5")
    assert refused.exit_code == 1 and "mine.h5 is there, but no whole box" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert (tmp_path / "mine.h5").read_bytes() == cut
    flip(path)
    refused = run("simulate", "--box", "00", "--size", 32, *SMALL[2:])
    assert refused.exit_code == 1 and "size 16 instead of 32" in refused.stderr


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_a_damaged_box_that_params_name_is_made_again(run, tmp_path, damage):
    params = {"box": {"size": 16, "particles": 16, "train": [{"id": "01", "seed": 1}]}}
    params["box"]["validate_on"] = [{"id": "01", "seed": 2}]
    (tmp_path / "params.json").write_text(json.dumps(params))
    assert run("simulate", "--params", "params.json").exit_code == 0
    path = tmp_path / "boxes" / "box01_seed1.h5"
    whole = path.read_bytes()
    flip(path)
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    again = run("simulate", "--params", "params.json", "--json")
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout)
    assert told == {"wrote": ["boxes/box01_seed1.h5"], "found": ["boxes/box01_seed2.h5"]}
    assert "boxes/box01_seed1.h5 is damaged, and is made again" in again.stderr
    assert path.read_bytes() == whole


def test_a_density_without_halos_is_not_taken_for_the_box(run):
    words = ["--box", "00", "--output", "b.h5"]
    assert run("lpt", "--voxels", 4, *words).exit_code == 0
    result = run("simulate", *SMALL, *words)
    assert result.exit_code == 1
    assert "b.h5 is there and has no N-body engine, no halos; remove it" in result.stderr


def test_a_cosmology_of_ones_own_names_the_box(run, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps({**COSMOLOGY, "w0": -0.8}))
    words = ["simulate", "--cosmology", "mine.json", *SMALL, "--redshift", 0.5]
    result = run(*words)
    assert result.stdout == "wrote boxes/mine_seed1_z0.5.h5\n"
    assert re.search(r" and \d+ s on one core\n", result.stderr)
    box = read_box(tmp_path / "boxes" / "mine_seed1_z0.5.h5")
    assert box.cosmology.w0 == -0.8
    assert "box_id" not in box.provenance
    other = run(*words[:-2], "--redshift", 0, "--redshift", 2, "--output", "out/b.h5")
    assert other.stdout == "wrote out/b_z2.h5\nwrote out/b_z0.h5\n"
    assert "w0" in run("inspect", "out/b_z0.h5").stdout


def test_an_unknown_id_is_told_in_one_sentence_by_every_command(run):
    lpt = ["lpt", "--voxels", 8, "--output", "d.h5"]
    told = {run(*words, "--box", "40").stderr for words in (["simulate"], lpt)}
    told |= {run("evaluate", "--box", "40").stderr, run("galaxies", "40").stderr}
    (sentence,) = told
    assert "box id '40' is unknown" in sentence
    assert "04, or name a box file, or a cosmology of your own with --cosmology" in sentence


def test_what_another_process_makes_is_not_made_too(run, tmp_path):
    from halokeras.simulation.files.claims import claimed

    with claimed(tmp_path / "boxes" / "box00_seed1.h5"):
        result = run("simulate", "--box", "00", *SMALL)
    assert result.exit_code == 1
    assert "another process is making boxes/box00_seed1.h5; wait for it" in result.stderr


@pytest.fixture
def suite_file(tmp_path):
    design = {
        "kind": "sobol",
        "members": 2,
        "scramble_seed": 1,
        "ranges": {"omega_m": [0.2, 0.4]},
        "fiducial": {name: value for name, value in COSMOLOGY.items() if name != "omega_m"},
    }
    planned = {"design": design, "first_seed": 3, "redshifts": [1, 0.3]}
    (tmp_path / "tiny.json").write_text(json.dumps({**planned, "size": 16, "particles": 16}))
    return tmp_path / "tiny.json"


def test_a_suite_is_made_once(run, suite_file, tmp_path):
    result = run("simulate", "--suite", suite_file, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    wrote = [f"boxes/tiny/tiny_00{member}_z{z}.h5" for member in (0, 1) for z in ("1", "0.3")]
    facts = {"suite": "boxes/tiny", "members": 2, "boxes": 4}
    assert told == {"wrote": wrote, "found": []} | facts
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "boxes" / "tiny").iterdir()}
    assert sorted(path.name for path in times) == [
        "suite.json",
        *(f"tiny_00{member}_z{z}.h5" for member in (0, 1) for z in ("0.3", "1")),
    ]
    again = run("simulate", "--suite", suite_file)
    assert "0 of 2 simulations are to be made" in again.stderr
    assert again.stdout == "found boxes/tiny\n"
    told = json.loads(run("simulate", "--suite", suite_file, "--json").stdout)
    assert told == {"wrote": [], "found": wrote} | facts
    assert times == {path: path.stat().st_mtime_ns for path in times}
    (tmp_path / wrote[1]).unlink()
    told = json.loads(run("simulate", "--suite", suite_file, "--json").stdout)
    assert (told["wrote"], told["found"]) == (wrote[1:2], [*wrote[:1], *wrote[2:]])
    (tmp_path / wrote[2]).unlink()
    assert run("simulate", "--suite", suite_file).stdout == "wrote boxes/tiny\n"


def test_a_plan_that_is_none_is_one_line(run, suite_file):
    suite_file.write_text(suite_file.read_text().replace("omega_m", "omega_k"))
    result = run("simulate", "--suite", suite_file)
    assert result.exit_code == 1
    assert "ranges names 'omega_k'; choose among H0" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_plan_is_never_taken_for_the_index_that_would_replace_it(run, suite_file):
    plan = suite_file.rename(suite_file.with_name("suite.json"))
    before = plan.read_bytes()
    refused = run("simulate", "--suite", "suite.json", "--output", ".")
    assert refused.exit_code == 2
    assert "suite.json is the input itself" in refused.stderr
    assert plan.read_bytes() == before


def test_a_box_of_another_ending_is_not_simulated(run):
    result = run("simulate", "--box", "00", "--output", "box.png")
    assert result.exit_code == 2 and "ends in .h5" in " ".join(result.stderr.split())


def test_simulate_makes_a_box_and_what_params_lack(run, tmp_path):
    small = ["--size", "32", "--particles", "32"]
    result = run("simulate", "--box", "00", "--seed", "7", *small, "--json")
    assert json.loads(result.stdout) == {"wrote": ["boxes/box00_seed7.h5"], "found": []}
    box = read_box(tmp_path / "boxes" / "box00_seed7.h5")
    assert box.shape == (8, 8, 8)
    assert box.provenance["density_scheme"] == "2lpt"
    again = run("simulate", "--box", "00", "--seed", "7", *small)
    assert (again.exit_code, again.stdout) == (0, "found boxes/box00_seed7.h5\n")
    assert again.stderr == "Found: boxes/box00_seed7.h5\n"
    seven, eight = ({"id": "00", "seed": seed} for seed in (7, 8))
    params = {"box": {"train": [eight], "validate_on": [seven], "size": 32.0, "particles": 32}}
    (tmp_path / "mine.json").write_text(json.dumps(params))
    result = run("simulate", "--params", "mine.json")
    assert result.exit_code == 0, result.stderr
    assert "Found: boxes/box00_seed7.h5" in result.stderr
    assert result.stdout == "found boxes/box00_seed7.h5\nwrote boxes/box00_seed8.h5\n"
    told = json.loads(run("simulate", "--params", "mine.json", "--json").stdout)
    assert told == {"wrote": [], "found": [f"boxes/box00_seed{seed}.h5" for seed in (8, 7)]}
    assert run("simulate", "--box", "00", "--params", "mine.json").exit_code == 2
