"""A halo catalogue and its density, as they are described on the command line, read as a source."""

from dataclasses import dataclass
from pathlib import Path

from halokeras.cosmology.cosmology import Cosmology
from halokeras.environment import allotted_cores
from halokeras.listener import Listener
from halokeras.readable import name_of
from halokeras.simulation.lpt.initial_modes import modes_of_file
from halokeras.sources.catalogue.columns import parse_columns
from halokeras.sources.catalogue.density_grid import (
    Contrast,
    DensityGrid,
    GridPoints,
    read_density,
)
from halokeras.sources.catalogue.joined import join
from halokeras.sources.catalogue.particles import (
    MEANINGS,
    OF_PARTICLES,
    ParticleDensity,
    read_particles,
)
from halokeras.sources.catalogue.read import HaloCatalogue, Origin, read_halos
from halokeras.sources.prepare import voxels_across
from halokeras.sources.source import Source


@dataclass(frozen=True)
class HaloTableFile:
    """A table of halos and what it does not tell: the arguments of `read_halos`."""

    path: Path
    table: str | None = None
    columns: tuple[str, ...] = ()
    mass_unit: str = "Msun/h"
    particle_mass: float | None = None
    hosts_only: bool = False
    drop_invalid: bool = False


@dataclass(frozen=True)
class Coordinates:
    """Units, origin and size of the box [Mpc/h]: of halos, and of particles that tell no other."""

    length_unit: str = "Mpc/h"
    hubble: float | None = None
    origin: Origin = "corner"
    box_size: float | None = None


@dataclass(frozen=True)
class GridDensity:
    """A density grid: the arguments of `read_density`."""

    path: Path
    dataset: str | None = None
    contrast: Contrast = "1+delta"
    grid_points: GridPoints = "centres"
    axes: str = "xyz"


@dataclass(frozen=True)
class ParticleFiles:
    """Particles to make a density of: arguments of `read_particles`."""

    path: Path
    table: str | None = None
    columns: tuple[str, ...] = ()
    length_unit: str | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class ModesFile:
    """A linear overdensity to make a 2LPT density of."""

    path: Path


@dataclass(frozen=True)
class OwnSeed:
    """The seed of halopaint's own modes, which the simulation began with."""

    seed: int


@dataclass(frozen=True)
class About:
    """What is known besides the files: epoch, cosmology and, for the provenance, the rest."""

    redshift: float | None = None
    cosmology: Cosmology | None = None
    box_id: str | None = None
    halo_finder: str | None = None
    mass_definition: str | None = None
    density_scheme: str | None = None


Matter = GridDensity | ParticleFiles | ModesFile | OwnSeed


def read_catalogue(
    halos: HaloTableFile,
    matter: Matter,
    coordinates: Coordinates,
    about: About,
    voxels: int | None,
    voxel_size: float | None,
    listener: Listener,
) -> Source:
    """Read halos and what a density is made of.

    Parameters
    ----------
    halos, matter, coordinates, about
        What is where.
    voxels, voxel_size
        Along a side, or their side [Mpc/h], of a density that particles make.
    listener
        Who is told what is read.

    Raises
    ------
    BoxError
        If a file cannot be read, or they are not what they are said to be.
    """
    listener.announce("Reading", str(halos.path))
    read = read_halos(
        halos.path,
        part=halos.table,
        columns=parse_columns(list(halos.columns)),
        length_unit=coordinates.length_unit,
        mass_unit=halos.mass_unit,
        hubble=coordinates.hubble,
        origin=coordinates.origin,
        box_size=coordinates.box_size,
        particle_mass=halos.particle_mass,
        hosts_only=halos.hosts_only,
        drop_invalid=halos.drop_invalid,
    )
    named = {
        "halo_finder": about.halo_finder,
        "mass_definition": about.mass_definition,
        "box_id": about.box_id,
    }
    return join(
        read,
        name=str(halos.path),
        redshift=about.redshift,
        cosmology=about.cosmology,
        grid=_grid(matter, read, halos, coordinates, voxels, voxel_size, listener),
        initial_modes=modes_of_file(matter.path) if isinstance(matter, ModesFile) else None,
        own_seed=matter.seed if isinstance(matter, OwnSeed) else None,
        provenance={**_made_of(matter, about), **{k: v for k, v in named.items() if v}},
        hubble=coordinates.hubble,
    )


def _grid(
    matter: Matter,
    read: HaloCatalogue,
    halos: HaloTableFile,
    coordinates: Coordinates,
    voxels: int | None,
    voxel_size: float | None,
    listener: Listener,
) -> DensityGrid | ParticleDensity | None:
    if isinstance(matter, GridDensity):
        listener.announce("Reading", str(matter.path))
        return read_density(
            matter.path,
            matter.dataset,
            contrast=matter.contrast,
            grid_points=matter.grid_points,
            axes=matter.axes,
        )
    if isinstance(matter, ParticleFiles):
        listener.announce("Reading", str(matter.path))
        side = coordinates.box_size or read.box_size
        across = voxels_across(side, voxels, voxel_size, str(halos.path))
        return _of_particles(matter, coordinates, side, across)
    return None


def _of_particles(
    matter: ParticleFiles, coordinates: Coordinates, side: float | None, voxels: int
) -> ParticleDensity:
    return read_particles(
        matter.path,
        voxels,
        part=matter.table,
        columns=parse_columns(matter.columns, MEANINGS, OF_PARTICLES.columns),
        length_unit=matter.length_unit,
        general_unit=coordinates.length_unit,
        hubble=coordinates.hubble,
        origin=coordinates.origin if matter.origin is None else matter.origin,
        box_size=side,
        workers=allotted_cores(),
    )


def _made_of(matter: Matter, about: About) -> dict[str, str | int | float]:
    if isinstance(matter, GridDensity | ParticleFiles):
        scheme = about.density_scheme or "unknown"
        return {"density_file": name_of(matter.path), "density_scheme": scheme}
    return {"initial_modes": name_of(matter.path)} if isinstance(matter, ModesFile) else {}
