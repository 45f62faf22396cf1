"""`halopaint paint` of another epoch, cosmology and least mass, by what ships."""

import json
from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import halo_counts
from halokeras.boxes.box_file import read_box, write_box
from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.mass_function import expected_above
from halokeras.painters.model_store import save_painter

MINE = {"H0": 72.0, "omega_m": 0.26, "omega_b": 0.045, "sigma8": 0.85, "n_s": 0.97}
ASKED = ("--voxels", 24, "--cosmology", "mine.json", "--no-figure")


@pytest.fixture
def mine(run, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(MINE))
    return run


def test_halos_are_as_many_as_a_mass_function_expects_there(mine, tmp_path):
    result = mine("paint", *ASKED, "--redshift", 0.8, "--mass-min", 5e12, "--output", "p.h5")
    assert result.exit_code == 0, result.output
    painted = read_box(tmp_path / "p.h5")
    assert painted.redshift == 0.8
    assert painted.cosmology == Cosmology(**MINE)
    expected = expected_above(np.array([5e12]), painted.cosmology, 0.8, 64.0, "fof")
    assert painted.counts.mean() == pytest.approx(expected[0], rel=0.25)


def test_what_was_never_learned_is_refused_before_a_density_is_made(mine, tmp_path):
    for words, told in (
        (("--redshift", 2.5), "redshift 0 to 1.5"),
        (("--mass-min", 1e12), "2.8e+12 Msun/h"),
    ):
        for dry in ((), ("--dry-run",)):
            result = mine("paint", *ASKED, *words, *dry)
            assert result.exit_code == 1
            assert told in result.output
            assert not (tmp_path / "painted").exists()


def test_a_dry_run_refuses_a_grid_as_painting_does(mine, tmp_path):
    np.save(tmp_path / "rho.npy", np.ones((8, 8, 8), np.float32))
    words = ("paint", "--density", "rho.npy", "--voxel-size", 4, "--no-figure", "--dry-run")
    for more, told in (
        (("--redshift", 1, "--model", "saved_models/any"), "name it with --cosmology"),
        (("--redshift", 2, "--cosmology", "mine.json"), "redshift 0 to 1.5"),
    ):
        result = mine(*words, *more)
        assert result.exit_code == 1
        assert told in result.output


@pytest.mark.parametrize("redshift", [-1, "nan"])
def test_a_redshift_that_is_none_is_a_usage_error(mine, redshift):
    result = mine("paint", *ASKED, "--redshift", redshift)
    assert result.exit_code == 2
    assert "--redshift" in result.output


def test_a_box_of_counts_without_masses_is_painted_above_a_mass(
    run, tiny_box, binned_draws, tiny_provenance, tmp_path
):
    save_painter(binned_draws.painter, tiny_provenance, tmp_path / "binned", binned_draws)
    write_box(replace(tiny_box, halos=None, counts=halo_counts(tiny_box)), tmp_path / "box.h5")
    words = ("paint", "--box", "box.h5", "--model", "binned", "--mass-min", 6e12)
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert "Msun/h and more" in result.output
    assert read_box(tmp_path / "painted/box_binned_from6e+12.h5").provenance["mass_min"] == 6e12


def test_a_box_file_tells_its_own_cosmology(mine):
    result = mine("paint", "--box", "00", "--cosmology", "mine.json")
    assert result.exit_code == 2
    assert "--cosmology" in result.output
