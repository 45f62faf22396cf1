import json

import numpy as np
import pytest

from halokeras.cosmology.cosmology import PARAMETERS
from halokeras.errors import ParamsError
from halokeras.resources import shipped
from halokeras.simulation.suites.params import load_suite_params, sobol_points

FIDUCIAL = {"H0": 70, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}
PAIRED = {
    "design": {
        "kind": "paired",
        "realizations": 2,
        "fiducial": FIDUCIAL,
        "steps": {"omega_m": 0.02, "w0": 0.1},
    },
    "first_seed": 7,
    "redshifts": [0.3],
    "size": 16,
    "particles": 16,
}
SHIPPED = {"sobol64": 64, "test24": 24, "paired": 20}


def planned(name):
    return load_suite_params(shipped("params/suites") / f"{name}.json").simulations()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_suites_that_ship_can_be_made(name):
    simulations = planned(name)
    assert len(simulations) == SHIPPED[name]
    assert len({one.name for one in simulations}) == SHIPPED[name]
    assert all(one.simulation.voxels == 48 for one in simulations)


@pytest.mark.parametrize("name", ["sobol64", "test24"])
def test_sobol_suites_stay_in_their_ranges_with_phases_all_different(name):
    design = load_suite_params(shipped("params/suites") / f"{name}.json").design
    simulations = [one.simulation for one in planned(name)]
    for parameter, (low, high) in design.ranges.items():
        values = [
            one.redshifts[0] if parameter == "redshift" else vars(one.cosmology)[parameter]
            for one in simulations
        ]
        assert low <= min(values) < max(values) <= high
        # low discrepancy: each half of the range has nearly half of the members
        assert abs(np.mean(np.array(values) < (low + high) / 2) - 0.5) <= 1 / len(values) + 1e-9
    assert len({one.seed for one in simulations}) == len(simulations)


def test_no_suite_shares_phases_or_cosmologies_with_another():
    seeds = [{one.simulation.seed for one in planned(name)} for name in SHIPPED]
    assert len(set.union(*seeds)) == sum(map(len, seeds))
    cosmologies = [{one.simulation.cosmology for one in planned(name)} for name in SHIPPED]
    assert len(set.union(*cosmologies)) == sum(map(len, cosmologies))


def test_test_redshifts_are_none_of_those_trained_on():
    trained = {z for one in planned("sobol64") for z in one.simulation.redshifts}
    tested = {z for one in planned("test24") for z in one.simulation.redshifts}
    assert not trained & tested
    assert min(trained) < min(tested) < max(tested) < max(trained)


def test_sobol_points_are_a_function_of_the_seed_alone():
    points = sobol_points(5, 64, 1)
    np.testing.assert_array_equal(points, sobol_points(5, 64, 1))
    np.testing.assert_array_equal(points[:24], sobol_points(5, 24, 1))
    np.testing.assert_array_equal(points, sobol_points(5, 128, 1)[:64])
    assert (points != sobol_points(5, 64, 2)).all()
    # another scipy must draw the same, lest suites of one plan differ
    first = [0.28616916, 0.1626353, 0.58835959, 0.28684418, 0.5116731]
    np.testing.assert_allclose(points[0], first, rtol=1e-6)


def test_paired_simulations_share_phases_and_differ_in_one_parameter(tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(PAIRED))
    simulations = dict(load_suite_params(tmp_path / "p.json").simulations())
    assert len(simulations) == 10
    fiducial = simulations["1_fiducial"]
    for name, step in PAIRED["design"]["steps"].items():
        up, down = (simulations[f"1_{name}_{way}"] for way in ("up", "down"))
        assert up.seed == down.seed == fiducial.seed == 8
        changed = {p for p in PARAMETERS if getattr(up.cosmology, p) != getattr(down.cosmology, p)}
        assert changed == {name}
        assert getattr(up.cosmology, name) - getattr(down.cosmology, name) == pytest.approx(
            2 * step
        )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"redshifts": []}, "has neither of redshifts and design.ranges.redshift; write one"),
        (
            {"design": {**PAIRED["design"], "members": 2}},
            "unknown field .design.members.; there",
        ),
        (
            {"design": {"kind": "sobol", "rangs": {}}},
            "members. is missing.*mean r",
        ),
        (
            {"design": {**PAIRED["design"], "realizations": 10**9}},
            "65536 or less, not 1000000000",
        ),
        ({"first_seed": 2**31 - 1}, "leaves no room for 2 seeds below 2147483648"),
        ({"design": {**PAIRED["design"], "steps": {"omega_k": 1}}}, "steps names 'omega_k'"),
        ({"design": {**PAIRED["design"], "steps": {"omega_m": 0.8}}}, "member 0_omega_m_up"),
        ({"design": {**PAIRED["design"], "fiducial": {"H0": 70}}}, "omega_m, omega_b, sigma8"),
        (
            {"design": {"kind": "grid"}},
            "of 'kind' 'sobol' or 'paired', not 'grid'",
        ),
        ({"design": {}}, "'design' has no 'kind'"),
        ({"particles": 2}, "member 0_fiducial: particles 2 a side are fewer than the 4 voxels"),
        ({"sizes": 3}, "unknown field 'sizes' .did you mean size"),
    ],
)
def test_what_cannot_be_planned_is_refused_by_name(tmp_path, wrong, told):
    (tmp_path / "p.json").write_text(json.dumps({**PAIRED, **wrong}))
    with pytest.raises(ParamsError, match=told) as caught:
        load_suite_params(tmp_path / "p.json")
    assert "p.json" in str(caught.value)
