"""The published reproduction's data: particle counts and halo counts on the same voxels.

Two ``.npy`` files of integers, ``particle_counts.npy`` and ``halo_counts.npy``. Their grids are
half a box apart there; the check of the box finds that and its shift repairs it.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.sources.source import Source
from halokeras.storage.grid import slabs
from halokeras.storage.grid_file import open_numbers
from halokeras.storage.memory import refuse_beyond_memory

_SCHEMES = ("unknown", "2lpt", "zeldovich", "nbody")


def read_count_pair(
    particle_counts: Path,
    halo_counts: Path,
    *,
    voxel_size: float,
    redshift: float,
    cosmology: Cosmology | None = None,
    density_scheme: str = "unknown",
) -> Source:
    """Read a density and halo counts from counts of particles and of halos.

    Parameters
    ----------
    particle_counts, halo_counts
        ``.npy`` files of (n, n, n) whole numbers, integers or not by type.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Of both.
    density_scheme
        What moved the particles: ``2lpt``, ``zeldovich``, ``nbody`` or ``unknown``.

    Raises
    ------
    BoxError
        If a file cannot be read, is no cube of counts, or the two differ in shape.
    """
    if density_scheme not in _SCHEMES:
        raise BoxError(f"density scheme {density_scheme} is unknown; choose {', '.join(_SCHEMES)}")
    particles, halos = _counts(particle_counts), _counts(halo_counts)
    if particles.shape != halos.shape:
        raise BoxError(
            f"{particle_counts} has shape {particles.shape} and {halo_counts} {halos.shape}; both "
            "must cover the same voxels"
        )
    mean = float(particles.mean(dtype=np.float64))
    if mean == 0:
        raise BoxError(f"{particle_counts} counts no particles; make it again")
    particles *= np.float32(1 / mean)
    return Source(
        name=f"{particle_counts} and {halo_counts.name}",
        box_size=len(particles) * voxel_size,
        redshift=redshift,
        cosmology=cosmology,
        counts=halos,
        density=particles,
        provenance={"density_scheme": density_scheme},
        assumed=(
            f"The density is {particle_counts.name} over its mean of {mean:.4g} particles per "
            "voxel, by whatever deposit made it.",
            f"The {int(halos.sum(dtype=np.float64)):,} halos of {halo_counts.name} have no masses: "
            "no selection can be applied to them.",
        ),
    )


def _counts(path: Path) -> NDArray[np.float32]:
    with open_numbers(path, None, "a .npy file of it alone") as grid:
        if len(set(grid.shape)) != 1:
            raise BoxError(f"{path} has shape {grid.shape}; the box must be a cube")
        refuse_beyond_memory(4 * int(np.prod(grid.shape, dtype=np.int64)), str(path))
        counts = np.empty(grid.shape, np.float32)
        first = 0
        for slab in slabs(grid):
            if not _are_counts(slab):
                raise BoxError(
                    f"{path} holds values that are not whole numbers from 0; counts are (a "
                    "density goes by `halopaint prepare catalogue --density`)"
                )
            counts[first : first + len(slab)] = slab
            first += len(slab)
    return counts


def _are_counts(slab: NDArray[Any]) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        return bool((slab >= 0).all() and (slab < 2**24).all() and (slab == np.floor(slab)).all())
