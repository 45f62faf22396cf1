"""Power spectra of matter by CAMB, and the lattices whose modes they reach."""

from collections.abc import Sequence
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Cosmology, growth
from halokeras.errors import BoxError

_CAMB = RLock()
"""Held by the thread that uses CAMB, which keeps its state in global variables."""
_LEAST_K = 1e-4
"""Of the tables [h/Mpc]."""
LONGEST_SIDE = 60_000.0
"""Of a box [Mpc/h]: a longer one has modes below those of the tables."""
FINEST_SPACING = 0.01
"""Of a lattice [Mpc/h]: CAMB takes a quarter of a minute for its modes, and hours far below."""


@lru_cache(maxsize=8)
def linear_power(
    cosmology: Cosmology, redshift: float = 0.0, k_max: float = 20.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tabulate the linear matter power spectrum at `redshift`.

    The shape is CAMB's today, rescaled to sigma8; it is scaled to `redshift` by the growth of
    `growth`, so that simulations begun from it have the right power at late times.

    Returns
    -------
    k, power
        Wavenumbers [h/Mpc] up to `k_max`, logarithmic, and power [(Mpc/h)^3]; read-only, as many
        boxes of one cosmology share them.
    """
    with _CAMB:
        results = camb_results(cosmology, 1.2 * k_max * cosmology.H0 / 100)
        k, _, power = results.get_matter_power_spectrum(minkh=_LEAST_K, maxkh=k_max, npoints=800)
        rescale = (cosmology.sigma8 / results.get_sigma8_0()) ** 2
    growth_squared = growth(1 / (1 + redshift), cosmology).first[0] ** 2
    power = power[0] * rescale * growth_squared
    k.setflags(write=False)
    power.setflags(write=False)
    return k, power


def check_side(side: float, points: int = 1, what: str = "a side") -> None:
    """Refuse the side of a box or voxel whose modes have no known power.

    Parameters
    ----------
    side
        Its length [Mpc/h].
    points
        Of the lattice along it, each at least `FINEST_SPACING` from the next.
    what
        The side in the message.

    Raises
    ------
    BoxError
        The message tells between what the side must lie.
    """
    least = FINEST_SPACING * points
    if least > LONGEST_SIDE:
        most = LONGEST_SIDE / FINEST_SPACING
        raise BoxError(f"{what} of {points:,} points of modes is too fine; {most:,.0f} are known")
    if not least <= side <= LONGEST_SIDE:
        of_points = "of so many voxels or particles " if points > 1 else ""
        raise BoxError(
            f"{what} of {side:g} Mpc/h has modes whose linear power is not known; {of_points}it "
            f"must lie between {least:g} and {LONGEST_SIDE:,.0f} Mpc/h"
        )


def lattice_power(
    cosmology: Cosmology, redshift: float, spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tabulate the power as `linear_power` up to the modes of a lattice of some spacing [Mpc/h].

    Raises
    ------
    BoxError
        If it is finer than `FINEST_SPACING`.
    """
    if not spacing >= FINEST_SPACING:
        raise BoxError(
            f"the linear power of points {spacing:g} Mpc/h apart is not known, of "
            f"{FINEST_SPACING:g} Mpc/h or more it is; are the sizes in Mpc/h?"
        )
    corner = np.sqrt(3) * np.pi / spacing
    return linear_power(cosmology, redshift, max(20.0, 1.1 * float(corner)))


def nonlinear_power(
    cosmology: Cosmology, redshift: float, k_max: float = 2.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tabulate the matter power spectrum at `redshift` of HMcode 2020 (Mead et al. 2021).

    Returns
    -------
    k, power
        Wavenumbers [h/Mpc] up to `k_max`, logarithmic, and power [(Mpc/h)^3].
    """
    import camb

    reach, amplitude = max(10.0, 1.2 * k_max) * cosmology.H0 / 100, 2e-9
    with _CAMB:
        found = camb_results(cosmology, reach, primordial_amplitude=amplitude).get_sigma8_0()
        amplitude *= (cosmology.sigma8 / found) ** 2
        settings = _camb_settings(cosmology, reach, (redshift,), amplitude)
        settings.NonLinear = camb.model.NonLinear_pk
        settings.NonLinearModel.set_params(halofit_version="mead2020")
        results = camb.get_results(settings)
        k, _, power = results.get_matter_power_spectrum(minkh=1e-3, maxkh=k_max, npoints=400)
    return k, power[0]


def sigma8_of_amplitude(cosmology: Cosmology, primordial_amplitude: float) -> float:
    """Return the sigma8 of a primordial amplitude at 0.05/Mpc, whatever that of the cosmology.

    Raises
    ------
    BoxError
        If CAMB cannot compute it.
    """
    k_max = 0.24 * cosmology.H0  # 24 h/Mpc, where the integral of sigma8 has converged
    with _CAMB:
        return float(
            camb_results(cosmology, k_max, primordial_amplitude=primordial_amplitude).get_sigma8_0()
        )


def camb_results(
    cosmology: Cosmology,
    k_max: float,
    redshifts: Sequence[float] = (0.0,),
    primordial_amplitude: float = 2e-9,
) -> Any:
    """Return CAMB's results for a cosmology, whatever its sigma8.

    Parameters
    ----------
    cosmology
        Dark energy crosses w = -1 as a post-Friedmann fluid (Fang, Hu & Lewis 2008).
    k_max
        Largest wavenumber [1/Mpc].
    redshifts
        Of the matter power.
    primordial_amplitude
        A_s, at 0.05/Mpc.

    Raises
    ------
    BoxError
        If CAMB cannot, as where there are hardly any baryons.
    """
    import camb

    settings = _camb_settings(cosmology, k_max, redshifts, primordial_amplitude)
    try:
        return camb.get_results(settings)
    except camb.CAMBError as error:
        raise BoxError(
            f"CAMB cannot compute the power of {cosmology} ({str(error).splitlines()[0]}); choose "
            "parameters nearer to those observed, such as omega_b of 0.01 or more"
        ) from None


def _camb_settings(
    cosmology: Cosmology, k_max: float, redshifts: Sequence[float], primordial_amplitude: float
) -> Any:
    import camb

    h = cosmology.H0 / 100
    settings = camb.set_params(
        H0=cosmology.H0,
        ombh2=cosmology.omega_b * h**2,
        omch2=(cosmology.omega_m - cosmology.omega_b) * h**2,
        mnu=0.0,
        omk=0.0,
        ns=cosmology.n_s,
        As=primordial_amplitude,
        WantCls=False,
    )
    if "w0" in cosmology.parameters:
        settings.set_dark_energy(w=cosmology.w0, wa=cosmology.wa, dark_energy_model="ppf")
    settings.set_matter_power(redshifts=list(redshifts), kmax=k_max)
    return settings
