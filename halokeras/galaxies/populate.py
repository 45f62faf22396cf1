"""Galaxies drawn in halos by their mean occupation.

A halo has a central galaxy, at its own place and velocity, or none, and a Poisson number of
satellites about it. Everything of a galaxy is a function of the seed, the id of its halo and its
number among the satellites, so the order of halos and the pieces they are read in leave no trace.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, pdtr, pdtrik

from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import Cosmology
from halokeras.cosmology.halo_structure import concentrations, radii
from halokeras.fields.gridding import wrap
from halokeras.galaxies.nfw import circular_velocities, dispersions, distances
from halokeras.painting.catalogues.formats import Columns
from halokeras.painting.catalogues.halos import hubble_distance
from halokeras.randomness import mix, uniform_at
from halokeras.sections import MassDefinition
from halokeras.statistics.occupation import Occupation

Array = NDArray[np.float64]

CENTRAL, SATELLITE = 0, 1
_HALF_STEP = 2.0**-54
"""Half the step of the uniform numbers, so that none is 0."""


@dataclass(frozen=True)
class Universe:
    """What places and velocities in a halo depend on beside its mass.

    Attributes
    ----------
    box_size
        Sides of the periodic box [Mpc/h].
    cosmology, redshift
        Of the halos.
    definition
        How their radius follows from their mass.
    """

    box_size: tuple[float, float, float]
    cosmology: Cosmology
    redshift: float
    definition: MassDefinition


def numbers(
    ids: NDArray[np.int64], mass: NDArray[np.floating], occupation: Occupation, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Draw whether each halo has a central galaxy, and how many satellites.

    Parameters
    ----------
    ids, mass
        (N,) of the halos; masses in Msun/h.
    occupation
        Their mean.
    seed
        Not negative.
    """
    key = ids.view(np.uint64)
    central = uniform_at(seed, "central galaxies", key) < occupation.centrals(mass)
    share, mean = uniform_at(seed, "number of satellites", key), occupation.satellites(mass)
    number = np.zeros(len(ids), dtype=np.int64)
    some = share > np.exp(-mean)  # the others have none
    above = np.ceil(pdtrik(share[some], mean[some]))
    below = np.maximum(above - 1, 0)  # which the inverse can round to one too many
    number[some] = np.where(pdtr(below, mean[some]) >= share[some], below, above)
    return central, number


def populate(
    halos: Halos,
    mass: NDArray[np.floating],
    occupation: Occupation,
    seed: int,
    universe: Universe,
    seen_along: str | None = None,
) -> Columns:
    """Draw the galaxies of halos.

    Parameters
    ----------
    halos
        With ids, and velocities if they are known.
    mass
        (N,) by which they are populated [Msun/h].
    occupation, seed
        As in `numbers`.
    universe
        What they lie in.
    seen_along
        ``x``, ``y`` or ``z``: positions in redshift space along it are returned too.

    Returns
    -------
    dict
        ``halo_id`` of the halo; ``galaxy_type``, 0 for a central galaxy and 1 for a satellite;
        ``x``, ``y``, ``z`` [Mpc/h] in [0, box_size); with velocities ``vx``, ``vy``, ``vz`` [km/s]
        and the like of ``z_rsd`` [Mpc/h]; and ``mass`` [Msun/h]. Galaxies come in the order of
        their halos, a central one before its satellites.
    """
    assert halos.id is not None
    central, satellites = numbers(halos.id, mass, occupation, seed)
    several = central + satellites
    host = np.repeat(np.arange(len(several)), several)
    number = np.arange(len(host)) - np.repeat(np.cumsum(several) - several, several)
    orbiting = (number > 0) | ~central[host]
    ids, held = halos.id[host], mass[host]
    key = mix(ids[orbiting].view(np.uint64)) + number[orbiting].astype(np.uint64)
    offset, motion = _orbits(key, held[orbiting], seed, universe)
    position = halos.position[host].astype(np.float64)
    position[orbiting] += offset
    sides = universe.box_size
    columns: Columns = {
        "halo_id": ids,
        "galaxy_type": np.where(orbiting, SATELLITE, CENTRAL).astype(np.int16),
        "mass": held.astype(np.float32),
    }
    columns |= {axis: wrap(position[:, row], sides[row]) for row, axis in enumerate("xyz")}
    if halos.velocity is not None:
        velocity = halos.velocity[host].astype(np.float64)
        velocity[orbiting] += motion
        columns |= {f"v{axis}": velocity[:, row].astype("f4") for row, axis in enumerate("xyz")}
        if seen_along is not None:
            row = "xyz".index(seen_along)
            shift = hubble_distance(universe.redshift, universe.cosmology) * velocity[:, row]
            columns[f"{seen_along}_rsd"] = wrap(position[:, row] + shift, sides[row])
    return columns


def _orbits(
    key: NDArray[np.uint64], mass: NDArray[np.floating], seed: int, universe: Universe
) -> tuple[Array, Array]:
    """Return where satellites are from the centres of their halos [Mpc/h], and how fast [km/s].

    Parameters
    ----------
    key
        (N,) by which their random numbers are known.
    mass
        (N,) of their halos [Msun/h].
    seed, universe
        As in `populate`.
    """
    cosmology, redshift = universe.cosmology, universe.redshift
    radius = radii(mass, universe.definition, cosmology, redshift)
    concentration = concentrations(mass, universe.definition, cosmology, redshift)
    distance = distances(uniform_at(seed, "satellite distance", key), concentration)
    cosine = 2 * uniform_at(seed, "satellite latitude", key) - 1
    angle = 2 * np.pi * uniform_at(seed, "satellite longitude", key)
    sine = np.sqrt(1 - cosine**2)
    direction = np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], axis=1)
    scatter = dispersions(distance, concentration)
    scatter *= circular_velocities(mass, radius, cosmology, redshift)
    normal = [
        ndtri(uniform_at(seed, f"satellite velocity {axis}", key) + _HALF_STEP) for axis in "xyz"
    ]
    return (distance * radius)[:, None] * direction, scatter[:, None] * np.stack(normal, axis=1)
