"""The cosmology of an Abacus simulation, of its headers and of what abacusutils lists for it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.sources.abacus_summit.asdf_file import AsdfFile, require

SAME = 1e-4
"""Largest relative difference between two headers' numbers, or a header's and the user's."""


def listed_simulation(file: AsdfFile) -> Mapping[str, Any]:
    """What abacusutils lists for a simulation of that name."""
    name = str(file.header.get("SimName", ""))
    try:
        listed: Mapping[str, Any] = require("abacusnbody.metadata").get_meta(name)
    except ValueError:
        return {}
    for number in ("H0", "Omega_M", "BoxSize"):
        if abs(listed[number] - file.number(number)) > SAME * listed[number]:
            return {}
    return listed


def cosmology_of(
    file: AsdfFile,
    parameters: Mapping[str, Any],
    listed: Mapping[str, Any],
    given: Cosmology | None,
) -> tuple[Cosmology | None, list[str]]:
    """The cosmology, and sentences on what of the simulation's it leaves out."""
    h0, omega_m = file.number("H0"), file.number("Omega_M")
    assumed = []
    if parameters.get("omega_ncdm", 0) or parameters.get("Omega_Smooth", 0):
        assumed.append(
            f"Omega_M {omega_m:g} holds the massive neutrinos, which are taken as cold matter"
        )
    w0, wa = float(parameters.get("w0", -1)), float(parameters.get("wa", 0))
    if given is not None:
        for name, ours, theirs in (
            ("H0", given.H0, h0),
            ("omega_m", given.omega_m, omega_m),
            ("w0", given.w0, w0),
            ("wa", given.wa, wa),
        ):
            if abs(ours - theirs) > SAME * max(abs(theirs), 1e-3):
                raise BoxError(
                    f"{file.path} has {name} {theirs:g} but the cosmology given has {ours:g}; give "
                    "that of the simulation"
                )
        return given, assumed
    if not listed:
        assumed.append(
            f"abacusutils lists no simulation {parameters.get('SimName')} with this header, so its "
            "cosmology is unknown unless it is given"
        )
        return None, assumed
    spectrum, table = listed["CLASS_power_spectrum"], listed["GrowthTable"]
    k, power = (np.asarray(spectrum.columns[i], dtype=np.float64) for i in range(2))
    found = Cosmology(
        H0=h0,
        omega_m=omega_m,
        omega_b=listed["omega_b"] / (h0 / 100) ** 2,
        sigma8=_sigma8(k, power) * table[0.0] / table[listed["CLASS_Redshift"]],
        n_s=listed["n_s"],
        w0=w0,
        wa=wa,
    )
    shown = ", ".join(f"{name} {value:.5g}" for name, value in found.parameters.items())
    assumed.append(
        f"cosmology {shown}: omega_b, n_s and the power spectrum are those that abacusutils lists "
        "for the simulation; sigma8 is that of cold dark matter and baryons"
    )
    return found, assumed


def _sigma8(k: NDArray[np.float64], power: NDArray[np.float64]) -> float:
    """The rms overdensity in spheres of 8 Mpc/h of a power spectrum."""
    x = 8 * k
    window = 3 * (np.sin(x) - x * np.cos(x)) / x**3
    return float(np.sqrt(np.trapezoid(k**3 * power * window**2 / (2 * np.pi**2), np.log(k))))
