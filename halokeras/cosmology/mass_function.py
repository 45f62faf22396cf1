"""How many halos a cosmology should have, and what that says about a catalogue's masses.

Expected counts and biases are colossus's (Diemer 2018): Watson et al. (2013) for friends-of-friends
halos, Tinker et al. (2008) for spherical overdensities and Tinker et al. (2010) for bias.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Background, Cosmology, matter_fraction
from halokeras.cosmology.definition_words import stated_definition
from halokeras.errors import BoxError

Array = NDArray[np.float64]

LIGHTEST, HEAVIEST = 1e9, 1e17
"""Masses between which halos are expected [Msun/h]."""
_MASSES = np.geomspace(LIGHTEST, HEAVIEST, 801)
_UNSTATED = "200m"
_FINDERS = {"rockstar": "vir", "compaso": "200m"}
"""Definitions of the masses of finders that are named without one."""
_TINKER = (200, 3200)
"""Overdensities, over the mean density, that Tinker et al. fitted."""

_COLOSSUS = RLock()
"""Held by the thread that uses colossus, whose cosmology is a global variable."""

_KILOGRAM, _GRAM = 1 / 1.98841e30, 1 / 1.98841e33
"""Solar masses."""

EARLIEST_HALOS = 300.0
"""Redshift to which mass functions are computed; there are no halos long before."""

_NEAR, _FAR = 0.12, 0.6
"""Logarithms by which a fitted factor may miss a unit's that is near 1, or far."""
_SMALLEST_LOG, _LARGEST_LOG = 5.0, 20.0
_MOST_MEMBERS = 1e8


def mass_definition(
    provenance: Mapping[str, Any], cosmology: Cosmology | Background, redshift: float
) -> str | None:
    """Read the definition of halo masses from what a box's provenance says in words.

    Returns
    -------
    str or None
        ``fof``, ``vir``, or an overdensity and what it is over, as ``200m`` (mean, also written
        200b) or ``200c`` (critical); None where none is stated that mass functions are known for.
    """
    for name in ("mass_definition", "halo_finder"):
        words = str(provenance.get(name, "")).lower()
        stated = stated_definition(words)
        if stated in ("vir", "fof"):
            return stated
        if stated is not None:
            times, over = int(stated[:-1]), "c" if stated.endswith("c") else "m"
            mean = times / matter_fraction(redshift, cosmology) if over == "c" else times
            return f"{times}{over}" if _TINKER[0] <= mean <= _TINKER[1] else None
        for finder, definition in _FINDERS.items():
            if finder in words:
                return definition
    return None


def expected_above(
    mass: Array, cosmology: Cosmology, redshift: float, volume: float, definition: str | None
) -> Array:
    """Return the halos expected above each mass [Msun/h] in `volume` [(Mpc/h)^3].

    Parameters
    ----------
    mass
        `LIGHTEST` to `HEAVIEST`.
    cosmology, redshift
        Of the halos.
    volume
        [(Mpc/h)^3].
    definition
        As `mass_definition` gives it; 200m for None.
    """
    cumulative = volume * _cumulative(cosmology, redshift, definition)
    log = np.interp(np.log(mass), np.log(_MASSES), np.log(np.maximum(cumulative, 1e-300)))
    return np.exp(log)


def expected_bias(mass: Array, cosmology: Cosmology, redshift: float) -> Array:
    """Return the linear bias of halos of each mass, within 200 times the mean density [Msun/h]."""
    from colossus.lss.bias import haloBias

    with in_colossus(cosmology):
        bias: Array = haloBias(mass, redshift, mdef="200m", model="tinker10")
    return bias


def linear_variance(mass: Array, cosmology: Cosmology, redshift: float) -> Array:
    """Return the variance of the linear density in spheres that hold each mass [Msun/h]."""
    from colossus.lss.peaks import lagrangianR

    with in_colossus(cosmology) as known:
        variance: Array = known.sigma(lagrangianR(mass), redshift) ** 2
    return variance


@dataclass(frozen=True)
class MassScale:
    """By what the masses of a catalogue must be multiplied to be as abundant as expected.

    Attributes
    ----------
    factor
        The median over ranks.
    unit
        The wrong unit which that factor tells, or None where it tells none.
    known
        What makes Msun/h of masses of that unit; None without one, and for logarithms.
    """

    factor: float
    unit: str | None
    known: float | None


