import numpy as np
import pytest

from halokeras.errors import BoxError
from halokeras.fields.contrast import as_density

RHO = np.random.default_rng(1).gamma(2, 0.5, (4, 4, 4)).astype(np.float32)
RHO /= RHO.mean()


@pytest.mark.parametrize(
    ("contrast", "values"), [("1+delta", RHO), ("delta", RHO - 1), ("rho", 27 * RHO)]
)
def test_each_contrast_is_read_as_rho_over_its_mean(contrast, values):
    np.testing.assert_allclose(as_density(values, contrast, "a.npy")[:], RHO, atol=1e-6)


@pytest.mark.parametrize("values", [RHO, 27 * RHO])
def test_a_density_that_is_called_an_overdensity_is_refused_with_what_it_is(values):
    with pytest.raises(
        BoxError, match=r"a.npy has the mean .*, and an overdensity has 0; the contrast"
    ):
        as_density(values, "delta", "a.npy")


def test_an_overdensity_has_no_mean_to_divide_by():
    with pytest.raises(BoxError, match="a rho has a positive one"):
        as_density(1 - RHO, "rho", "a.npy")


def test_an_overdensity_or_a_logarithm_is_not_taken_for_another_contrast():
    delta = RHO - RHO.mean() + 1e-6
    with pytest.raises(BoxError, match="which no rho is; the contrast of an overdensity is delta"):
        as_density(delta, "rho", "a.npy")
    with pytest.raises(BoxError, match="an overdensity has 0; of a logarithm take the exponential"):
        as_density(np.log(RHO) - 1, "delta", "a.npy")
