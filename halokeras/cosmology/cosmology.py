"""Flat cosmologies: the AbacusCosmos set, and growth."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from halokeras.errors import BoxError
from halokeras.suggestions import did_you_mean

CRITICAL_DENSITY = 2.77536627e11
"""Critical density today, in h^2 Msun/Mpc^3."""

_A_START = 1e-4
_JUST_BEYOND = 1.05
"""Growth over today's that is told to be today's: measured ones scatter by that."""

EARLIEST = 1 / _A_START - 1
"""Redshift at which the growth of matter begins, beyond which nothing is known of it."""

MOST_SIGMA8 = 5.0
"""That no universe like ours has."""

PARAMETERS = ("H0", "omega_m", "omega_b", "sigma8", "n_s", "w0", "wa")
"""Of a `Cosmology`, in its order and that of files."""

_LAMBDA = {"w0": -1.0, "wa": 0.0}
"""Dark energy where nothing is said of it: a cosmological constant."""

_ROUNDED = 1e-5
"""Relative difference of parameters that were printed with six digits and typed again."""

_EARLY_W = -1 / 3
"""Above this w at early times, matter alone would not set the start of the growth."""


@dataclass(frozen=True)
class Cosmology:
    """A flat cosmology of matter and dark energy, with massless neutrinos.

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
    w0, wa
        Pressure over density of dark energy, w(a) = w0 + wa (1 - a); by default -1 and 0, those
        of a cosmological constant.
    """

    H0: float
    omega_m: float
    omega_b: float
    sigma8: float
    n_s: float
    w0: float = _LAMBDA["w0"]
    wa: float = _LAMBDA["wa"]

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, float(value))  # or its hash is not that of its file
        limits = {
            "H0": (20 < self.H0 < 200, "20 and 200 km/s/Mpc"),
            "omega_m": (0 < self.omega_m <= 1, "0 and 1"),
            "omega_b": (0 < self.omega_b < self.omega_m, f"0 and omega_m, {self.omega_m:g}"),
            "sigma8": (0 < self.sigma8 < MOST_SIGMA8, f"0 and {MOST_SIGMA8:g}"),
            "n_s": (0 < self.n_s < 3, "0 and 3"),
        }
        told = [
            f"{name} is {vars(self)[name]:g} and must lie between {between}"
            for name, (holds, between) in limits.items()
            if not holds
        ]
        if told:
            raise BoxError("; ".join(told))
        if not (-3 < self.w0 < 0 and -3 < self.wa < 3 and self.w0 + self.wa < _EARLY_W):
            raise BoxError(
                f"{self} has dark energy that matter never dominated; w0 lies between -3 and 0, wa "
                "between -3 and 3 and w0 + wa below -1/3"
            )

    @property
    def parameters(self) -> dict[str, float]:
        """Its parameters by name, w0 and wa only where dark energy is no cosmological constant."""
        told = vars(self)
        constant = all(told[name] == value for name, value in _LAMBDA.items())
        return {name: told[name] for name in told if not (constant and name in _LAMBDA)}

    def __repr__(self) -> str:
        # Boxes are known by a hash of this, so that one of LCDM says what it always said.
        told = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"Cosmology({told})"


def whole_parameters(told: Mapping[str, float]) -> dict[str, float]:
    """Return parameters of a cosmology with w0 and wa, -1 and 0 where they are not told."""
    return _LAMBDA | dict(told)


def other_parameters(
    cosmology: Cosmology, told: Mapping[str, float], relative: float = _ROUNDED
) -> list[str]:
    """Return the names of the parameters that are told of another cosmology than this one.

    Parameters
    ----------
    cosmology
        The one.
    told
        Parameters of the other, all or some.
    relative
        Relative difference up to which two numbers are the same; by default that of six digits.
    """
    theirs = whole_parameters(told)
    return [
        name
        for name, value in vars(cosmology).items()
        if name in theirs and abs(value - theirs[name]) > relative * (abs(theirs[name]) or 1.0)
    ]


@dataclass(frozen=True)
class Background:
    """What the expansion and the growth of a flat universe depend on, as `Cosmology` has it."""

    omega_m: float
    w0: float = _LAMBDA["w0"]
    wa: float = _LAMBDA["wa"]


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
            f"{', '.join(ABACUS_COSMOS)}, or name a box file, or a cosmology of your own with "
            "--cosmology"
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

    @property
    def velocity_rate(self) -> NDArray[np.float64]:
        """The velocity that a linear displacement tells, a H f1 [km/s per Mpc/h]."""
        return 100 * self.a * self.expansion * self.first_rate


def expansion_rate(
    a: NDArray[np.float64], cosmology: Cosmology | Background
) -> NDArray[np.float64]:
    """E(a) = H / H0 of a flat universe of matter and dark energy, without radiation."""
    dark = _dark_energy(a, cosmology)
    matter = cosmology.omega_m / a**3
    return np.sqrt(matter + dark - dark * cosmology.omega_m)


def matter_fraction(redshift: float, cosmology: Cosmology | Background) -> float:
    """Omega_m(z), the density of matter over critical at a redshift."""
    a = np.array(1 / (1 + redshift))
    return float(cosmology.omega_m / a**3 / expansion_rate(a, cosmology) ** 2)


def _dark_energy(
    a: NDArray[np.float64] | np.float64, cosmology: Cosmology | Background
) -> NDArray[np.float64]:
    """Density of dark energy over today's."""
    power = 1 + cosmology.w0 + cosmology.wa
    return np.exp(-3 * (power * np.log(a) + cosmology.wa * (1 - a)))


