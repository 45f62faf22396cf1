"""Derivatives of the power by pairs of boxes, with known answers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from halokeras.boxes.box_file import write_box
from halokeras.boxes.suite import Member, Suite, SuiteBox, write_index
from halokeras.cosmology.cosmology import Cosmology
from halokeras.evaluation.derivatives import (
    derivative_sheets,
    derivatives,
    paired_design,
    uneven_cuts,
)
from halokeras.evaluation.names import HALOS
from halokeras.evaluation.verdict import Verdict
from halokeras.simulation.suites.params import PairedDesign
from halokeras.statistics.statistic import DRAWS, FIELD, Measurement

FIDUCIAL = Cosmology(H0=67.0, omega_m=0.32, omega_b=0.05, sigma8=0.83, n_s=0.96)
DESIGN = {
    "kind": "paired",
    "realizations": 4,
    "fiducial": {"H0": 67.0, "omega_m": 0.32, "omega_b": 0.05, "sigma8": 0.83, "n_s": 0.96},
    "steps": {"omega_m": 0.02, "sigma8": 0.03},
}
UPPER = np.array([0.1, 0.2, 0.4, 0.6])
SLOPES = {"omega_m": np.array([-2.0, -1.5, -1.0, -0.5]), "sigma8": np.array([1.0, 0.8, 0.6, 0.5])}


def powers(off=1.0, noise=0.0, **changes):
    """Boxes whose ln P is linear in the parameters, and painted with slopes `off` times that."""
    design = PairedDesign.model_validate({**DESIGN, **changes})
    rng = np.random.default_rng(1)
    for realization in range(design.realizations):
        phases = rng.normal(0, 0.3, UPPER.size)  # which a pair shares
        for name, told in design.cosmologies():
            cosmology = Cosmology(**told)
            moved = sum(
                slopes * (getattr(cosmology, name) - getattr(FIDUCIAL, name))
                for name, slopes in SLOPES.items()
            )
            member = Member(f"{realization}_{name}", cosmology, 7000 + realization, {})
            for redshift in (1.0, 0.3):
                own = rng.normal(0, noise, (2, UPPER.size))
                halos = 1000 * np.exp(phases + moved + own[0])
                found = {
                    FIELD: 900 * np.exp(phases + off * moved + own[1]),
                    DRAWS: 1100 * np.exp(phases + moved),
                }
                told_powers = {
                    name: Measurement(values, halos=halos) for name, values in found.items()
                }
                yield SuiteBox(member, redshift, Path("box.h5")), told_powers


@pytest.fixture
def design():
    return PairedDesign.model_validate(DESIGN)


def test_slopes_are_found_whatever_the_phases_and_the_amplitude(design):
    found = derivatives(design, list(powers(off=1.2)), UPPER)
    told = [(one.parameter, one.redshift, one.pairs) for one in found]
    assert told == [(name, z, 4) for name in ("omega_m", "sigma8") for z in (1.0, 0.3)]
    for one in found:
        slopes = SLOPES[one.parameter]
        for name, times in ((HALOS, 1.0), (FIELD, 1.2), (DRAWS, 1.0)):
            mean, error = one.columns[name]
            np.testing.assert_allclose(mean, times * slopes, rtol=1e-9)
            np.testing.assert_allclose(error, 0, atol=1e-9)
        assert one.line.worst[FIELD] == pytest.approx(0.2)
        assert one.line.verdict == {FIELD: Verdict.MISSED, DRAWS: Verdict.MET}


def test_a_cut_between_other_numbers_of_particles_is_told_with_one_that_is_even(design):
    """Of N >= N0 particles as many halos are kept as have the mass of N0 - 1/2 and more."""
    members = np.arange(20, 400)
    number = members * (1 - members**-0.6)
    masses = [(box, 8.7e10 * box.member.cosmology.omega_m / 0.314 * number) for box, _ in powers()]
    (told,) = uneven_cuts(design, masses, 3e12)
    assert "by omega_m" in told and "apart in mass" in told
    even = float(told.split("--mass-min ")[1].split()[0])
    assert 3e12 <= even <= 6e12
    assert uneven_cuts(design, masses, even) == []
    assert uneven_cuts(design, masses, 0.0) == []
    off = float(told.split("cut ")[1].split(" %")[0]) / 100
    edges = []
    for omega_m in (0.34, 0.30):
        of_one = 8.7e10 * omega_m / 0.314
        first = members[of_one * number >= 3e12][0] - 0.5
        edges.append(of_one * first * (1 - first**-0.6))
    assert off == pytest.approx(abs(np.log(edges[0] / edges[1])), abs=1e-3)


def test_errors_are_those_of_the_mean_over_pairs(design):
    (one, *_) = derivatives(design, list(powers(noise=0.02)), UPPER)
    # of each pair sqrt(2) 0.02 / 0.04, of four of them half that: 0.35
    assert 0.15 < np.mean(one.columns[FIELD][1]) < 0.55
    few = derivatives(design, list(powers(noise=0.02, realizations=1)), UPPER)[0]
    assert np.isnan(few.columns[FIELD][1]).all()
    assert few.line.verdict[FIELD] is Verdict.UNDECIDED


def test_a_pair_of_which_one_is_not_scored_is_left_out(design):
    boxes = [one for one in powers() if one[0].member.name != "2_omega_m_up"]
    assert [one.pairs for one in derivatives(design, boxes, UPPER)] == [3, 3, 4, 4]
    down = [one for one in boxes if one[0].member.name.endswith(("fiducial", "down"))]
    assert derivatives(design, down, UPPER) == ()


def test_tables_tell_what_changes_with_what(design):
    *sheets, targets = derivative_sheets(derivatives(design, list(powers()), UPPER))
    assert sheets[0].title == (
        "How the power of halos changes with omega_m at z = 1: d ln P / d omega_m"
    )
    assert sheets[0].headings == ("k to", HALOS, FIELD, DRAWS)
    assert str(sheets[0].rows[0][1]).startswith("-2.0")
    assert "4 pairs of boxes of the same phases" in sheets[0].caption
    assert len(sheets) == len(targets.rows) == 4
    assert str(targets.rows[0][1]) == "within 10 %" and "met" in str(targets.rows[0][2])
    assert derivative_sheets(()) == []


@pytest.mark.usefixtures("undrawn")  # others look at the pictures
def test_a_suite_of_pairs_tells_derivatives_and_others_none(run, tmp_path, tiny_box, tiny_model):
    design = {**DESIGN, "realizations": 2, "steps": {"sigma8": 0.03}}
    members = []
    for seed in range(2):
        for way, sigma8 in (("up", 0.86), ("down", 0.8)):
            name = f"{seed}_sigma8_{way}"
            files = {0.3: f"pairs_{name}_z0.3.h5"}
            members.append(Member(name, replace(FIDUCIAL, sigma8=sigma8), seed, files))
    suite = Suite(tmp_path / "boxes/pairs", 64.0, 64, 4.0, tuple(members), {"design": design})
    for number, box in enumerate(suite.boxes()):
        density = tiny_box.density ** (0.8 + 0.1 * number)
        kept = np.random.default_rng(number).random(len(tiny_box.halos.mass)) < 0.9
        halos = replace(
            tiny_box.halos, position=tiny_box.halos.position[kept], mass=tiny_box.halos.mass[kept]
        )
        told = {"seed": box.member.seed, "density_scheme": "2lpt", "halo_finder": "fof"}
        made = replace(
            tiny_box,
            cosmology=box.member.cosmology,
            density=density / density.mean(),
            halos=halos,
            provenance=told,
        )
        write_box(made, box.path)
    write_index(suite)
    assert paired_design(replace(suite, params={})) is None
    result = run("evaluate", "--model", tiny_model, "--suite", suite.folder)
    assert result.exit_code == 0, result.output
    told = " ".join(result.stdout.split())  # of titles as wide as their tables
    assert "How the power of halos changes with sigma8 at z = 0.3: d ln P / d sigma8" in told
    assert "2 pairs of boxes of the same phases" in told
    folder = tmp_path / "evaluation" / "tiny" / "pairs"
    (told,) = json.loads((folder / "suite.json").read_text())["derivatives"]
    assert (told["parameter"], told["redshift"], told["pairs"]) == ("sigma8", 0.3, 2)
    cards = [
        json.loads((folder / box.path.stem / "scorecard.json").read_text())["comparisons"][FIELD][0]
        for box in suite.boxes()
    ]
    for name, key in ((FIELD, "power"), (HALOS, "reference_power")):
        logs = np.log([card[key] for card in cards]) / 0.06
        slopes = [logs[0] - logs[1], logs[2] - logs[3]]
        np.testing.assert_allclose(told["derivative"][name], np.mean(slopes, axis=0), rtol=1e-6)
        error = np.abs(slopes[0] - slopes[1]) / 2
        np.testing.assert_allclose(told["error"][name], error, rtol=1e-6)
    assert told["line"]["target"] == "within 10 %"
