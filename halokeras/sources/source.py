"""What the reader of a simulation gives: its fields in our units, before they are checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from halokeras.boxes.halos import Halos
from halokeras.cosmology.cosmology import Cosmology
from halokeras.simulation.lpt.initial_modes import InitialModes


@dataclass(frozen=True)
class Source:
    """A simulation, read.

    Attributes
    ----------
    name
        What messages and the report call it: a path, usually.
    box_size
        Side of the periodic cube [Mpc/h].
    redshift
        Of the halos and of the density.
    cosmology
        None only where the source does not state one and the user gave none.
    halos
        The catalogue, in our units, from the corner of the density's first voxel; positions need
        not be wrapped into the box; or
    counts
        (n, n, n) halos per voxel.
    density
        (n, n, n) rho/mean about voxel centres; or
    initial_modes
        What a 2LPT density is made of; or
    own_seed
        the seed of halopaint's modes that the simulation began with.
    density_box_size, density_redshift
        Of a density that states its own.
    provenance
        For the box: ``density_scheme`` (of a `density`), ``halo_finder``, ``mass_definition``,
        ``particle_mass`` [Msun/h], ``simulation`` and the like.
    assumed
        Sentences on what the reader assumed, which the report repeats.
    """

    name: str
    box_size: float
    redshift: float
    cosmology: Cosmology | None
    halos: Halos | None = None
    counts: NDArray[Any] | None = None
    density: NDArray[Any] | None = None
    initial_modes: InitialModes | None = None
    own_seed: int | None = None
    density_box_size: float | None = None
    density_redshift: float | None = None
    provenance: Mapping[str, str | int | float] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
