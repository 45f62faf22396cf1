import numpy as np
import pytest
from scipy import fft

from halokeras.cosmology.cosmology import box_cosmology
from halokeras.cosmology.power import linear_power
from halokeras.errors import BoxError
from halokeras.fields.modes import lattice_of
from halokeras.simulation.lpt.box import LptBox
from halokeras.simulation.lpt.density import make_density
from halokeras.simulation.lpt.initial_modes import complete, modes_of_file
from halokeras.simulation.lpt.lpt import linear_modes
from halokeras.simulation.lpt.modes_check import check_modes

PLANCK = box_cosmology("00")
POWER = linear_power(PLANCK, 0.3)
LATTICE = (64, 64, 64)
VOXELS = (16, 16, 16)


@pytest.fixture(scope="module")
def overdensity():
    modes = linear_modes(7, 64, 64.0, POWER)
    return fft.irfftn(modes, s=LATTICE, norm="forward")


def test_the_field_of_a_seed_gives_the_density_of_that_seed(overdensity, tmp_path):
    np.save(tmp_path / "delta.npy", overdensity)
    own = make_density(
        LptBox(PLANCK, 1, VOXELS, initial_modes=modes_of_file(tmp_path / "delta.npy"))
    )
    drawn = make_density(LptBox(PLANCK, 7, VOXELS))
    other = make_density(LptBox(PLANCK, 1, VOXELS))
    # The small scales that a density lacks are of its own seed.
    assert np.corrcoef(own.ravel(), drawn.ravel())[0, 1] > 0.99
    assert np.corrcoef(own.ravel(), other.ravel())[0, 1] < 0.5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda delta: delta[:32], r"shape \(32, 64, 64\) are of a box of other proportions"),
        (lambda delta: np.ones(LATTICE, dtype=int), "int64"),
        (lambda delta: np.where(delta == delta.max(), np.nan, delta), "NaN or infinite"),
        (lambda delta: 1 + delta, "mean 1"),
        (lambda delta: 0 * delta, "not constant"),
        (lambda delta: np.random.default_rng(1).normal(size=LATTICE) - 1e-9, "white noise"),
        (lambda delta: 2 * delta, "large-scale power"),
    ],
)
def test_what_is_no_linear_overdensity_is_refused(overdensity, tmp_path, change, told):
    path = tmp_path / "delta.npy"
    field = change(overdensity)
    np.save(path, field - field.mean() if "noise" in told else field)
    with pytest.raises(BoxError, match=told) as caught:
        modes = modes_of_file(path)(LATTICE, 1)
        check_modes(modes, LptBox(PLANCK, 1, VOXELS, modes_name=path.name), POWER)
    assert "delta.npy" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "there is no file"), (b"text", "plain numeric")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, told):
    path = tmp_path / "delta.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BoxError, match=told):
        modes_of_file(path)


@pytest.mark.parametrize("points", [32, 48, 96])
def test_a_field_on_other_points_gives_its_own_modes_and_the_seed_the_rest(points, tmp_path):
    exact = linear_modes(7, 96, 64.0, POWER)
    coarse = linear_modes(7, points, 64.0, POWER)
    np.save(tmp_path / "delta.npy", fft.irfftn(coarse, s=(points,) * 3, norm="forward"))
    given = modes_of_file(tmp_path / "delta.npy")(LATTICE, 1)
    shared = min(points, 64)
    assert lattice_of(given) == (shared,) * 3
    kept = complete(np.zeros_like(linear_modes(7, shared, 64.0, POWER)), given)
    expected = complete(np.zeros_like(kept), linear_modes(7, shared, 64.0, POWER))
    np.testing.assert_allclose(kept, expected, atol=1e-6 * np.abs(exact).max())
    whole = complete(linear_modes(8, 64, 64.0, POWER), given)
    low, high = (3, -5, 7), (31, 2, 3)
    np.testing.assert_allclose(whole[low], exact[low], rtol=1e-4)
    other = linear_modes(8, 64, 64.0, POWER)[high]
    np.testing.assert_allclose(whole[high], other if points < 64 else exact[high], rtol=1e-3)


def test_a_coarse_field_gives_the_density_it_would_give_with_its_missing_modes_drawn(tmp_path):
    coarse = linear_modes(7, 24, 64.0, POWER)
    np.save(tmp_path / "delta.npy", fft.irfftn(coarse, s=(24,) * 3, norm="forward"))
    given = modes_of_file(tmp_path / "delta.npy")
    # the same seed draws the same modes as the field lacks, so nothing is lost
    own = make_density(LptBox(PLANCK, 7, VOXELS, initial_modes=given))
    np.testing.assert_allclose(own, make_density(LptBox(PLANCK, 7, VOXELS)), atol=2e-4)
    with pytest.raises(BoxError, match=r"\(24, 24, 24\) points for \(40, 40, 40\) voxels"):
        make_density(LptBox(PLANCK, 7, (40, 40, 40), 1.6, initial_modes=given))
