import numpy as np
import pytest
from scipy import fft

from halokeras.boxes.cosmology import box_cosmology, linear_power
from halokeras.boxes.density import LptBox, make_density
from halokeras.boxes.initial_modes import read_initial_modes
from halokeras.boxes.lpt import linear_modes
from halokeras.errors import BoxError

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
    own = make_density(LptBox(PLANCK, 1, VOXELS, initial_modes=tmp_path / "delta.npy"))
    drawn = make_density(LptBox(PLANCK, 7, VOXELS))
    np.testing.assert_allclose(own, drawn, atol=2e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda delta: delta[:32], r"shape \(32, 64, 64\); .* shape \(64, 64, 64\)"),
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
        read_initial_modes(path, LATTICE, VOXELS, 4.0, POWER)
    assert "delta.npy" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"), [(None, "there is no file"), (b"text", "not a numeric")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, told):
    path = tmp_path / "delta.npy"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BoxError, match=told):
        read_initial_modes(path, LATTICE, VOXELS, 4.0, POWER)
