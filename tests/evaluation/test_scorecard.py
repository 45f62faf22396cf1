import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.ndimage import gaussian_filter

from halokeras.boxes.box import Box, halo_counts
from halokeras.boxes.halos import Halos
from halokeras.errors import BoxError
from halokeras.evaluation.scorecard import score
from halokeras.evaluation.table import scorecard_table
from halokeras.fields.spectra import measure

VOXEL = 4.0
SHAPE = (24, 20, 28)


def some_density(seed=1):
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    smooth = gaussian_filter(noise, 1.2, mode="wrap")
    density = np.exp(smooth / smooth.std())
    return (density / density.mean()).astype(np.float32)


def mean_counts(density):
    """A map that a power of the density in the voxel alone cannot give."""
    around = gaussian_filter(density, 1.5, mode="wrap")
    return (0.6 * density**0.7 * around).astype(np.float32)


@pytest.fixture
def reference():
    rng = np.random.default_rng(2)
    density = some_density()
    counts = rng.poisson(mean_counts(density))
    voxels = np.repeat(np.argwhere(counts >= 0), counts.ravel(), axis=0)
    position = (voxels + rng.uniform(0.01, 0.99, voxels.shape)) * VOXEL
    mass = 10 ** rng.uniform(12.3, 14, len(position))
    return Box(
        voxel_size=VOXEL,
        redshift=0.3,
        cosmology=None,
        density=density,
        halos=Halos(position.astype(np.float32), mass.astype(np.float32)),
        provenance={"box_id": "00", "seed": 5, "software": "none"},
    )


def painted(reference, counts):
    return replace(
        reference,
        density=None,
        halos=None,
        counts=counts,
        provenance={**reference.provenance, "model": "tiny", "model_hash": "abc"},
    )


def test_the_reference_itself_passes(reference):
    counts = halo_counts(reference)
    card = score(reference, painted(reference, counts))
    assert card.passed
    assert card.mean_ratio == 1
    np.testing.assert_allclose(card.painted.transfer_function, 1)
    np.testing.assert_allclose(card.painted.cross_correlation, 1)
    np.testing.assert_allclose(card.painted.stochastic_power, 0, atol=1e-6)
    assert card.painted.power == card.reference_power
    assert card.painted_counts == card.reference_counts


def test_holds_what_the_estimators_give(reference):
    counts, density = halo_counts(reference), reference.density
    field = mean_counts(density)
    card = score(reference, painted(reference, field))
    spectra, of_density = measure(field, counts, VOXEL), measure(density, counts, VOXEL)
    np.testing.assert_array_equal(card.k, spectra.k)
    np.testing.assert_array_equal(card.k_upper, spectra.upper)
    np.testing.assert_array_equal(card.modes, spectra.modes)
    np.testing.assert_array_equal(card.painted.power, spectra.first)
    np.testing.assert_array_equal(card.reference_power, spectra.second)
    np.testing.assert_array_equal(card.density.cross_correlation, of_density.cross_correlation)
    assert card.shot_noise == pytest.approx(counts.size * VOXEL**3 / counts.sum())
    assert sum(card.painted_counts.histogram) == counts.size
    assert card.reference_counts.void_fraction == np.mean(counts == 0)
    assert card.reference_counts.variance == pytest.approx(counts.var())
    assert set(card.reference_counts.cell_variance) == {8.0, 16.0}
    assert card.provenance == {"box_id": "00", "seed": 5, "model": "tiny", "model_hash": "abc"}


def test_the_true_mean_beats_the_density_and_the_local_bias(reference):
    card = score(reference, painted(reference, mean_counts(reference.density)))
    gain = np.subtract(card.painted.cross_correlation, card.density.cross_correlation)
    assert gain.min() > 0
    assert card.targets[2].passed
    assert card.targets[2].worst == pytest.approx(gain.min())
    # weighted by modes, for single bins scatter
    better = np.subtract(card.painted.cross_correlation, card.local_bias.cross_correlation)
    assert np.average(better, weights=card.modes) > 0.01


