import json

import numpy as np
import pytest

from halokeras.benchmark import simulation_measures as measures
from halokeras.benchmark.simulations import main, table
from halokeras.boxes.box import box_hash
from halokeras.boxes.box_file import read_box
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import box_cosmology
from halokeras.cosmology.mass_function import expected_above
from halokeras.cosmology.power import linear_power
from halokeras.simulation.lpt.lpt import first_order, lattice_positions, linear_modes
from halokeras.simulation.simulate import Simulation, simulate

SIZE = 200.0
COARSE = Simulation(box_cosmology("00"), 3, size=SIZE, particles=64, box_id="00")


@pytest.fixture(scope="module")
def modes():
    return measures.shells(COARSE)


def test_the_modes_of_particles_are_those_of_the_overdensity_that_moved_them(modes):
    delta = linear_modes(3, 64, SIZE, linear_power(COARSE.cosmology))
    growth = 0.01
    moved = lattice_positions(64, SIZE) + growth * first_order(delta, SIZE)
    matter = modes.of(measures._modes(moved.reshape(-1, 3), COARSE))
    low = modes.k < 0.15  # images of the lattice show above
    linear = growth * modes.of(delta)
    np.testing.assert_allclose(
        matter[low], linear[low], rtol=0.02, atol=0.1 * np.abs(linear[low]).mean()
    )
    assert modes.linear[low] == pytest.approx(SIZE**3 * np.abs(modes.of(delta)[low]) ** 2)


def test_linear_modes_scatter_about_the_power_of_theory(modes):
    drawn = np.average(modes.linear / modes.expected, weights=modes.weight)
    assert drawn == pytest.approx(1, abs=4 * np.sqrt(2 / modes.weight.sum()))
    found = measures.matter_power(
        np.sqrt(modes.linear / SIZE**3).astype(complex), modes, COARSE, 0.3
    )
    growth_squared = linear_power(COARSE.cosmology, 0.3)[1] / linear_power(COARSE.cosmology)[1]
    linear = np.array(found["found"]) / found["draw"] * growth_squared[0]
    over = np.array(found["expected"]) / linear
    assert over[0] == pytest.approx(1, abs=0.02)  # nothing is nonlinear on large scales
    assert over[np.searchsorted(found["upper"], 0.6)] > 1.3


def test_bias_is_how_much_more_halos_cluster(modes):
    matter = np.exp(1j * np.arange(len(modes.k)))
    noise = 1j * matter  # no part of it goes with the matter
    assert measures.linear_bias(1.7 * matter + noise, matter, modes) == pytest.approx(1.7)


def test_the_approach_of_linear_theory_follows_the_mean_correlation_within():
    k, power = np.array([0.02, 0.07, 0.07, 0.3]), np.array([0.3, 0.2, 0.1, 0.5])
    radius = np.linspace(0, 40, 40001)[1:]
    correlation = (power * np.sinc(radius[:, None] * k / np.pi)).sum(axis=1)
    within = 3 / 40.0**3 * np.trapezoid(correlation * radius**2, radius)
    found = measures.linear_approach(np.array([40.0]), k, power, 70.0, 1.5)
    assert found == pytest.approx(
        -2 / 3 * 70 * 1.5 * 40 * within / (1 + 1.5**2 * correlation[-1]), rel=1e-4
    )


def test_halos_are_counted_by_members_and_by_spheres():
    members = np.array([20, 23, 24, 49, 399, 400])
    spheres = COARSE.particle_mass * np.array([0, 19, 20, 500, 500, 5000], dtype=np.float32)
    halos = Halos(np.zeros((6, 3), np.float32), particles=members, mass_200b=spheres)
    groups = measures.abundance_of_members(halos, COARSE, 0.3)
    assert groups["found"] == [2, 1, 1, 0, 0, 0, 1, 1, 0, 0]
    inside = measures.abundance_of_spheres(halos, COARSE, 0.3)
    assert inside["found"] == [1, 0, 0, 0, 0, 0, 0, 2, 0, 0]
    ends = np.array([19.5, 3399.5])
    edges = COARSE.particle_mass * ends * (1 - ends**-0.6)
    above = expected_above(edges, COARSE.cosmology, 0.3, SIZE**3, "fof")
    assert sum(groups["expected"]) == pytest.approx(above[0] - above[1])


def test_runs_write_the_boxes_that_simulate_makes_and_are_not_made_again(tmp_path, capsys):
    asked = ["--seed", "4", "--redshift", "1", "0.3", "--size", "96", "--particles", "24"]
    main([str(tmp_path), *asked])
    wanted = Simulation(
        box_cosmology("00"), 4, size=96.0, particles=24, redshifts=(1.0, 0.3), box_id="00"
    )
    for box, name in zip(simulate(wanted), ("box00_seed4_z1.h5", "box00_seed4.h5"), strict=True):
        assert box_hash(read_box(tmp_path / name)) == box_hash(box)
    target = tmp_path / "box00_seed4_measured.json"
    found = json.loads(target.read_text())
    assert [snapshot["redshift"] for snapshot in found["snapshots"]] == pytest.approx([1, 0.3])
    later = found["snapshots"][1]
    assert later["bias"]["all"]["halos"] == later["halos"] == len(box.halos)
    assert np.array(later["matter_power"]["found"]) / later["matter_power"]["draw"] == (
        pytest.approx(np.array(later["matter_power"]["expected"]), rel=0.5)
    )
    target.write_text(json.dumps(found | {"box_id": "marked"}))
    main([str(tmp_path), *asked])
    assert "cosmology marked, z = 0.3, 1 boxes" in capsys.readouterr().out


def test_a_run_that_cannot_be_is_told_in_a_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), "--seed", "1", "--size", "10", "--particles", "24"])
    assert stopped.value.code == 1
    assert "whole number of voxels" in capsys.readouterr().err


def test_the_table_tells_means_over_boxes_and_their_errors():
    one = {"found": [1.0], "expected": [1.0]}
    far = {"found": [1.2], "expected": [1.0]}

    def run(ratio):
        pairs = ratio | {"pairs": [3]}
        snapshot = {
            "redshift": 0.3,
            "matter_power": ratio | {"draw": [1.0]},
            "abundance": {"friends_of_friends": ratio, "mass_200b": ratio},
            "bias": dict.fromkeys(["20", "50", "130", "400", "all"], ratio),
            "pairwise_velocity": pairs,
        }
        return {"box_id": "00", "snapshots": [snapshot]}

    lines = table([run(one), run(far)]).splitlines()
    assert lines[0] == "cosmology 00, z = 0.3, 2 boxes"
    assert lines[2].split() == ["1.100"]
    assert lines[3].split() == ["0.100"]