def mass_scale(
    mass: NDArray[np.floating],
    cosmology: Cosmology,
    redshift: float,
    volume: float,
    definition: str | None,
    particle_mass: float | None = None,
) -> MassScale:
    """Compare the heaviest halos with the masses that halos of their rank should have.

    Ranks run geometrically from the tenth heaviest halo (the third of few) to the heaviest
    quarter, which lies above the resolution of usual catalogues: neither their mass function at
    the floor nor a cut enters.

    Parameters
    ----------
    mass
        Positive masses, at least 12 of them, in the unit of the catalogue.
    cosmology, redshift, volume, definition
        As in `expected_above`.
    particle_mass
        [Msun/h], by which numbers of particles are known, if stated.
    """
    heaviest = np.sort(mass.astype(np.float64))[::-1]
    ranks = np.geomspace(10 if len(mass) >= 80 else 3, max(len(mass) // 4, 3), 12)
    chosen = np.unique(ranks.astype(np.int64))
    log_expected = _log_mass_of_rank(chosen, cosmology, redshift, volume, definition)
    factor = float(np.exp(np.median(log_expected - np.log(heaviest[chosen - 1]))))
    h = cosmology.H0 / 100
    if heaviest[0] < _LARGEST_LOG and heaviest[-1] > _SMALLEST_LOG:
        logs = np.median(log_expected - np.log(10) * heaviest[chosen - 1])
        if abs(logs) < _tolerance(factor):
            return MassScale(factor, "log10 of Msun/h", None)
    units = dict(_units(h))
    if particle_mass is not None and (mass == np.floor(mass)).all() and heaviest[0] < _MOST_MEMBERS:
        units["numbers of particles"] = particle_mass
    unit = min(units, key=lambda name: abs(np.log(factor / units[name])))
    known = units[unit]
    if known == 1 or abs(np.log(factor / known)) > _tolerance(known):
        return MassScale(factor, None, None)
    return MassScale(factor, unit, known)


def abundance(
    mass: NDArray[np.floating],
    floor: float,
    cosmology: Cosmology,
    redshift: float,
    volume: float,
    definition: str | None,
) -> tuple[Array, Array, Array]:
    """Count halos in bins of mass above `floor` [Msun/h] beside those expected.

    Returns
    -------
    edges, found, expected
        Three bins a decade, the last open; as many as have ten expected halos, at least one.
    """
    edges = floor * 10 ** (np.arange(25) / 3)
    above = expected_above(edges, cosmology, redshift, volume, definition)
    bins = max(1, int(np.count_nonzero(above >= 10)))
    edges, above = edges[:bins], above[:bins]
    ordered = np.sort(mass)
    found_above = len(ordered) - np.searchsorted(ordered, edges)
    found = found_above - np.append(found_above[1:], 0)
    expected = above - np.append(above[1:], 0)
    return edges, found.astype(np.float64), expected


def _units(h: float) -> Iterator[tuple[str, float]]:
    """Units that masses come in, and what makes them Msun/h."""
    yield "Msun/h", 1.0
    yield "Msun/h times h", 1 / h
    yield "Msun/h times 1e10", 1e-10
    for name, factor in (("Msun", 1.0), ("1e10 Msun", 1e10), ("kg", _KILOGRAM), ("g", _GRAM)):
        yield name, factor * h
        if name != "Msun":
            yield f"{name}/h", factor


def _tolerance(factor: float) -> float:
    """How far, in logarithm, a fitted factor may be from a unit's to be known by it."""
    return _NEAR if abs(np.log(factor)) < 1 else _FAR


def _log_mass_of_rank(
    rank: NDArray[np.int64],
    cosmology: Cosmology,
    redshift: float,
    volume: float,
    definition: str | None,
) -> Array:
    cumulative = np.maximum(volume * _cumulative(cosmology, redshift, definition), 1e-300)
    falling = np.log(cumulative[::-1])
    mass: Array = np.interp(np.log(rank), falling, np.log(_MASSES[::-1]))
    return mass


@lru_cache(maxsize=8)
def _cumulative(cosmology: Cosmology, redshift: float, definition: str | None) -> Array:
    """Halos above each of the tabulated masses in a (Mpc/h)^3."""
    from colossus.halo.mass_so import deltaVir
    from colossus.lss.mass_function import massFunction

    if redshift > EARLIEST_HALOS:
        raise BoxError(f"no mass function is known at redshift {redshift:g}")
    definition = definition or _UNSTATED
    model = "watson13" if definition == "fof" else "tinker08"
    with in_colossus(cosmology):
        if definition == "vir" and deltaVir(redshift) < _TINKER[0] * matter_fraction(
            redshift, cosmology
        ):
            # at early times that is 178 times the mean, and Tinker begins at 200
            definition = _UNSTATED
        per_log_mass = massFunction(_MASSES, redshift, mdef=definition, model=model, q_out="dndlnM")
    steps = 0.5 * (per_log_mass[1:] + per_log_mass[:-1]) * np.diff(np.log(_MASSES))
    return np.append(np.cumsum(steps[::-1])[::-1], 0.0)


@contextmanager
def in_colossus(cosmology: Cosmology) -> Iterator[Any]:
    """Make colossus compute with a cosmology, keep nothing on disk and its own state as it was."""
    from colossus.cosmology import cosmology as state

    varied = {"de_model": "w0wa", "w0": cosmology.w0, "wa": cosmology.wa}
    dark_energy = varied if "w0" in cosmology.parameters else {}
    ours = state.Cosmology(
        name="halopaint",
        flat=True,
        H0=cosmology.H0,
        Om0=cosmology.omega_m,
        Ob0=cosmology.omega_b,
        sigma8=cosmology.sigma8,
        ns=cosmology.n_s,
        relspecies=False,
        persistence="",
        **dark_energy,
    )
    with _COLOSSUS:
        before = state.current_cosmo
        state.setCurrent(ours)
        try:
            yield ours
        finally:
            state.current_cosmo = before
