"""The numbers that a patch brings beside its density, by name."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache

import numpy as np

from halokeras.cosmology.cosmology import Cosmology, matter_fraction
from halokeras.cosmology.mass_function import (
    HEAVIEST,
    LIGHTEST,
    expected_above,
    linear_variance,
)
from halokeras.errors import ModelError
from halokeras.sections import Selection

_LEAST_EXPECTED = 1e-12
"""Halos per voxel, below which none are expected at all."""


def conditions_of(
    names: tuple[str, ...],
    redshift: float,
    cosmology: Cosmology | None,
    bins: Sequence[Selection],
    voxel_size: float,
) -> tuple[float, ...]:
    """Return the conditions that a kind of painter states, in its order.

    They are ``redshift``, ``mass_min`` [Msun/h] or a parameter of the cosmology (``omega_m``, ...)
    as they are; ``matter_fraction``, Omega_m at the redshift; ``log_omega_m``;
    ``log_variance_<MASS>``, of the linear density in spheres of a mass [Msun/h]; and
    ``log_abundance_<BIN>``, of the halos per voxel that Watson et al. (2013) expect in the bin of
    mass of a channel.

    Parameters
    ----------
    names
        What a kind of painter states.
    redshift, cosmology
        Redshift and cosmology of the density.
    bins
        The halos that each channel paints.
    voxel_size
        Side of a voxel [Mpc/h].

    Raises
    ------
    ModelError
        If they ask for a cosmology and the density states none.
    """
    stated = {"redshift": redshift, "mass_min": bins[0].mass_min}
    if cosmology is not None:
        stated |= asdict(cosmology)
        if not stated.keys() >= set(names):
            stated |= _derived(names, redshift, cosmology, tuple(bins), voxel_size)
    elif not stated.keys() >= set(names):
        raise ModelError(
            "the painter is told the cosmology, which the density does not state; name it with "
            "--cosmology or choose a box whose file tells it"
        )
    return tuple(float(stated[name]) for name in names)


@lru_cache(maxsize=512)
def _derived(
    names: tuple[str, ...],
    redshift: float,
    cosmology: Cosmology,
    bins: tuple[Selection, ...],
    voxel_size: float,
) -> dict[str, float]:
    """Return what follows from a cosmology and a redshift, by name."""
    found = {
        "log_omega_m": float(np.log(cosmology.omega_m)),
        "matter_fraction": matter_fraction(redshift, cosmology),
    }
    prefix = "log_variance_"
    masses = [name for name in names if name.startswith(prefix)]
    mass = np.array([float(name.removeprefix(prefix)) for name in masses])
    found |= zip(masses, np.log(linear_variance(mass, cosmology, redshift)), strict=True)
    edges = np.array([*(bin.mass_min for bin in bins), bins[-1].mass_max or HEAVIEST])
    volume = voxel_size**3
    above = expected_above(np.maximum(edges, LIGHTEST), cosmology, redshift, volume, "fof")
    held = np.log(np.maximum(above[:-1] - above[1:], _LEAST_EXPECTED))
    return found | {f"log_abundance_{bin}": float(value) for bin, value in enumerate(held)}
