"""Painters of the halos from a mass on, and under an epoch and a cosmology."""

from dataclasses import replace

import numpy as np
import pytest

import halokeras
from halokeras.boxes.box_file import read_box
from halokeras.cosmology.cosmology import ABACUS_COSMOS
from halokeras.cosmology.mass_function import expected_above
from halokeras.errors import ModelError
from halokeras.inspection.inspect import inspect
from halokeras.painters.model_store import load_painter, save_painter
from halokeras.painting.draws.counts import draw, draw_files
from halokeras.painting.expected.paint import paint
from halokeras.painting.inputs.density import density_of
from halokeras.sections import Selection

THRESHOLD = 6e12


@pytest.fixture
def folder(binned_draws, tiny_provenance, tmp_path):
    save_painter(binned_draws.painter, tiny_provenance, tmp_path / "binned", binned_draws)
    return tmp_path / "binned"


@pytest.fixture
def saved(folder):
    return load_painter(folder)


def test_expected_counts_are_those_of_the_bins_above_and_a_share_of_one(saved, tiny_box):
    painted = paint(saved.painter, tiny_box.density)
    share = saved.draws.mass_law.shares_above(THRESHOLD)[1]
    assert 0 < share < 1
    expected = painted[..., 2:].sum(axis=-1) + share * painted[..., 1]
    found = halokeras.paint(tiny_box.density, model=saved, mass_min=THRESHOLD)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_draw_is_the_whole_draw_without_the_lighter_halos(saved, tiny_box):
    whole = draw(saved.draws, tiny_box.density, seed=2)
    heavy = draw(saved.above(THRESHOLD).draws, tiny_box.density, seed=2)
    np.testing.assert_array_equal(heavy[..., 2:], whole[..., 2:])
    assert not heavy[..., 0].any()
    assert (heavy[..., 1] <= whole[..., 1]).all()
    share = saved.draws.mass_law.shares_above(THRESHOLD)[1]
    halos = [
        draw(saved.above(THRESHOLD).draws, tiny_box.density, 2, r)[..., 1].sum() for r in range(8)
    ]
    held = sum(draw(saved.draws, tiny_box.density, 2, r)[..., 1].sum() for r in range(8))
    assert sum(halos) == pytest.approx(share * held, abs=4 * np.sqrt(share * held))


def test_files_and_catalogues_hold_no_lighter_halo(saved, tiny_box, tmp_path):
    heavy = saved.above(THRESHOLD)
    assert heavy.provenance.selection.mass_min == THRESHOLD
    assert heavy.hash != saved.hash
    draw_files(density_of(tiny_box), heavy, "binned", [tmp_path / "d.h5"], seed=2)
    found = read_box(tmp_path / "d.h5")
    np.testing.assert_array_equal(found.counts_by_mass, draw(heavy.draws, tiny_box.density, seed=2))
    columns = halokeras.catalogue(found.counts_by_mass, seed=2, uniform=True, model=heavy)
    assert columns["halo_mass"].min() >= THRESHOLD * (1 - 1e-6)
    assert (columns["halo_mass"] < 1e13).any()


def test_painted_files_and_catalogues_tell_the_least_mass(saved, tiny_box, paint_box, tmp_path):
    heavy = saved.above(THRESHOLD)
    assert paint_box(tiny_box, heavy, "binned").provenance["mass_min"] == THRESHOLD
    draw_files(density_of(tiny_box), heavy, "binned", [tmp_path / "d.h5"], seed=2)
    assert read_box(tmp_path / "d.h5").provenance["mass_min"] == THRESHOLD
    shown = inspect(tmp_path / "d.h5").to_json()["counts"]
    assert shown["mass_min"] == THRESHOLD
    of_all = saved.provenance.model_copy(update={"selection": Selection()})
    assert "mass_min" not in paint_box(tiny_box, replace(saved, provenance=of_all), "m").provenance


def test_a_catalogue_in_python_is_told_the_least_mass_of_its_draw(folder, tiny_box):
    drawn = halokeras.draw(tiny_box.density, seed=2, model=folder, by_mass=True, mass_min=THRESHOLD)
    columns = halokeras.catalogue(drawn, seed=2, uniform=True, model=folder, mass_min=THRESHOLD)
    assert columns["halo_mass"].size == drawn.sum()
    assert columns["halo_mass"].min() >= THRESHOLD * (1 - 1e-6)
    with pytest.raises(ModelError, match=r"lighter than mass_min 2e\+13"):
        halokeras.catalogue(drawn, seed=2, uniform=True, model=folder, mass_min=2e13)