def test_too_many_halos_fail_the_mean_alone(reference):
    card = score(reference, painted(reference, 1.02 * halo_counts(reference)))
    assert [target.passed for target in card.targets] == [False, True, True]
    assert card.targets[0].worst == pytest.approx(0.02, rel=1e-4)
    assert not card.passed


def test_too_strong_clustering_fails_the_transfer_function_alone(reference):
    counts = halo_counts(reference)
    weaker = counts.mean() + 0.9 * (counts - counts.mean())
    card = score(reference, painted(reference, weaker))
    assert [target.passed for target in card.targets] == [True, False, True]
    assert card.targets[1].worst == pytest.approx(0.1, rel=1e-4)


def test_the_density_is_not_better_than_itself(reference):
    counts = reference.density * halo_counts(reference).mean()
    card = score(reference, painted(reference, counts))
    assert not card.targets[2].passed


def test_a_box_without_large_modes_does_not_pass_for_want_of_them(reference):
    small = replace(
        reference,
        voxel_size=0.5,
        halos=replace(reference.halos, position=reference.halos.position / 8),
    )
    card = score(small, painted(small, halo_counts(small)))
    assert card.targets[1].worst is None
    assert not card.passed


def test_the_selection_cuts_the_reference(reference):
    counts = halo_counts(reference, 1e13, 5e13)
    card = score(reference, painted(reference, counts), 1e13, 5e13)
    assert card.passed
    assert (card.mass_min, card.mass_max) == (1e13, 5e13)
    assert not score(reference, painted(reference, counts)).passed


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -2, 0), (12, 10, 14)])
def test_refuses_counts_that_lie_off_the_density(reference, shift):
    counts = halo_counts(reference)
    moved = replace(reference, halos=None, counts=np.roll(counts, shift, axis=(0, 1, 2)))
    with pytest.raises(BoxError, match=r"reference box: .* voxels from the density"):
        score(moved, painted(reference, counts))
    with pytest.raises(BoxError, match=r"painted counts, .* voxels from the density"):
        score(reference, painted(reference, moved.counts))


def test_refuses_what_was_painted_on_another_realisation(reference):
    with pytest.raises(BoxError, match="painted counts"):
        score(reference, painted(reference, mean_counts(some_density(seed=9))))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"counts": np.ones((24, 20, 27))}, "shape"),
        ({"voxel_size": 4.1}, "voxel_size"),
        ({"redshift": 0.5}, "redshift"),
        ({"counts": np.zeros(SHAPE)}, "all zero"),
        ({"counts": np.full(SHAPE, np.nan)}, "NaN"),
        ({"counts": np.full(SHAPE, -1.0)}, "negative"),
        ({"counts": None}, "no counts"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_boxes_that_cannot_be_compared(reference, changes, told):
    box = painted(reference, halo_counts(reference))
    with pytest.raises(BoxError, match=told):
        score(reference, replace(box, **changes))


def test_refuses_a_reference_without_density_or_halos(reference):
    box = painted(reference, halo_counts(reference))
    with pytest.raises(BoxError, match="no density"):
        score(replace(reference, density=None, counts=box.counts), box)
    with pytest.raises(BoxError, match="no halos"):
        score(replace(reference, halos=None), box)
    with pytest.raises(BoxError, match="lower mass_min"):
        score(reference, box, mass_min=1e16)


def test_is_plain_json(reference):
    card = score(reference, painted(reference, mean_counts(reference.density)))
    read = json.loads(json.dumps(card.to_json(), allow_nan=False))
    assert read["passed"] is card.passed
    assert read["painted"]["cross_correlation"] == list(card.painted.cross_correlation)
    assert read["reference_counts"]["cell_variance"]["8.0"] > 0
    assert "not deconvolved" in read["conventions"]["window"]


def test_the_table_shows_every_bin_and_target(reference):
    card = score(reference, painted(reference, 1.02 * halo_counts(reference)))
    console = Console(width=120, file=io.StringIO())
    console.print(scorecard_table(card))
    text = console.file.getvalue()
    for upper in card.k_upper:
        assert f"{upper:.3f}" in text
    for target in card.targets:
        assert target.name in text
    assert text.count("missed") == 1
    assert text.count("met") == 2
