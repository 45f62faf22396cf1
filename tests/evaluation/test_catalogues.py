"""Catalogues of draws beside simulated halos, on a 2LPT box whose modes are known."""

from dataclasses import replace

import numpy as np
import pytest

from halokeras.boxes.box import SOFTWARE, halo_counts
from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.evaluation.catalogues import CatalogueScores
from halokeras.evaluation.contenders import Contenders
from halokeras.evaluation.names import LOCAL_BIAS_DRAWS, TRUE_COUNTS, UNIFORM
from halokeras.painters.model_store import load_painter, save_painter
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density
from halokeras.statistics.statistic import DRAWS


@pytest.fixture
def known(tiny_box):
    """Return a box of 64 Mpc/h made of a seed, with halos where it is dense."""
    wanted = LptBox(ABACUS_COSMOS["00"], 7, (16, 16, 16), 4.0, 0.3)
    density = make_density(wanted, 1).astype(np.float32)
    rng = np.random.default_rng(1)
    voxel = np.repeat(np.indices(density.shape).reshape(3, -1).T, rng.poisson(density.ravel()), 0)
    position = 4 * (voxel + rng.uniform(0, 0.99, voxel.shape))
    mass = 2e12 / rng.uniform(0.005, 1, len(voxel))
    halos = Halos(position.astype(np.float32), mass.astype(np.float32))
    return replace(
        tiny_box,
        density=density,
        halos=halos,
        provenance={
            "seed": 7,
            "density_scheme": "2lpt",
            **SOFTWARE,
        },
    )


def test_masses_of_draws_and_of_true_counts_are_scored(
    known, binned_draws, tiny_provenance, tmp_path
):
    save_painter(binned_draws.painter, tiny_provenance, tmp_path / "m", binned_draws)
    saved = load_painter(tmp_path / "m")
    counts = halo_counts(known, mass_min=2e12)
    fields = Contenders(saved, {}, draws=1).fields(known, counts)
    assert fields[DRAWS][0].shape == (16, 16, 16, 4)
    scores = CatalogueScores(saved)
    scores.add("known", known, fields)
    card = scores.card()
    assert not any("mass" in note for note in scores.notes)
    assert set(card.comparisons) == {DRAWS, TRUE_COUNTS, UNIFORM, LOCAL_BIAS_DRAWS}
    assert any(one.name == "mass_bin_2_power" for one in card.statistics)
    found = {name: boxes[0]["mass_function"].value for name, boxes in card.comparisons.items()}
    known_bins = np.isfinite(found[TRUE_COUNTS])
    assert known_bins.sum() > 5
    np.testing.assert_allclose(found[TRUE_COUNTS][known_bins], 1)  # the very halos
    assert (found[DRAWS][known_bins][:5] > 0).all()
    np.testing.assert_array_equal(found[DRAWS], found[UNIFORM])
    # masses at random: as many of each as among the simulated, but for chance
    at_random = card.comparisons[LOCAL_BIAS_DRAWS][0]["mass_function"].painted[known_bins]
    simulated = card.comparisons[TRUE_COUNTS][0]["mass_function"].painted[known_bins]
    expected = simulated * at_random.sum() / simulated.sum()
    assert (np.abs(at_random - expected) <= 4 * np.sqrt(expected) + 1).all()


def test_a_density_that_is_not_of_the_seed_it_tells_has_no_catalogues_scored(
    known, binned_draws, tiny_provenance, tmp_path
):
    save_painter(binned_draws.painter, tiny_provenance, tmp_path / "m", binned_draws)
    saved = load_painter(tmp_path / "m")
    fields = Contenders(saved, {}, draws=1).fields(known, halo_counts(known, mass_min=2e12))
    scores = CatalogueScores(saved)
    scores.add("other", replace(known, provenance=known.provenance | {"seed": 8}), fields)
    assert scores.card() is None
    (note,) = scores.notes
    assert "catalogues on other are not scored" in note and "--places" not in note
