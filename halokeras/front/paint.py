"""Halos painted and drawn on a density, and drawn ones listed."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from halokeras.boxes import box_file
from halokeras.boxes.box import Box, check_scale, total_counts
from halokeras.cosmology.cosmology import Cosmology
from halokeras.errors import BoxError, ModelError
from halokeras.fields.contrast import Contrast, as_density
from halokeras.fields.gridding import shape_of
from halokeras.front.boxes import cosmology_of
from halokeras.front.grids import real_grid
from halokeras.front.painters import load_painter
from halokeras.resources import GEN_PAINTER
from halokeras.seeds import check_seed
from halokeras.storage.grid import Grid

if TYPE_CHECKING:
    from halokeras.painters.model_store import SavedPainter
    from halokeras.painting.inputs import Density
    from halokeras.painting.masses import Masses
    from halokeras.painting.places import Matter


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
    saved = _painter(model, redshift, chosen, mass_min)
    from halokeras.painting.paint import box_conditions
    from halokeras.painting.paint import paint as painted

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
    saved = _painter(model, redshift, chosen, mass_min)
    from halokeras.painting.draws import draw as drawn
    from halokeras.painting.draws import draw_model_of
    from halokeras.painting.paint import box_conditions

    name = _named(model)
    draws = draw_model_of(saved, name)
    if by_mass and draws.mass_law is None:
        raise _without_masses(name)
    given = _checked(density, voxel_size, redshift, chosen, saved, contrast, force)
    conditions = box_conditions(given.header, saved)
    found = drawn(draws, given.grid, seed, realization, conditions=conditions)
    return (found if by_mass else total_counts(found)).astype(np.uint16)


def catalogue(  # noqa: PLR0913  (drawn counts, which draw, and what else is known)
    counts: NDArray[np.integer[Any]],
    voxel_size: float = 4.0,
    *,
    seed: int = 1,
    realization: int = 0,
    modes: Box | int | None = None,
    sub_density: Grid | None = None,
    velocity: Grid | None = None,
    redshift: float = 0.3,
    cosmology: str | Cosmology | None = "00",
    mass_min: float | None = None,
    model: "str | Path | SavedPainter" = GEN_PAINTER,
) -> dict[str, NDArray[Any]]:
    """Place the halos of drawn counts in their voxels, and draw their masses if bins are told.

    Parameters
    ----------
    counts
        Halos per voxel, (nx, ny, nz) whole numbers, or by mass (nx, ny, nz, bins).
    voxel_size, redshift, cosmology
        Side of a voxel [Mpc/h], and what velocities, radii and concentrations follow from; those of
        `modes` where that is a box.
    seed, realization
        With the id of a halo they fix its place and its mass.
    modes
        Box whose density `simulate`, `lpt` or `paint` made of a seed, or the seed itself: halos are
        placed by the 2LPT matter of the same modes below the voxels and move with it, as by
        ``halopaint paint --draw --catalogue``. By default they lie anywhere in their voxel.
    sub_density
        rho/mean on a grid finer by a whole number, which tells where in its voxel a halo may lie,
        instead of `modes`.
    velocity
        Of the matter in each voxel [km/s], (3, nx, ny, nz), interpolated to each halo, instead of
        `modes`.
    mass_min, model
        Of counts by mass: the least mass that they were drawn from on [Msun/h], and the painter
        that drew them.

    Returns
    -------
    dict
        Columns by name: ``halo_id``; ``halo_x``, ``halo_y``, ``halo_z`` [Mpc/h] in [0, box_size);
        with modes or a velocity ``halo_vx``, ``halo_vy``, ``halo_vz`` [km/s]; and of counts by mass
        ``halo_mass``, ``halo_mvir``, ``halo_m200b`` or ``halo_m200c`` [Msun/h], in each voxel the
        heaviest first, ``halo_upid``, ``halo_hostid`` and, unless masses are those of
        friends-of-friends, ``halo_rvir`` or the like [Mpc/h] and ``halo_nfw_conc``.

    Raises
    ------
    BoxError
        If the counts are not drawn ones, a grid is none that can be or does not fit them, they
        were not drawn on a density of the modes, or the voxel size or seed is out of range.
    ModelError
        If the painter draws no masses, or those of other bins, or the counts hold lighter halos.
    """
    from halokeras.painting.catalogue import whole_catalogue
    from halokeras.painting.inputs import check_density, check_velocity
    from halokeras.painting.places import Matter

    check_seed(seed)
    check_seed(realization, "realization")
    counts = np.asarray(counts)
    if counts.ndim not in (3, 4) or counts.dtype.kind not in "iu" or not counts.size:
        raise BoxError(
            f"counts are {counts.dtype} of shape {counts.shape}; a catalogue is of whole numbers "
            "(nx, ny, nz) or, by mass, (nx, ny, nz, bins), as `draw` gives them"
        )
    if not 0 <= int(counts.min()) <= int(counts.max()) < 2**16:
        raise BoxError("counts are negative or above 65,535; a catalogue is of drawn halos")
    whole = total_counts(counts).astype(np.uint16)
    if isinstance(modes, Box):
        header = box_file.Header(modes.voxel_size, modes.redshift, modes.cosmology)
    else:
        header = box_file.Header(voxel_size, redshift, cosmology_of(cosmology))
    check_scale(header.voxel_size, header.redshift, "the catalogue")
    if modes is None:
        if sub_density is not None:
            check_density(sub_density, "sub_density")
        if velocity is not None:
            check_velocity(velocity, shape_of(whole), "the catalogue")
        matter = Matter(sub_density, velocity=velocity)
    elif sub_density is None and velocity is None:
        matter = _matter(whole, header, modes)
    else:
        raise BoxError("modes bring a sub_density and a velocity of their own; leave these out")
    masses = _masses(counts, header, model, mass_min) if counts.ndim == 4 else None
    return whole_catalogue(whole, header.voxel_size, seed, realization, matter, masses)


def _matter(counts: NDArray[np.uint16], header: box_file.Header, modes: Box | int) -> "Matter":
    """Return what places the halos of counts that were drawn on a density of ours."""
    from halokeras.painting.known_matter import matter_again
    from halokeras.painting.known_modes import known_box
    from halokeras.simulation.lpt_box import LptBox

    x, y, z = counts.shape
    if isinstance(modes, Box):
        told = replace(header, provenance=modes.provenance)
        known = None if modes.shape != counts.shape else known_box(told, modes.shape)
        if known is None:
            raise BoxError(
                "the modes of this box are not known: it is of another shape than the counts, or "
                "its density is not one that halopaint made of a seed; give a sub_density, or "
                "leave modes out"
            )
    else:
        if header.cosmology is None:
            raise BoxError("modes of a seed need a cosmology; name it, 00 to 04 or one of your own")
        known = LptBox(header.cosmology, modes, (x, y, z), header.voxel_size, header.redshift)
    return matter_again(known, counts, modes.density if isinstance(modes, Box) else None)


def _masses(
    counts: NDArray[np.integer[Any]],
    header: box_file.Header,
    model: "str | Path | SavedPainter",
    mass_min: float | None,
) -> "Masses":
    """Return what the masses of halos in bins are drawn from."""
    from halokeras.painting.masses import Masses

    saved, name = _painter(model, header.redshift, header.cosmology, mass_min), _named(model)
    law = saved.mass_law
    if law is None:
        raise _without_masses(name)
    if len(law.masses) != counts.shape[3]:
        raise ModelError(
            f"{name} has {len(law.masses)} bins of mass and the counts {counts.shape[3]}; name the "
            "painter that drew them as model"
        )
    if saved.kept_shares is not None and counts[..., np.array(saved.kept_shares) == 0].any():
        raise ModelError(
            f"the counts hold halos lighter than mass_min {mass_min:g} Msun/h; name the mass_min "
            "that they were drawn with"
        )
    return Masses(counts, law, saved.provenance, header)


def _painter(
    model: "str | Path | SavedPainter | None",
    redshift: float,
    cosmology: Cosmology | None,
    mass_min: float | None,
) -> "SavedPainter":
    """Return the painter that is named, or that ships for an epoch and a cosmology, cut by mass."""
    if model is None:
        from halokeras.painting.choice import shipped_painter

        model = shipped_painter(redshift, cosmology, mass_min)
    saved = load_painter(model).under(cosmology, redshift)
    return saved if mass_min is None else saved.above(mass_min)


def _named(model: "str | Path | SavedPainter | None") -> str:
    return str(model) if isinstance(model, str | Path) else "the painter"


def _without_masses(name: str) -> ModelError:
    return ModelError(f"{name} draws no masses; choose a painter of the kind halos")


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
    from halokeras.painting.check import check_input
    from halokeras.painting.inputs import density_of

    values = real_grid(density, "the density")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        grid = np.ascontiguousarray(as_density(values, contrast, "the density")[:], np.float32)
    check_scale(voxel_size, redshift, "the density")
    box = Box(voxel_size, redshift, cosmology, grid, provenance={"density_scheme": "unknown"})
    given = density_of(box)
    for told in check_input(saved.provenance, given, force):
        warnings.warn(told, stacklevel=3)
    return given
