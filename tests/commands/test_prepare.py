import json
import re
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from halokeras.boxes.box import halo_counts
from halokeras.boxes.box_file import find_box, read_box


@pytest.fixture
def own(run, tmp_path):
    """A user's files, of a box that ships: halos in Msun and kpc, and a density."""
    box = read_box(find_box("00", 100))
    h = box.cosmology.H0 / 100
    with h5py.File(tmp_path / "halos.h5", "w") as file:
        for name, column in zip("xyz", box.halos.position.T, strict=True):
            file[f"halo_{name}"] = 1000 * column.astype(float) / h
        file["halo_mvir"] = box.halos.mass / h
    np.save(tmp_path / "rho.npy", box.density)
    np.save(tmp_path / "particle_counts.npy", np.rint(1000 * box.density).astype("i4"))
    half = np.roll(halo_counts(box), (32, 32, 32), (0, 1, 2))
    np.save(tmp_path / "halo_counts.npy", half.astype("i4"))
    (tmp_path / "cosmology.json").write_text(json.dumps(asdict(box.cosmology)))
    return box


CATALOGUE = [
    *("prepare", "catalogue", "halos.h5", "--density", "rho.npy", "--density-scheme", "2lpt"),
    *("--redshift", "0.3", "--box-size", "256", "--cosmology", "cosmology.json"),
    *("--length-unit", "kpc", "--mass-unit", "Msun", "--hubble", "0.6726"),
    *("--halo-finder", "fof", "--mass-definition", "fof"),
]


def test_a_catalogue_in_other_units_becomes_the_box_it_is_of(own, run):
    result = run(*CATALOGUE)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("wrote boxes/halos.h5\n")
    assert "0 refused" in result.stdout
    box = read_box(Path("boxes/halos.h5"))
    np.testing.assert_allclose(box.halos.position, own.halos.position, atol=1e-3)
    np.testing.assert_allclose(box.halos.mass, own.halos.mass, rtol=1e-5)
    assert box.cosmology == own.cosmology
    assert box.provenance["mass_definition"] == "fof"


def test_options_that_contradict_are_refused_before_anything_is_read(own, run):
    both = run(*CATALOGUE, "--voxels", "64", "--voxel-size", "4")
    assert both.exit_code == 2 and "not both" in both.stderr
    words = ["prepare", "counts", "none.npy", "none.npy", "--voxel-size", "4", "--redshift", "0.3"]
    turned = run(*words, "--axes", "up")
    assert turned.exit_code == 1 and "none.npy" not in turned.stderr and "up" in turned.stderr


def test_a_wrong_unit_is_one_line_that_names_it(own, run):
    words = ["Msun/h" if word == "Msun" else word for word in CATALOGUE]
    result = run(*words)  # only told, as a mass function may be off by as much
    assert "warning:" in result.stdout and "Msun" in result.stdout
    result = run(*("kpc/h" if word == "kpc" else word for word in CATALOGUE), "--output", "b.h5")
    assert result.exit_code == 1
    assert "Error: halos.h5" in result.stderr


@pytest.mark.slow
def test_the_published_reproductions_half_box_is_found_and_repaired(own, run):
    words = ["prepare", "counts", "particle_counts.npy", "halo_counts.npy", "--voxel-size", "4"]
    words += ["--redshift", "0.3", "--box", "00", "--density-scheme", "2lpt", "--output", "c.h5"]
    result = run(*words)
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert re.search(r'use --shift "-?32,-?32,-?32"', line)
    assert not Path("c.h5").exists()
    assert run(*words, "--shift", "-32,-32,-32").exit_code == 0
    counts = read_box(Path("c.h5")).counts
    np.testing.assert_array_equal(counts, halo_counts(own))
    turned = run(*words[:-1], "d.h5", "--axes", "-z,x,y")
    assert turned.exit_code == 1
    assert "--axes" in turned.stderr


def test_json_holds_the_report(own, run):
    result = run(*CATALOGUE, "--json")
    found = json.loads(result.stdout)
    assert found["wrote"] == ["boxes/halos.h5"]
    assert {finding["verdict"] for finding in found["report"]} <= {"note", "passed", "warning"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--particles", "rho.npy"], "give one of --density, --particles"),
        (["--particles-table", "PartType1"], "go with --particles"),
        (["--particles-origin", "centre"], "go with --particles"),
        (["--output", "box.zarr"], "ends in .h5"),
        (["--box", "00"], "not both"),
        (["--origin", "1,b,c"], "is no place"),
    ],
)
def test_contradictions_are_usage_errors(own, run, change, told):
    result = run(*CATALOGUE, *change)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_particles_have_a_unit_columns_and_an_origin_of_their_own(own, run, tmp_path):
    x, y, z = np.random.default_rng(1).uniform(-128, 128, (3, 5000))
    np.savez(tmp_path / "snapshot.npz", px=x, py=y, pz=z)
    words = [*CATALOGUE[:3], "--particles", "snapshot.npz", *CATALOGUE[5:], "--voxels", "16"]
    words += ["--particles-length-unit", "Mpc/h", "--particles-columns", "position=px,py,pz"]
    from_the_corner = run(*words)
    assert from_the_corner.exit_code == 1
    assert "check --particles-length-unit, --box-size and --particles-origin" in " ".join(
        from_the_corner.stderr.split()
    )
    made = run(*words, "--particles-origin", "centre", "--force")  # they follow no halos
    assert made.exit_code == 0, made.stderr
    assert "positions px,py,pz in Mpc/h from the centre" in " ".join(made.stdout.split())


def test_a_box_that_is_there_is_kept(own, run):
    assert run(*CATALOGUE).exit_code == 0
    before = Path("boxes/halos.h5").read_bytes()
    result = run(*CATALOGUE)
    assert result.exit_code == 1
    assert "exists; remove it" in result.stderr
    assert Path("boxes/halos.h5").read_bytes() == before


@pytest.mark.slow
def test_the_table_that_is_read_is_not_replaced(own, run):
    before = Path("halos.h5").read_bytes()
    result = run(*CATALOGUE, "--output", "halos.h5", "--overwrite")
    assert result.exit_code == 2
    assert "halos.h5 is the input itself" in result.output
    assert Path("halos.h5").read_bytes() == before


def test_our_own_seed_needs_no_density(own, run):
    words = [word for word in CATALOGUE if word not in ("--density", "rho.npy")]
    words = [word for word in words if word not in ("--density-scheme", "2lpt")]
    result = run(*words, "--our-seed", "100", "--voxels", "64")
    assert result.exit_code == 0, result.stderr
    box = read_box(Path("boxes/halos.h5"))
    # the shipped box's is of particles of its own lattice, of the same modes
    assert np.corrcoef(box.density.ravel(), own.density.ravel())[0, 1] > 0.999
    wrong = run(*words, "--our-seed", "101", "--output", "other.h5")
    assert wrong.exit_code == 1
    assert "do not follow" in wrong.stderr or "no shift" in wrong.stderr


def test_folders_that_hold_no_simulation_are_told(run, tmp_path):
    for kind in ("abacus-cosmos", "abacus-summit"):
        result = run("prepare", kind, tmp_path)
        assert result.exit_code == 1
        assert str(tmp_path) in result.stderr.splitlines()[-1]
