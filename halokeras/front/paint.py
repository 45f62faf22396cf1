"""Halos painted and drawn on a density."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from halokeras.boxes.box import Box, check_scale, total_counts
from halokeras.cosmology.cosmology import Cosmology
from halokeras.fields.contrast import Contrast, as_density
from halokeras.front.boxes import cosmology_of
from halokeras.front.choice import named, painter_for, without_masses
from halokeras.front.grids import real_grid
from halokeras.seeds import check_seed

if TYPE_CHECKING:
    from halokeras.painters.model_store import SavedPainter
    from halokeras.painting.inputs.density import Density


def paint(  # noqa: PLR0913  (what is painted, and by what)
    density: ArrayLike,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    model: "str | Path | SavedPainter | None" = None,
    *,
    cosmology: str | Cosmology | None = None,
    mass_min: float | None = None,
    contrast: Contrast = "1+delta",
    force: bool = False,
) -> NDArray[np.float32]:
    """Paint the mean halo counts of a periodic density.

    Parameters
    ----------
    density
        (nx, ny, nz), of any shape, about voxel centres.
    voxel_size
        Side of a voxel [Mpc/h].
    redshift
        Redshift of the density.
    model
        The painter; by default ``gen``, or ``any`` for another epoch or cosmology than it learned.
    cosmology
        Of the density: ``00`` to ``04``, or one of your own; None where it is that of the painter.
    mass_min
        Least mass of the halos [Msun/h]; by default all that the painter learned.
    contrast
        What the density holds: ``1+delta`` (rho/mean, mean 1), ``delta`` (an overdensity, mean 0)
        or ``rho`` (any multiple of it).
    force
        Paint though the painter learned another voxel size or density, or did not learn the
        redshift or the cosmology.

    Returns
    -------
    ndarray
        Mean halos per voxel, (nx, ny, nz) float32.

    Raises
    ------
    BoxError
        If it is no density.
    ModelError
        If there is no such painter, or the density is not what it learned to paint on.
    """
    chosen = cosmology_of(cosmology)
    saved = painter_for(model, redshift, chosen, mass_min)
    from halokeras.painting.expected.paint import box_conditions
    from halokeras.painting.expected.paint import paint as painted

    given = _checked(density, voxel_size, redshift, chosen, saved, contrast, force)
    conditions = box_conditions(given.header, saved)
    return saved.total(painted(saved.painter, given.grid, conditions=conditions))


def draw(  # noqa: PLR0913  (what `paint` takes, and which draw)
    density: ArrayLike,
    voxel_size: float = 4.0,
    redshift: float = 0.3,
    model: "str | Path | SavedPainter | None" = None,
    *,
    seed: int = 1,
    realization: int = 0,
    by_mass: bool = False,
    cosmology: str | Cosmology | None = None,
    mass_min: float | None = None,
    contrast: Contrast = "1+delta",
    force: bool = False,
) -> NDArray[np.uint16]:
    """Draw whole halos where `paint` gives their mean.

    Parameters
    ----------
    density, voxel_size, redshift, model, cosmology, mass_min, contrast, force
        As for `paint`.
    seed, realization
        With the index of a voxel they fix its draw.
    by_mass
        Whether to tell the halos in each of the painter's bins of mass, for `catalogue`.

    Returns
    -------
    ndarray
        Halos per voxel, (nx, ny, nz) uint16, or by mass (nx, ny, nz, bins).

    Raises
    ------
    BoxError
        As `paint`.
    ModelError
        As `paint`, or if the painter has no law of counts, or of masses, to draw from.
    """
    check_seed(seed)
    check_seed(realization, "realization")
    chosen = cosmology_of(cosmology)
    saved = painter_for(model, redshift, chosen, mass_min)
    from halokeras.painting.draws.counts import draw as drawn
    from halokeras.painting.draws.counts import draw_model_of
    from halokeras.painting.expected.paint import box_conditions

    name = named(model)
    draws = draw_model_of(saved, name)
    if by_mass and draws.mass_law is None:
        raise without_masses(name)
    given = _checked(density, voxel_size, redshift, chosen, saved, contrast, force)
    conditions = box_conditions(given.header, saved)
    found = drawn(draws, given.grid, seed, realization, conditions=conditions)
    return (found if by_mass else total_counts(found)).astype(np.uint16)


def _checked(
    density: ArrayLike,
    voxel_size: float,
    redshift: float,
    cosmology: Cosmology | None,
    saved: "SavedPainter",
    contrast: Contrast,
    force: bool,
) -> "Density":
    """Return a density that may be painted on, after warning of what differs from training."""
    from halokeras.painting.inputs.check import check_input
    from halokeras.painting.inputs.density import density_of

    values = real_grid(density, "the density")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        grid = np.ascontiguousarray(as_density(values, contrast, "the density")[:], np.float32)
    check_scale(voxel_size, redshift, "the density")
    box = Box(voxel_size, redshift, cosmology, grid, provenance={"density_scheme": "unknown"})
    given = density_of(box)
    for told in check_input(saved.provenance, given, force):
        warnings.warn(told, stacklevel=3)
    return given
