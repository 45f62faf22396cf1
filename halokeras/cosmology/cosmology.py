"""Flat LCDM cosmologies: the AbacusCosmos set, linear power and growth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from halokeras.errors import BoxError
from halokeras.suggestions import did_you_mean

CRITICAL_DENSITY = 2.77536627e11
"""Critical density today, in h^2 Msun/Mpc^3."""

_A_START = 1e-4


@dataclass(frozen=True)
class Cosmology:
    """A flat LCDM cosmology with massless neutrinos.

    Attributes
    ----------
    H0
        Hubble constant [km/s/Mpc].
    omega_m, omega_b
        Density of all matter and of baryons today, over critical.
    sigma8
        Linear rms overdensity in spheres of 8 Mpc/h today.
    n_s
        Tilt of the primordial power.
    """

    H0: float
    omega_m: float
    omega_b: float
    sigma8: float
    n_s: float

    def __post_init__(self) -> None:
        if not (
            20 < self.H0 < 200
            and 0 < self.omega_m <= 1
            and 0 < self.omega_b < self.omega_m
            and 0 < self.sigma8 < 5
            and 0 < self.n_s < 3
        ):
            raise BoxError(
                f"{self} is not a flat LCDM cosmology; H0 [km/s/Mpc], omega_m, omega_b < omega_m, "
                "sigma8 and n_s must be positive and near the measured ones"
            )


_PLANCK_H = 0.6726
_PLANCK = (67.26, 0.314153, 0.02222 / _PLANCK_H**2)

ABACUS_COSMOS: dict[str, Cosmology] = {
    "00": Cosmology(*_PLANCK, sigma8=0.83, n_s=0.9652),
    "01": Cosmology(*_PLANCK, sigma8=0.78, n_s=0.9652),
    "02": Cosmology(*_PLANCK, sigma8=0.88, n_s=0.9652),
    "03": Cosmology(64.26, 0.344171, 0.02222 / 0.6426**2, sigma8=0.83, n_s=0.9652),
    "04": Cosmology(70.26, 0.287898, 0.02222 / 0.7026**2, sigma8=0.83, n_s=0.9652),
}
"""The AbacusCosmos cosmologies by box id (Garrison et al. 2018, table 1)."""


def box_cosmology(box_id: str) -> Cosmology:
    """Return the AbacusCosmos cosmology called `box_id`.

    Raises
    ------
    BoxError
        If there is none of that name.
    """
    try:
        return ABACUS_COSMOS[box_id]
    except KeyError:
        raise BoxError(
            f"box id '{box_id}' is unknown{did_you_mean(box_id, ABACUS_COSMOS)}; choose one of "
            f"{', '.join(ABACUS_COSMOS)}, or give a box file"
        ) from None


@dataclass(frozen=True)
class Growth:
    """Growth of matter perturbations at scale factors `a`, first and second order.

    Attributes
    ----------
    a, expansion
        Scale factor and E = H / H0.
    first, first_rate
        D1, normalised to 1 today, and f1 = dlnD1/dlna.
    second, second_rate
        D2, negative, in the sense x = q - D1 grad phi1 + D2 grad phi2, and f2 = dlnD2/dlna.
    """

    a: NDArray[np.float64]
    expansion: NDArray[np.float64]
    first: NDArray[np.float64]
    first_rate: NDArray[np.float64]
    second: NDArray[np.float64]
    second_rate: NDArray[np.float64]


def expansion_rate(a: NDArray[np.float64], omega_m: float) -> NDArray[np.float64]:
    """E(a) = H / H0 of a flat universe of matter and a cosmological constant."""
    return np.sqrt(omega_m / a**3 + 1 - omega_m)


def growth(a: NDArray[np.float64] | float, omega_m: float) -> Growth:
    """Integrate the growth equations from matter domination to the scale factors `a` <= 1.

    The equations are D1'' + (2 + dlnE/dlna) D1' = 3/2 Omega_m(a) D1 and the same for D2 with the
    source -3/2 Omega_m(a) D1^2 added, primes being d/dlna (Bouchet et al. 1995), begun on the
    Einstein-de Sitter solution D1 = a, D2 = -3/7 a^2.
    """
    scale = np.atleast_1d(np.asarray(a, dtype=np.float64))

    def derivative(log_a: float, state: NDArray[np.float64]) -> list[float]:
        matter = omega_m * np.exp(-3 * log_a)
        omega = matter / (matter + 1 - omega_m)
        first, first_slope, second, second_slope = state
        friction = 2 - 1.5 * omega
        return [
            first_slope,
            1.5 * omega * first - friction * first_slope,
            second_slope,
            1.5 * omega * (second - first**2) - friction * second_slope,
        ]

    start = _A_START
    solution = solve_ivp(
        derivative,
        (np.log(start), 0.0),
        [start, start, -3 / 7 * start**2, -6 / 7 * start**2],
        method="DOP853",
        rtol=1e-9,
        atol=1e-16,
        dense_output=True,
    )
    today = solution.y[0, -1]
    first, first_slope, second, second_slope = solution.sol(np.log(scale))
    return Growth(
        a=scale,
        expansion=expansion_rate(scale, omega_m),
        first=first / today,
        first_rate=first_slope / first,
        second=second / today**2,
        second_rate=second_slope / second,
    )


def linear_power(
    cosmology: Cosmology, redshift: float = 0.0, k_max: float = 20.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tabulate the linear matter power spectrum at `redshift`.

    The shape is CAMB's today, rescaled to sigma8; it is scaled to `redshift` by the growth of
    `growth`, so that simulations begun from it have the right power at late times.

    Returns
    -------
    k, power
        Wavenumbers [h/Mpc] up to `k_max`, logarithmic, and power [(Mpc/h)^3].
    """
    import camb

    h = cosmology.H0 / 100
    settings = camb.set_params(
        H0=cosmology.H0,
        ombh2=cosmology.omega_b * h**2,
        omch2=(cosmology.omega_m - cosmology.omega_b) * h**2,
        mnu=0.0,
        omk=0.0,
        ns=cosmology.n_s,
        As=2e-9,
        WantCls=False,
    )
    settings.set_matter_power(redshifts=[0.0], kmax=1.2 * k_max * h)
    results = camb.get_results(settings)
    k, _, power = results.get_matter_power_spectrum(minkh=1e-4, maxkh=k_max, npoints=800)
    rescale = (cosmology.sigma8 / results.get_sigma8_0()) ** 2
    growth_squared = growth(1 / (1 + redshift), cosmology.omega_m).first[0] ** 2
    return k, power[0] * rescale * growth_squared