def growth(a: NDArray[np.float64] | float, cosmology: Cosmology | Background) -> Growth:
    """Integrate the growth equations from matter domination to the scale factors `a` <= 1.

    The equations are D1'' + (2 + dlnE/dlna) D1' = 3/2 Omega_m(a) D1 and the same for D2 with the
    source -3/2 Omega_m(a) D1^2 added, primes being d/dlna (Bouchet et al. 1995), begun on the
    Einstein-de Sitter solution D1 = a, D2 = -3/7 a^2. dlnE/dlna is
    -3/2 [Omega_m(a) + (1 + w(a)) (1 - Omega_m(a))]; radiation is left out, and dark energy does
    not cluster.

    Raises
    ------
    BoxError
        If one of them is before the start.
    """
    omega_m = cosmology.omega_m
    scale = np.atleast_1d(np.asarray(a, dtype=np.float64))
    if not np.all(scale >= _A_START):
        raise BoxError(f"no growth is known before z = {EARLIEST:,.0f}; choose a lower redshift")

    def derivative(log_a: float, state: NDArray[np.float64]) -> list[float]:
        matter = omega_m * np.exp(-3 * log_a)
        scale_factor = np.exp(log_a)
        dark = _dark_energy(scale_factor, cosmology)
        omega = matter / (matter + dark - dark * omega_m)
        w = cosmology.w0 + cosmology.wa * (1 - scale_factor)
        first, first_slope, second, second_slope = state
        friction = 2 - 1.5 * omega - 1.5 * (1 + w) * (1 - omega)
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
        expansion=expansion_rate(scale, cosmology),
        first=first / today,
        first_rate=first_slope / first,
        second=second / today**2,
        second_rate=second_slope / second,
    )


def redshift_of_growth(first: float, cosmology: Cosmology | Background) -> float | None:
    """Return the redshift at which the first-order growth, 1 today, was `first`.

    Returns
    -------
    float or None
        0 up to 5 % above today's; None beyond, and before growth is known.
    """
    scale = np.geomspace(_A_START, 1, 400)
    tabulated = growth(scale, cosmology).first
    if not tabulated[0] <= first <= _JUST_BEYOND:
        return None
    return float(1 / np.exp(np.interp(np.log(first), np.log(tabulated), np.log(scale))) - 1)
