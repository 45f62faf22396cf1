"""The galaxies of halos that are lighter than any in a catalogue."""

import numpy as np

from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.mass_function import expected_above, mass_definition
from halokeras.sections import MassDefinition
from halokeras.statistics.occupation import Occupation

_LIGHTEST, _HEAVIEST = 1e9, 1e16
_STEPS = 400


def density(
    occupation: Occupation,
    lightest: float,
    heaviest: float,
    cosmology: Cosmology,
    redshift: float,
    definition: MassDefinition | None,
) -> float:
    """Return the galaxies in a (Mpc/h)^3 of halos of masses between two [Msun/h].

    The integral of their mean number over the mass function, as
    `halokeras.cosmology.mass_function.expected_above` has it.
    """
    edges = np.geomspace(lightest, heaviest, _STEPS + 1)
    named = mass_definition({"mass_definition": definition or ""}, cosmology, redshift)
    halos = -np.diff(expected_above(edges, cosmology, redshift, 1.0, named))
    return float(halos @ occupation.mean(np.sqrt(edges[1:] * edges[:-1])))


def missing_share(
    occupation: Occupation,
    floor: float,
    cosmology: Cosmology,
    redshift: float,
    definition: MassDefinition | None,
) -> float:
    """Return the share of galaxies that live in halos lighter than `floor` [Msun/h]."""
    told = (cosmology, redshift, definition)
    below = density(occupation, _LIGHTEST, floor, *told)
    return below / (below + density(occupation, floor, _HEAVIEST, *told))
