"""A halo catalogue and a density that come from different files, as one source."""

from collections.abc import Mapping

from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError
from halokeras.simulation.lpt.initial_modes import InitialModes
from halokeras.sources.catalogue.definition import defined_by
from halokeras.sources.catalogue.density_grid import DensityGrid, from_corner
from halokeras.sources.catalogue.particles import ParticleDensity
from halokeras.sources.catalogue.read import HaloCatalogue
from halokeras.sources.source import Source
from halokeras.sources.tables.stated import check_cosmology, check_hubble, stated_cosmology

_SAME = 1e-3
"""Difference of redshifts that rounding explains."""


def join(  # noqa: PLR0913  (named parts of one source)
    catalogue: HaloCatalogue,
    *,
    name: str,
    redshift: float | None,
    cosmology: Cosmology | None,
    grid: DensityGrid | ParticleDensity | None,
    initial_modes: InitialModes | None,
    own_seed: int | None,
    provenance: Mapping[str, str | int | float],
    hubble: float | None = None,
) -> Source:
    """Join halos with a density, or with the modes that one is made of.

    Parameters
    ----------
    catalogue
        The halos.
    name
        What messages call them.
    redshift, cosmology
        That the user gives.
    grid, initial_modes, own_seed
        One of them.
    provenance
        For the box; a mass definition that the name of the column of masses states joins it.
    hubble
        H0 / (100 km/s/Mpc) that the user gives for units.

    Raises
    ------
    BoxError
        If the redshift or the size of the box is unknown, or the files and the user disagree, in
        redshift, cosmology or mass definition.
    """
    particles = grid if isinstance(grid, ParticleDensity) else None
    stated = catalogue.redshift if catalogue.redshift is not None else redshift
    if stated is None and particles is not None:
        stated = particles.redshift
    if stated is None:
        raise BoxError(f"{name} does not tell its redshift; give it with --redshift")
    if redshift is not None and abs(stated - redshift) > _SAME * (1 + redshift):
        raise BoxError(
            f"{name} says that its halos are at redshift {stated:g} and --redshift is "
            f"{redshift:g}; leave it out, or give the catalogue of that redshift"
        )
    box_size = catalogue.box_size or (particles.box_size if particles else None)
    if box_size is None:
        raise BoxError(f"{name} does not tell the size of its box; give it [Mpc/h] with --box-size")
    halos = catalogue.halos
    if isinstance(grid, DensityGrid):
        halos = from_corner(halos, grid.corner * box_size / len(grid.density), box_size)
    defined, said = defined_by(name, catalogue.columns.mass, provenance)
    said += _check_cosmology(name, catalogue, grid, cosmology, hubble)
    masses = catalogue.particle_mass
    return Source(
        name=name,
        box_size=box_size,
        redshift=stated,
        cosmology=cosmology,
        halos=halos,
        density=None if grid is None else grid.density,
        density_box_size=None if grid is None else grid.box_size,
        density_redshift=None if grid is None else grid.redshift,
        initial_modes=initial_modes,
        own_seed=own_seed,
        provenance={**({"particle_mass": masses} if masses else {}), **defined, **provenance},
        assumed=(*catalogue.assumed, *(grid.assumed if grid else ()), *said),
    )


def _check_cosmology(
    name: str,
    catalogue: HaloCatalogue,
    grid: DensityGrid | ParticleDensity | None,
    cosmology: Cosmology | None,
    hubble: float | None,
) -> tuple[str, ...]:
    """Refuse a cosmology that is not that of the files, or files that tell two; say what agrees."""
    told = stated_cosmology(catalogue.about)
    other = {} if grid is None else grid.cosmology
    for parameter in told.keys() & other.keys():
        if abs(other[parameter] / told[parameter] - 1) > _SAME:
            raise BoxError(
                f"{name} says that {parameter} is {told[parameter]:g} and its density "
                f"{other[parameter]:g}; give a density of the same simulation"
            )
    if cosmology is None:
        return ()
    check_hubble("the cosmology given", {"h": cosmology.H0 / 100}, hubble)
    sentence = check_cosmology(name, {**other, **told}, cosmology)
    return () if sentence is None else (sentence,)