def test_a_mass_within_a_bin_that_was_parted_before_parts_the_whole_bin(saved):
    low, high = np.sort(saved.draws.mass_law.masses[1])[[20, 60]]
    at_once, in_turn = saved.above(high), saved.above(low).above(high)
    assert in_turn.kept_shares == at_once.kept_shares
    assert in_turn.hash == at_once.hash
    for name, law in vars(at_once.draws.mass_law).items():
        np.testing.assert_array_equal(getattr(in_turn.draws.mass_law, name), law)


def test_a_painter_of_all_halos_knows_the_lightest_that_it_saw(saved):
    least = saved.draws.mass_law.masses.min()
    of_all = replace(
        saved, provenance=saved.provenance.model_copy(update={"selection": Selection()})
    )
    assert of_all.above(0) is of_all
    assert of_all.above(least * 0.999).kept_shares == (1.0,) * len(saved.bins)
    with pytest.raises(ModelError, match=r"from 2\.07e\+12 Msun/h on and was asked .* 1e"):
        of_all.above(1e12)


@pytest.mark.parametrize("mass_min", [1e20, np.inf])
def test_a_mass_that_no_halo_has_is_refused(saved, mass_min):
    with pytest.raises(ModelError, match="no halos as heavy as"):
        saved.above(mass_min)


def test_a_mass_that_was_not_learned_is_refused(saved):
    assert saved.above(2e12) is saved
    with pytest.raises(ModelError, match=r"from 2e\+12 Msun/h on .* 1e\+12"):
        saved.above(1e12)
    with pytest.raises(ModelError, match="does not know the masses"):
        replace(saved, draws=None).above(5e12)


def test_halos_from_a_stated_mass_on_are_the_same_everywhere(saved):
    assert saved.under(ABACUS_COSMOS["03"], 1.0) is saved


def test_halos_of_as_many_particles_are_heavier_where_there_is_more_matter(
    binned_draws, tiny_provenance, tmp_path
):
    learned = {**tiny_provenance, "cosmology": ABACUS_COSMOS["00"].parameters, "selection": {}}
    save_painter(binned_draws.painter, learned, tmp_path / "p", binned_draws)
    saved, there = load_painter(tmp_path / "p"), ABACUS_COSMOS["03"]
    more = there.omega_m / ABACUS_COSMOS["00"].omega_m
    assert more > 1.09
    dense = saved.under(there, 0.3)
    for one in (dense, dense.under(there, 0.3)):  # and once only
        np.testing.assert_allclose(one.mass_law.masses, more * saved.mass_law.masses)
        np.testing.assert_allclose(one.mass_law.tails, more * saved.mass_law.tails)
        assert one.bins[1].mass_min == pytest.approx(more * 4e12)
        assert one.hash == saved.hash
    np.testing.assert_allclose(
        dense.under(ABACUS_COSMOS["00"], 0.3).mass_law.masses, saved.mass_law.masses
    )
    cut = 6e12
    share = saved.mass_law.shares_above(cut / more)[1]
    assert dense.above(cut).kept_shares[1] == pytest.approx(share)
    assert saved.above(cut).under(there, 0.3).kept_shares[1] == pytest.approx(share)
    assert saved.under(None, 0.3) is saved
    least = saved.mass_law.masses.min()
    for asked in (
        lambda: dense.above(1.05 * least),
        lambda: saved.above(1.05 * least).under(there, 0.3),
    ):
        with pytest.raises(ModelError, match="choose a mass that it learned"):
            asked()


def test_masses_are_those_of_the_epoch_where_the_painter_is_told_it(tiny_provenance, tmp_path):
    from halokeras.networks.painter import built_painter
    from halokeras.painter_params import ConditionedParams
    from halokeras.painters.count_law import fit_count_law
    from halokeras.painters.mass_law import expected_mass_law
    from halokeras.painters.model_store import DrawModel

    painter = built_painter(ConditionedParams(filters=2, head_filters=2, mass_edges=(4e12, 1e13)))
    bins = painter.params.selections(load_selection(tiny_provenance))
    law = fit_count_law(np.full(999, 0.5), np.arange(999) % 2)
    today = expected_mass_law(bins, ABACUS_COSMOS["00"], 0.0)
    save_painter(painter, tiny_provenance, tmp_path / "p", DrawModel(painter, law, today))
    saved = load_painter(tmp_path / "p").above(2e13)
    early = saved.under(ABACUS_COSMOS["00"], 2.0)
    assert early.hash == saved.hash
    mass = np.array([2e13, 1e13])
    for one, redshift in ((saved, 0.0), (early, 2.0)):
        above = expected_above(mass, ABACUS_COSMOS["00"], redshift, 1.0, "fof")
        assert one.kept_shares[:2] == (0.0, 0.0)
        assert one.kept_shares[2] == pytest.approx(above[0] / above[1], rel=0.03)


def load_selection(provenance):
    return Selection(**provenance["selection"])
